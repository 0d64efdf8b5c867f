"""Sketches that merge: how many different values there were (HLL), and their quantiles (KLL).

The reference implementation, Apache DataSketches, and its own compact bytes. A service that uses
this module names ``datasketches`` among its dependencies.

    Distinct  HLL, m = 2**13 = 8192 registers; relative standard error 1.04/sqrt(m) = 1.149 %.
              Up to some hundred values it lists them and is exact but for hash collisions.
    Ranks     KLL, k = 200; rank error 1.33 % (one quantile) at 99 %. Up to k values it is exact.
              Values are held as doubles: 15 significant digits of each.

Merging distinct counts takes the larger of each register, so that no order and no split of the
values changes the estimate. Merging ranks halves at random: the bound holds, the last digit moves.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

import datasketches

LG_M = 13
K = 200
SIGMAS = 2
# The family of a sketch stands in the third byte of its preamble.
_FAMILY = 2
_HLL = 7
_KLL = 15


class BadSketch(ValueError):
    """Bytes that are no sketch of ours."""


class Estimate(NamedTuple):
    """A number between two bounds."""

    value: Decimal
    low: Decimal
    high: Decimal


class Distinct:
    """Counts different texts."""

    __slots__ = ("_union",)

    def __init__(self) -> None:
        self._union = datasketches.hll_union(LG_M)

    def add(self, text: str) -> None:
        """Count a text, once however often it comes."""
        self._union.update(text)

    def merge(self, blob: bytes) -> None:
        """Add what another counted; raises BadSketch."""
        self._union.update(_read(datasketches.hll_sketch, _HLL, blob))

    def to_bytes(self) -> bytes:
        """Return it as bytes: 8 for nothing, 12 for one text, 4.2 KB at the most."""
        blob: bytes = self._union.get_result(datasketches.HLL_4).serialize_compact()
        return blob

    def estimate(self) -> Estimate:
        """Return how many there are, with bounds of two standard errors (95 %)."""
        # Merged with itself it forgets the order of its values: only the registers speak, so that
        # one sketch of all and the merged sketches of any parts say the same.
        registers, union = self._union.get_result(), datasketches.hll_union(LG_M)
        union.update(registers)
        union.update(registers)
        bounds = union.get_lower_bound(SIGMAS), union.get_upper_bound(SIGMAS)
        return Estimate(_whole(union.get_estimate()), *map(_whole, bounds))


class Ranks:
    """Keeps the order of numbers."""

    __slots__ = ("_sketch",)

    def __init__(self) -> None:
        self._sketch = datasketches.kll_doubles_sketch(K)

    def add(self, value: Decimal | float) -> None:
        """Add a number."""
        self._sketch.update(float(value))

    def merge(self, blob: bytes) -> None:
        """Add the numbers of another; raises BadSketch."""
        self._sketch.merge(_read(datasketches.kll_doubles_sketch, _KLL, blob))

    def to_bytes(self) -> bytes:
        """Return it as bytes: some 50 for a few numbers, 5 KB for very many."""
        blob: bytes = self._sketch.serialize()
        return blob

    def quantile(self, of: Decimal) -> Estimate | None:
        """Return the smallest number that a share ``of`` of all does not exceed; None of none.

        The bounds are the quantiles one rank error below and above.
        """
        if self._sketch.is_empty():
            return None
        error = (
            self._sketch.normalized_rank_error(False) if self._sketch.is_estimation_mode() else 0
        )
        share = float(of)
        return Estimate(
            *(self._at(min(max(each, 0.0), 1.0)) for each in (share, share - error, share + error))
        )

    def _at(self, share: float) -> Decimal:
        return Decimal(repr(self._sketch.get_quantile(share, True)))


Sketch = Distinct | Ranks


def read(blob: bytes) -> Sketch:
    """Return the sketch that the bytes hold; raises BadSketch."""
    sketch: Sketch = Ranks() if blob[_FAMILY : _FAMILY + 1] == bytes([_KLL]) else Distinct()
    sketch.merge(blob)
    return sketch


def merged(blobs: Iterable[bytes]) -> Sketch | None:
    """Return all of them as one, None of none; raises BadSketch, also for two kinds at once."""
    sketch: Sketch | None = None
    for blob in blobs:
        if sketch is None:
            sketch = read(blob)
        else:
            sketch.merge(blob)
    return sketch


def _read(kind: Any, family: int, blob: bytes) -> object:
    if blob[_FAMILY : _FAMILY + 1] != bytes([family]):
        raise BadSketch("another kind of sketch, or none")
    try:
        return kind.deserialize(blob)
    except (ValueError, IndexError, RuntimeError, MemoryError) as error:
        raise BadSketch(str(error)) from None


def _whole(number: float) -> Decimal:
    return Decimal(round(number))
