"""What can be set for this service beyond service_kit.settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """``window_bytes`` bounds the seen ids in memory, ``batch`` the records of one transaction.

    ``look_seconds`` is how often new doors to foreign topics are looked for.
    """

    window_bytes: int = 2**30
    batch: int = 5000
    look_seconds: float = 1.0
