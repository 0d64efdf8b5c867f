"""``python -m paceline``."""

from paceline.main import run

run()
