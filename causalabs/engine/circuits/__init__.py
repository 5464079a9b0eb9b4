"""Circuits: a network as nodes and edges through the residual stream, and runs with edges cut."""
