"""The service's settings."""

import os
from dataclasses import dataclass

from service_kit.settings import Settings, seconds

SERVICE = "alerting"
PORT = 8103


@dataclass(frozen=True, slots=True)
class AlertingSettings:
    """What alerting adds to the settings that all services share.

    The judge looks every ``judge_seconds``. A span whose facts do not come is judged incomplete
    only after ``patience_seconds`` of real time, too. ``hold_seconds`` is 0 but in the drill: the
    judge waits so long between reading and writing.
    """

    shared: Settings
    judge_seconds: float = 0.1
    patience_seconds: float = 300.0
    hold_seconds: float = 0.0

    @classmethod
    def of(cls, shared: Settings) -> "AlertingSettings":
        """Read the environment; the hold is the drill's. Raises UnreadableSetting."""
        return cls(
            shared,
            patience_seconds=seconds(os.environ, "PACELINE_PATIENCE_SECONDS", 300.0),
            hold_seconds=float(os.environ.get("PACELINE_JUDGE_HOLD_SECONDS", "0")),
        )
