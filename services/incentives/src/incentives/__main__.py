"""``python -m incentives``."""

from incentives.main import main

main()
