"""Patching maps: every place of a network given from one run to another, one at a time."""
