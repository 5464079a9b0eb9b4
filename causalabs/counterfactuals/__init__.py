"""Bases, sources, interchanges and their labels, drawn as a hypothesis says."""
