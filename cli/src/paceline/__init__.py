"""The paceline command: up, demo, send, drill, doctor."""
