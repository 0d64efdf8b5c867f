"""Shows the pages; calls the other services' APIs and owns no data."""
