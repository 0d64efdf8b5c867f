"""Rates of exchange as the operator loads them, by day, and as the fold looks them up."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Context, Decimal

import msgspec

from metrics_ingest.domain.money.currencies import is_currency
from service_kit.errors import UserError

MOST_RATES = 20_000
_PERS = (1, 100)
_PLACES = -12
_HIGHEST = Decimal(10) ** 9
_SOURCE_LIMIT = 200
_FIRST, _LAST = date(1970, 1, 1), date(2199, 12, 31)
PairDay = tuple[str, str, date]
# A rate has at most 21 digits, and 100 divides without a rest.
_WIDE = Context(prec=60)


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """``per`` units of ``base`` cost ``rate`` of ``quote`` on ``date``; feeds quote per 1 or 100.

    ``source`` says who fixed it. ``version`` is that of the load that brought it, ``at_ms`` when.
    """

    date: date
    base: str
    quote: str
    rate: Decimal
    per: int = 1
    source: str = ""
    version: int = 0
    at_ms: int = 0

    @property
    def day(self) -> PairDay:
        """What a rate is of: one pair on one day."""
        return self.base, self.quote, self.date

    @property
    def unit(self) -> Decimal:
        """What one unit of ``base`` costs, exact."""
        return _WIDE.divide(self.rate, Decimal(self.per))

    def says_as(self, other: "Rate") -> bool:
        """Whether the other says the same: 7.05 is 7.050, and 705 per 100."""
        return (self.unit, self.source) == (other.unit, other.source)


class RateTable:
    """Finds the rate of a day: the newest version, of the last day before it if it has none."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        newest: dict[tuple[str, str], dict[int, Rate]] = {}
        for rate in rates:
            days = newest.setdefault((rate.base, rate.quote), {})
            known = days.get(rate.date.toordinal())
            if known is None or known.version <= rate.version:
                days[rate.date.toordinal()] = rate
        self._days: dict[tuple[str, str], list[int]] = {}
        self._units: dict[tuple[str, str], list[Decimal]] = {}
        for pair, known_days in newest.items():
            self._days[pair] = sorted(known_days)
            self._units[pair] = [known_days[day].unit for day in self._days[pair]]

    def at(self, base: str, quote: str, day: int) -> Decimal | None:
        """Return what one ``base`` costs in ``quote`` on a day (an ordinal), None if unknown.

        Only a pair that was loaded is known: no inverse, and no way by a third currency.
        """
        days = self._days.get((base, quote))
        if days is None:
            return None
        place = bisect_right(days, day)
        return self._units[base, quote][place - 1] if place else None


def check_rates(rates: Sequence[Rate], places: Sequence[str]) -> None:
    """Raise UserError for the first rate that cannot be; ``places`` say where each stands."""
    if not rates or len(rates) > MOST_RATES:
        raise UserError(
            "invalid-value",
            "$",
            f"1 to {MOST_RATES} rates are taken",
            f"需要 1 到 {MOST_RATES} 条汇率",
        )
    seen: dict[PairDay, Rate] = {}
    for rate, where in zip(rates, places, strict=True):
        _check_rate(rate, where)
        other = seen.setdefault(rate.day, rate)
        if not other.says_as(rate):
            raise UserError(
                "rate-twice",
                where,
                f"{rate.base}/{rate.quote} of {rate.date} stands here twice, with two rates",
                f"{rate.base}/{rate.quote} 在 {rate.date} 出现两次且汇率不同",
            )


def _check_rate(rate: Rate, where: str) -> None:
    for name, code in (("base", rate.base), ("quote", rate.quote)):
        if not is_currency(code):
            raise UserError(
                "currency-unknown",
                f"{where}.{name}",
                "an ISO 4217 code such as CNY, in capital letters, is needed",
                "需要大写的 ISO 4217 货币代码，例如 CNY",
            )
    if rate.base == rate.quote:
        _refuse(f"{where}.quote", "another currency than the base is needed", "须与 base 不同")
    if rate.per not in _PERS:
        _refuse(f"{where}.per", "1 or 100 is needed", "必须是 1 或 100")
    check_unit_rate(rate.rate, f"{where}.rate")
    if not _FIRST <= rate.date <= _LAST:
        _refuse(f"{where}.date", f"a day from {_FIRST} to {_LAST}", f"日期须在 {_FIRST} 至 {_LAST}")
    if len(rate.source) > _SOURCE_LIMIT:
        _refuse(
            f"{where}.source", f"at most {_SOURCE_LIMIT} characters", f"最多 {_SOURCE_LIMIT} 个字符"
        )


def check_unit_rate(rate: Decimal, where: str) -> None:
    """Raise UserError unless it is above 0, below 10^9 and has at most 12 decimal places."""
    if not rate.is_finite() or not 0 < rate < _HIGHEST:
        _refuse(where, "a number above 0 and below 1,000,000,000", "须大于 0 且小于 10 亿")
    if int(_WIDE.normalize(rate).as_tuple().exponent) < _PLACES:
        _refuse(where, "at most 12 digits after the point", "小数点后最多 12 位")


def _refuse(where: str, en: str, zh: str) -> None:
    raise UserError("invalid-value", where, en, zh)
