"""Takes events in and folds them into facts."""
