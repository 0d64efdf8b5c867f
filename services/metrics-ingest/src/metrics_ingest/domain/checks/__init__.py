"""Whether a definition makes sense: one file per part of a source or a metric."""
