"""Domains, mechanisms and graphs of high-level causal models."""
