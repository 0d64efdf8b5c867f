"""``python -m alerting``."""

from alerting.main import main

main()
