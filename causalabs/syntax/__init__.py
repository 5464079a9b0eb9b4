"""Text to syntax tree and back; imports nothing but `causalabs.diagnostics`."""
