"""What the handlers need of the world, by noun; adapters and doors give it."""
