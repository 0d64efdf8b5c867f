"""Plain events, folded in bulk: read into columns and added up there (decision 0020)."""
