"""``python -m goal_service``."""

from goal_service.main import main

main()
