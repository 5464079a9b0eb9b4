"""Results for people: terminal, JSON."""
