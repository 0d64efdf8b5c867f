"""Sums as Decimal128 keeps them: exact up to 34 digits, whatever the process's own context is."""

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, Overflow

_DECIMAL128 = Context(
    prec=34, rounding=ROUND_HALF_EVEN, Emin=-6143, Emax=6144, traps=[InvalidOperation, Overflow]
)
ZERO = Decimal(0)

add = _DECIMAL128.add
