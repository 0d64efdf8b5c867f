"""Sums as Decimal128 keeps them: exact up to 34 digits, whatever the process's own context is."""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, Overflow
from typing import NamedTuple

from service_kit.errors import UserError

DECIMAL128 = Context(
    prec=34, rounding=ROUND_HALF_EVEN, Emin=-6143, Emax=6144, traps=[InvalidOperation, Overflow]
)
ZERO = Decimal(0)
# What a person may type: sums, shares and daily parts of it stay within 34 digits.
MOST = Decimal(10) ** 18
DECIMALS = 8
LEAST = Decimal(1).scaleb(-DECIMALS)

add = DECIMAL128.add
subtract = DECIMAL128.subtract
multiply = DECIMAL128.multiply
divide = DECIMAL128.divide


class Sum(NamedTuple):
    """A value and how many events stand behind it; a correction may make both negative."""

    value: Decimal = ZERO
    events: int = 0

    def plus(self, value: Decimal, events: int) -> "Sum":
        """Return the sum with a further part."""
        return Sum(add(self.value, value), self.events + events)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum of the amounts; 0 when there are none."""
    result = ZERO
    for amount in amounts:
        result = add(result, amount)
    return result


def check_amount(amount: Decimal | None, where: str) -> None:
    """Raise UserError for an amount that is no number, too large, or finer than DECIMALS digits."""
    if amount is None:
        return
    if amount.is_finite() and abs(amount) < MOST and _decimals(amount) <= DECIMALS:
        return
    raise UserError(
        "amount-invalid",
        where,
        f"{str(amount)[:60]} is no usable amount; use a number below 10^18 "
        f"with at most {DECIMALS} decimals",
        f"{str(amount)[:60]} 不是可用的数额；请使用小于 10^18 且小数不超过 {DECIMALS} 位的数字",
    )


def _decimals(amount: Decimal) -> int:
    if 0 < abs(amount) < LEAST:
        return DECIMALS + 1  # what is finer than Decimal128 would be normalized to 0
    exponent = amount.normalize(DECIMAL128).as_tuple().exponent
    return max(0, -int(exponent))
