"""What a loop hands over: records of a partition, and the slice that they fill."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray


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


class Texts:
    """Many byte strings, one behind the other: row r ends at ``ends[r]`` of ``bytes``."""

    def __init__(self, joined: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self.bytes = joined
        self.ends = ends

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> "Texts":
        """Join the texts."""
        sizes = np.fromiter(map(len, texts), np.int64, len(texts))
        # Compiled loops are made anew for arrays that cannot be written to: so all can.
        return cls(np.frombuffer(bytearray().join(texts), np.uint8), np.cumsum(sizes))

    @classmethod
    def joined(cls, parts: Sequence["Texts"]) -> "Texts":
        """Join what was joined in parts."""
        starts = np.cumsum([0, *(len(part.bytes) for part in parts)])
        ends = [part.ends + start for part, start in zip(parts, starts[:-1], strict=True)]
        return cls(np.concatenate([part.bytes for part in parts]), np.concatenate(ends))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, row: int) -> bytes:
        start = self.ends[row - 1] if row else 0
        return self.bytes[start : self.ends[row]].tobytes()


class Bulk(Sequence[Record]):
    """The records of a partition as columns; a record that is looked at is made of them.

    They have neither time nor headers: only a handler that prepares (batch.Preparing) gets them so.
    """

    def __init__(self, partition: Partition, start: int, keys: Texts, values: Texts) -> None:
        """``start`` is the offset of the first one; the others follow without a hole."""
        self._partition = partition
        self._start = start
        self.keys = keys
        self.values = values

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, at: int) -> Record: ...

    @overload
    def __getitem__(self, at: slice) -> list[Record]: ...

    def __getitem__(self, at: int | slice) -> Record | list[Record]:
        if isinstance(at, slice):
            return [self[row] for row in range(*at.indices(len(self)))]
        row = range(len(self))[at]
        return Record(self._partition, self._start + row, self.keys[row], self.values[row])


def columns_of(records: Sequence[Record]) -> tuple[Texts, Texts]:
    """Return the keys and the values; b"" where there is none."""
    if isinstance(records, Bulk):
        return records.keys, records.values
    keys = [record.key or b"" for record in records]
    return Texts.of(keys), Texts.of([record.value or b"" for record in records])


def keys_of(records: Sequence[Record], rows: Iterable[int]) -> list[bytes]:
    """Return the keys of these rows, b"" where there is none."""
    if isinstance(records, Bulk):  # whose records would be made for that
        return [records.keys[row] for row in rows]
    return [records[row].key or b"" for row in rows]


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
