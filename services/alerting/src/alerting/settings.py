"""The service's settings."""

import os
from dataclasses import dataclass

from service_kit.settings import Settings

SERVICE = "alerting"
PORT = 8103


@dataclass(frozen=True, slots=True)
class AlertingSettings:
    """What alerting adds to the settings that all services share.

    The judge looks every ``judge_seconds``. A span whose facts do not come is judged incomplete
    only after ``patience_seconds`` of real time, too. ``hold_seconds`` is 0 but in the drill: the
    judge waits so long between reading and writing. ``board_goals`` is how many goals have gauges
    of their own at most.
    """

    shared: Settings
    judge_seconds: float = 0.1
    patience_seconds: float = 300.0
    hold_seconds: float = 0.0
    board_goals: int = 5000

    @classmethod
    def of(cls, shared: Settings) -> "AlertingSettings":
        """Read the environment; the hold is the drill's."""
        return cls(
            shared,
            patience_seconds=float(os.environ.get("PACELINE_PATIENCE_SECONDS", "300")),
            hold_seconds=float(os.environ.get("PACELINE_JUDGE_HOLD_SECONDS", "0")),
            board_goals=int(os.environ.get("PACELINE_BOARD_GOALS", "5000")),
        )
