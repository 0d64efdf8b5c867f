"""The service's settings."""

import os
from dataclasses import dataclass

from service_kit.settings import Settings, integer, seconds, setting

SERVICE = "alerting"
PORT = 8103


@dataclass(frozen=True, slots=True)
class AlertingSettings:
    """What alerting adds to the settings that all services share."""

    shared: Settings
    judge_seconds: float = setting(0.5, "How often the judge looks when nothing tells it to.")
    patience_seconds: float = setting(
        300.0,
        "How long, in real time, the judge waits for facts that the organisation's clock says are "
        "48 hours late, before a span is grey.",
        "PACELINE_PATIENCE_SECONDS",
    )
    hold_seconds: float = setting(
        0.0,
        "The drill's: how long the judge waits for each goal between reading and writing.",
        "PACELINE_JUDGE_HOLD_SECONDS",
    )
    board_goals: int = setting(
        5000,
        "How many goals have gauges of their own in each process at most; the rest is counted.",
        "PACELINE_BOARD_GOALS",
    )

    @classmethod
    def of(cls, shared: Settings) -> "AlertingSettings":
        """Read the environment; the hold is the drill's. Raises SettingError."""
        return cls(
            shared,
            patience_seconds=seconds(os.environ, "PACELINE_PATIENCE_SECONDS", 300.0),
            hold_seconds=float(os.environ.get("PACELINE_JUDGE_HOLD_SECONDS", "0")),
            board_goals=integer(os.environ, "PACELINE_BOARD_GOALS", 5_000, 0, 1_000_000),
        )
