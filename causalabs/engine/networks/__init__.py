"""The built-in networks, how they are trained, and where their weights are kept."""
