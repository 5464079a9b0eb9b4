"""A declarative language for causal abstraction."""
