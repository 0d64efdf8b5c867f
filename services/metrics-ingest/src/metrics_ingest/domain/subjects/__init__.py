"""Events that are no deltas: what was told of a subject before, and what a newer word changes."""
