"""A cell: what a metric comes to in one minute of one set of dimension values."""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from metrics_ingest.domain.values import Value
from service_kit.sketches import Distinct, Ranks, Sketch, merged

Dims = tuple[Value | None, ...]
CellKey = tuple[int, Dims]
"""A UTC epoch minute and the values of the metric's dimensions, in their order."""

Minutes = TypeVar("Minutes", int, NDArray[np.int64])

DaySets = Mapping[int, frozenset[bytes] | set[bytes]]
"""Known sets of dimension values by UTC day, as set_key."""

_ZERO = Decimal(0)
_MINUTES_A_DAY = 1440


def day_of(minute: Minutes) -> Minutes:
    """Return the UTC day, counted from the epoch, of an epoch minute, or of a column of them."""
    return minute // _MINUTES_A_DAY


def set_key(dims: Dims) -> bytes:
    """Return eight bytes that stand for a set of dimension values."""
    return _key_of_texts(tuple([None if d is None else str(d) for d in dims]))


@lru_cache(200_000)
def _key_of_texts(texts: tuple[str | None, ...]) -> bytes:
    return xxhash.xxh3_64_digest(msgspec.json.encode(texts))


class Amount(NamedTuple):
    """What one contribution adds to a cell: to its sum, and to its denominator if it has one.

    ``item`` goes into the cell's sketch: a text into a count of different ones, a number into
    quantiles. None: the metric has no sketch.
    """

    sum: Decimal
    over: Decimal = _ZERO
    item: str | Decimal | None = None


class CellSum(msgspec.Struct, gc=False):
    """What a cell has come to; ``count`` is how many events stand behind it.

    Sums are exact inside ``localcontext(EXACT)`` only, which the caller opens once for many.
    """

    sum: Decimal = _ZERO
    count: int = 0
    over: Decimal = _ZERO
    sketch: Sketch | None = None

    def add(self, amount: Amount, count: int = 1) -> None:
        """Add a contribution; a reversal is a negative amount with count -1, and has no item."""
        self.sum += amount.sum
        self.over += amount.over
        self.count += count
        if amount.item is not None:
            self._note(amount.item)

    def merge(self, other: "CellSum") -> None:
        """Add another cell."""
        self.sum += other.sum
        self.over += other.over
        self.count += other.count
        if other.sketch is not None:
            self.sketch = merged([*self._bytes(), other.sketch.to_bytes()])

    def _note(self, item: str | Decimal) -> None:
        if self.sketch is None:
            self.sketch = Distinct() if isinstance(item, str) else Ranks()
        self.sketch.add(item)  # type: ignore[arg-type]  # one metric's items are of one kind

    def _bytes(self) -> list[bytes]:
        return [] if self.sketch is None else [self.sketch.to_bytes()]
