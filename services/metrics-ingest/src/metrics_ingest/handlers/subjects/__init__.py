"""The loop over subjects: what it does with a slice, and what it remembers."""
