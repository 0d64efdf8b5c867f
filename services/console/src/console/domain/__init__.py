"""What the pages show, worked out of the services' answers: pure functions."""
