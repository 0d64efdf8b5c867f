"""``python -m metrics_ingest``."""

from metrics_ingest.main import main

main()
