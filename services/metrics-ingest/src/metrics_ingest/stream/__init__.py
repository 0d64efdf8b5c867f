"""Topics to handlers: the fold on the raw log, the re-keyer on foreign topics, the watermarks."""
