"""Exact decimals: sums and products do not round, what is kept has 34 digits (Decimal128)."""

from collections.abc import Iterable
from decimal import Context, Decimal

_EXACT = Context(prec=200)  # a product of four kept figures has at most 136 digits
_KEPT = Context(prec=34)

ZERO = Decimal(0)


def total(values: Iterable[Decimal]) -> Decimal:
    """Return the sum, rounded once to 34 digits."""
    result = ZERO
    for value in values:
        result = _EXACT.add(result, value)
    return _KEPT.plus(result)


def ratio(part: Decimal, whole: Decimal) -> Decimal:
    """Return part / whole to 34 digits; ``whole`` is not 0."""
    return _KEPT.divide(part, whole)


def share(of: Decimal, whole: Decimal) -> Decimal:
    """Return of * whole, exact: boundaries are compared by products, never by a rounded ratio."""
    return _EXACT.multiply(of, whole)


def minus(one: Decimal, other: Decimal) -> Decimal:
    """Return one - other, exact."""
    return _EXACT.subtract(one, other)


def distance(one: Decimal, other: Decimal) -> Decimal:
    """Return the absolute difference, exact."""
    return _EXACT.abs(_EXACT.subtract(one, other))
