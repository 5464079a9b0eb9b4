"""Rivals: several algorithms for one task, and which counterfactuals tell them apart."""
