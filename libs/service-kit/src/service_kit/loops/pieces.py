"""What the confluent loop takes for one transaction, piece by piece."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from service_kit.librdkafka.columns import PIECE, Columns
from service_kit.records import Bulk, Partition, Slice, Texts

T = TypeVar("T")

_MOST_BYTES = 64 * 2**20  # of one transaction's records, whatever the size of each
_SHORT_SECONDS = 1.0
_LONG_SECONDS = 2.0
_BUSY_SECONDS = 0.01
_MANY = 20_000
_MANY_SECONDS = 0.5
_FREE_ROWS = 500
_ROW_SECONDS = 0.0006
_MOST_GATHERING = 2.0


def gather_seconds(within: float, records: int, rows: int) -> float:
    """Return how long to gather records after a transaction of so many that sent so many rows.

    A transaction sends a row for each tenant in it, however few its events are, and a row costs
    the relay, the broker and its readers more than an event costs here. Many records come to the
    same cells in each transaction, however short it is. So there fewer transactions cost less
    (decision 0039); with few of both it stays at ``within``.
    """
    patient = _MANY_SECONDS if records >= _MANY else 0.0
    return max(within, patient, min(_MOST_GATHERING, (rows - _FREE_ROWS) * _ROW_SECONDS))


def _never() -> bool:
    return False


def next_size(size: int, most: int, records: int, took: float) -> int:
    """Return how many records to read at once after so many of ``size`` took so long to apply.

    What a record costs depends on what it is; a transaction may not take longer than the server
    lets it live. Few records tell nothing of how long many take: it grows by what was nearly full.
    """
    if took > _LONG_SECONDS:
        return max(1, size // 2)
    return min(most, size * 2) if took < _SHORT_SECONDS and 2 * records > size else size


class Budget:
    """How much one transaction may take: records, ``bytes`` so far, seconds of waiting."""

    def __init__(self, records: int, seconds: float, busy: Callable[[], bool] = _never) -> None:
        """As long as the applier is ``busy`` with earlier ones, time is of no matter."""
        self._left = records
        self._until = time.monotonic() + seconds
        self._busy = busy
        self.bytes = 0

    def pieces(self, take: Callable[[int, float], tuple[int, T]]) -> Iterator[T]:
        """Yield pieces until something is used up, or nothing is left.

        ``take`` waits for so many records for so many seconds; it returns how many, and them.
        """
        while self._left > 0 and self.bytes < _MOST_BYTES:
            wanted, busy = min(PIECE, self._left), self._busy()
            left = _BUSY_SECONDS if busy else max(0.0, self._until - time.monotonic())
            count, piece = take(wanted, left)
            self._left -= count
            yield piece
            if count < wanted and not busy:
                return


class Run:
    """Columns of one partition that follow one another."""

    def __init__(self, first: Columns) -> None:
        self._start = first.start
        self._end = first.start + len(first.keys)
        self._keys, self._values = [first.keys], [first.values]

    def take(self, more: Columns) -> bool:
        """Take the next ones, if they are the next ones."""
        if more.start != self._end:
            return False
        self._end += len(more.keys)
        self._keys.append(more.keys)
        self._values.append(more.values)
        return True

    def slice(self, partition: Partition) -> Slice:
        """Return everything as one slice."""
        keys, values = Texts.joined(self._keys), Texts.joined(self._values)
        records = Bulk(partition, self._start, keys, values)
        return Slice(partition, self._start, self._end, records)
