"""Results for people: the terminal and plain text."""
