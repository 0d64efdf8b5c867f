"""Raw events by the thousand as rows of bytes, for a driver that may cost next to nothing.

What the events of a cell share is written once a second; an event is a copy of it, with its name
put in. Columns of NumPy are enough for that: 0.15 microseconds an event, and nothing to compile.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_digest

from event_contracts.wire import key_of
from paceline.bench_load import SOURCE, Shape
from service_kit.librdkafka.producer import Rows

Cell = tuple[int, int, int]
"""Tenant, type and campaign, by number."""

AMOUNT = Decimal("1.25")
_NAME = np.dtype("V16")  # "e" and fifteen digits
_GAP = " " * _NAME.itemsize
_FOUR: Any = np.array([f"{number:04}".encode() for number in range(10_000)]).view("V4")


class _Texts:
    """A text for each cell, with gaps where the names go."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts: Any = np.array([text.encode() for text in texts])
        self.sizes = np.array([len(text) for text in texts])
        gaps = range(texts[0].count(_GAP))
        self._gaps = [np.array([_gap(text, which) for text in texts]) for which in gaps]

    def filled(self, cells: NDArray[np.int64], names: Any) -> Any:
        """Return a row for each name."""
        rows = self.texts[cells]
        # A name may be put at every byte.
        places: Any = np.ndarray(rows.nbytes - _NAME.itemsize + 1, _NAME, rows, strides=(1,))
        starts = np.arange(len(rows)) * rows.itemsize
        for gaps in self._gaps:
            places[starts + gaps[cells]] = names
        return rows


def _gap(text: str, which: int) -> int:
    return len(_GAP.join(text.split(_GAP)[: which + 1]))


class Events:
    """The events of a run, all cells by turns."""

    def __init__(self, shape: Shape, tenants: Sequence[str]) -> None:
        turns = product(*map(range, (shape.tenants, shape.campaigns, shape.types)))
        self._cells: list[Cell] = [(tenant, kind, campaign) for tenant, campaign, kind in turns]
        self._tenants = tenants
        self._keys = _Texts([key_of(tenants[each[0]], SOURCE, _GAP) for each in self._cells])
        self._made_at = 0
        self._values: _Texts

    def rows(self, first: int, count: int, now: datetime, partitions: int) -> Rows:
        """Return so many events from the ``first``-th on."""
        self._make(now.replace(microsecond=0))
        numbers = np.arange(first, first + count)
        cells, names = numbers % len(self._cells), _names(numbers)
        keys = self._keys.filled(cells, names)
        return Rows(
            keys,
            self._keys.sizes[cells],
            self._values.filled(cells, names),
            self._values.sizes[cells],
            partitions_of(partitions, keys),
        )

    def counts(self, written: int) -> dict[Cell, int]:
        """Return how many of the first events fell into each cell."""
        rounds, more = divmod(written, len(self._cells))
        return {cell: rounds + (turn < more) for turn, cell in enumerate(self._cells)}

    def _make(self, now: datetime) -> None:
        at_ms = int(now.timestamp()) * 1000
        if at_ms == self._made_at:
            return
        self._made_at = at_ms
        self._values = _Texts(
            [
                f'{{"type":"raw.event.v1","tenant":"{self._tenants[tenant]}","source":"{SOURCE}",'
                f'"id":"{_GAP}","door":"http","received_ms":{at_ms},"body":{{"specversion":"1.0",'
                f'"id":"{_GAP}","source":"/bench","type":"type-{kind:02}",'
                f'"time":"{now:%Y-%m-%dT%H:%M:%S}Z","data":'
                f'{{"campaign":"campaign-{campaign:03}","amount":{AMOUNT}}}}}}}'
                for tenant, kind, campaign in self._cells
            ]
        )


def _names(numbers: NDArray[np.int64]) -> Any:
    """Return ``e`` and fifteen digits for each number."""
    words: Any = np.empty((len(numbers), 4), _FOUR.dtype)
    for word in range(3, -1, -1):
        numbers, rest = np.divmod(numbers, 10_000)
        words[:, word] = _FOUR[rest]
    words.view(np.uint8)[:, 0] = ord("e")
    return words.view(_NAME)[:, 0]


def partitions_of(count: int, keys: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """Return what event_contracts.wire.partition_of_key returns, for many keys."""
    digests = b"".join(map(xxh3_128_digest, keys.tolist()))
    return (np.frombuffer(digests, ">u8")[::2] % count).astype(np.int64)
