"""pyvene (Wu et al. 2024) as a second backend and as an oracle; imported only when asked for."""
