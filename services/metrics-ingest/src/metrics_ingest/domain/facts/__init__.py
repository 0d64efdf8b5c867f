"""What the fold comes to: cells, parts of them that fit into a record, and batches of facts."""
