"""The grammar of hypothesis files, `causal.lark`, as package data."""
