"""What a loop hands over: records of a partition, and the slice that they fill."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


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


class Bulk(Sequence[Record]):
    """Records that are made one by one as they are looked at; their columns come at once."""

    @abstractmethod
    def keys(self) -> list[bytes | None]:
        """Return the records' keys."""

    @abstractmethod
    def values(self) -> list[bytes | None]:
        """Return the records' values."""


def columns_of(records: Sequence[Record]) -> tuple[list[bytes], list[bytes]]:
    """Return the keys and the values; b"" where there is none."""
    if isinstance(records, Bulk):
        return _filled(records.keys()), _filled(records.values())
    return [record.key or b"" for record in records], [record.value or b"" for record in records]


def _filled(column: list[bytes | None]) -> list[bytes]:
    return [value or b"" for value in column]


@dataclass(frozen=True, slots=True)
class Slice:
    """The records of one partition from position ``start`` up to, not including, ``end``.

    A slice without records and with ``start == end`` is a tick: nothing to apply, but a chance to
    send what time alone makes due (watermarks). ``prepared`` is what its handler has made of these
    very records ahead of the transaction (batch.Preparing), None: nothing.
    """

    partition: Partition
    start: int
    end: int
    records: Sequence[Record] = ()
    prepared: Any = None
