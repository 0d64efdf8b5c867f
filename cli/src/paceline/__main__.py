"""``python -m paceline``."""

from paceline.main import app

app()
