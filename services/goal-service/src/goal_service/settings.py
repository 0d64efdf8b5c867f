"""The service's settings."""

from dataclasses import dataclass

from service_kit.settings import Settings

SERVICE = "goal-service"
PORT = 8102


@dataclass(frozen=True, slots=True)
class GoalSettings:
    """What goal-service adds to the settings that all services share.

    ``raw_partitions`` is how many partitions of raw feed every facts partition. Loose fact
    documents of a metric are folded into blocks when there are more than ``compact_at``; the timer
    looks every ``compact_seconds``. What a kill left of a changed policy or leave is finished every
    ``follow_seconds``.
    """

    shared: Settings
    compact_at: int = 500
    compact_seconds: float = 10.0
    follow_seconds: float = 30.0

    @property
    def partitions(self) -> int:
        """How many partitions every topic of ours has."""
        return self.shared.partitions
