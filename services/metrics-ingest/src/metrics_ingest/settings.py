"""What can be set for this service beyond service_kit.settings."""

from dataclasses import dataclass

from service_kit.settings import setting


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """What metrics-ingest adds; set in code."""

    window_bytes: int = setting(2**30, "Bounds the seen ids in memory; older ones go to disk.")
    batch: int = setting(100_000, "How many records one transaction takes at most.")
    look_seconds: float = setting(1.0, "How often new doors to foreign topics are looked for.")
