"""What a loop hands over: records of a partition, and the slice that they fill."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Partition(NamedTuple):
    """One partition of a topic, by the topic's logical name (without the deployment's prefix)."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record; ``timestamp_ms`` is the broker's append time, epoch milliseconds."""

    partition: Partition
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int = 0
    headers: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slice:
    """The records of one partition from position ``start`` up to, not including, ``end``.

    A slice without records and with ``start == end`` is a tick: nothing to apply, but a chance to
    send what time alone makes due (watermarks).
    """

    partition: Partition
    start: int
    end: int
    records: tuple[Record, ...] = ()
