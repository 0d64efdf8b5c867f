"""What a light is and which deeds follow: frozen types and pure functions."""
