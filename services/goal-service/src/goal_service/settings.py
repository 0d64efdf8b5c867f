"""The service's settings."""

from dataclasses import dataclass

from service_kit.settings import Settings, setting

SERVICE = "goal-service"
PORT = 8102


@dataclass(frozen=True, slots=True)
class GoalSettings:
    """What goal-service adds to the settings that all services share."""

    shared: Settings
    compact_at: int = setting(
        200, "Loose documents of a facts partition are folded into blocks when there are more."
    )
    compact_seconds: float = setting(10.0, "How often the timer looks for them.")
    follow_seconds: float = setting(
        30.0, "How often it finishes what a kill left of a changed policy or leave."
    )

    @property
    def partitions(self) -> int:
        """How many partitions every topic of ours has."""
        return self.shared.partitions
