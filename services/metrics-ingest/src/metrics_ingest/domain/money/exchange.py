"""Money in whatever currency an event names, taken into the currency of a metric.

An amount is multiplied by one rate; the product is exact up to 12 digits after the point and
rounded half to even there, so that sums stay exact and add up the same in every order. All money
fields of a row take the rate of the same day. Nothing is rounded to cents: that is the reader's
edge.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from metrics_ingest.domain.causes import CURRENCY_UNKNOWN, OUT_OF_RANGE, RATE_MISSING, Unfit
from metrics_ingest.domain.definitions import Metric, MetricKind, Source
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.money.currencies import EXPONENTS, named_by
from metrics_ingest.domain.money.rates import RateTable

DAY = "day"
BUDGET = "budget"
EFFECT = "effect"
"""What ``Metric.rates`` says; ``effect`` only of the metrics that Paceline makes itself."""

EFFECT_SUFFIX = ".rate_effect"
ADDING = (MetricKind.ADDITIVE, MetricKind.CUMULATIVE)

_WIDE = Context(prec=80, rounding=ROUND_HALF_EVEN)
_PLACES = Decimal("1e-12")
_LIMIT = Decimal(10) ** 18

Rating = Callable[[str, int], Decimal]


class MoneyField(NamedTuple):
    """A field of money: the field that holds its currency's code, and where that stands.

    ``code`` holds without such a field, and where an event has none.
    """

    code: str | None
    field: str | None
    where: str


class Conversion:
    """Takes amounts of one metric's money fields into its currency."""

    __slots__ = ("_apply", "_currency", "_fields", "_zone")

    def __init__(
        self, metric: Metric, fields: Mapping[str, MoneyField], zone: ZoneInfo, rates: RateTable
    ) -> None:
        self._currency = metric.currency or ""
        self._fields = fields
        self._zone = zone
        day, budget = self._day_rate(rates), self._budget_rate(metric)
        applied: dict[str, Callable[[str, int], tuple[Decimal, ...]]] = {
            DAY: lambda code, at: (day(code, at),),
            BUDGET: lambda code, at: (budget(code, at),),
            EFFECT: lambda code, at: (day(code, at), -budget(code, at)),
        }
        self._apply = applied[metric.rates]

    def __call__(self, event: Mapped, field: str, amount: Decimal) -> Decimal:
        """Return the amount in the metric's currency; one of no money field stays. Raises Unfit."""
        money = self._fields.get(field)
        if money is None:
            return amount
        code = self.code_of(event, money)
        parts = [_product(amount, rate) for rate in self._apply(code, event.at_ms)]
        total = parts[0] if len(parts) == 1 else _WIDE.add(parts[0], parts[1])
        if not -_LIMIT < total < _LIMIT:
            raise Unfit(OUT_OF_RANGE, field, "at most 18 digits before the point")
        return total

    def currency_field(self, field: str) -> str | None:
        """Return the field that holds the currency of a money field, if one does."""
        money = self._fields.get(field)
        return None if money is None else money.field

    def keeps(self, event: Mapped, field: str) -> bool:
        """Whether the field's amount is in the metric's currency already; raises Unfit."""
        money = self._fields.get(field)
        return money is None or self.code_of(event, money) == self._currency

    def names_its_currency(self, event: Mapped, field: str) -> bool:
        """Whether the event says what the field's currency is."""
        money = self._fields.get(field)
        return money is None or money.field is None or money.field in event.fields

    @staticmethod
    def code_of(event: Mapped, money: MoneyField) -> str:
        """Return the code of the event's currency, in capitals whatever it is written in."""
        found = event.fields.get(money.field or "", money.code)
        code = str(found).strip().upper() if found is not None else ""
        if code not in EXPONENTS:
            # A code of three letters is no secret; anything else is not repeated.
            got = code if len(code) == 3 and code.isalpha() else "nothing" if not code else "text"
            raise Unfit(
                CURRENCY_UNKNOWN, money.where, "an ISO 4217 code such as CNY is wanted", got
            )
        return code

    def _day_rate(self, rates: RateTable) -> Rating:
        quote, zone = self._currency, self._zone

        def rate(code: str, at_ms: int) -> Decimal:
            if code == quote:
                return _ONE
            day = datetime.fromtimestamp(at_ms // 1000, zone).date()
            found = rates.at(code, quote, day.toordinal())
            if found is None:
                raise Unfit(
                    RATE_MISSING, f"{code}/{quote}", f"a rate of {day} or before it is wanted"
                )
            return found

        return rate

    def _budget_rate(self, metric: Metric) -> Rating:
        quote, budget = self._currency, metric.budget

        def rate(code: str, at_ms: int) -> Decimal:
            if code == quote:
                return _ONE
            found = budget.get(code)
            if found is None:
                raise Unfit(
                    RATE_MISSING,
                    f"{code}/{quote}",
                    f"a budget rate in the metric {metric.name} is wanted",
                )
            return found

        return rate


_ONE = Decimal(1)


def _product(amount: Decimal, rate: Decimal) -> Decimal:
    product = _WIDE.multiply(amount, rate)
    if int(product.as_tuple().exponent) < -12:
        product = _WIDE.quantize(product, _PLACES)
    return product


def conversion_of(metric: Metric, source: Source, rates: RateTable) -> Conversion | None:
    """Return how the metric's money is taken into its currency; None where nothing is to be done.

    An effect whose metric has no budget rates any more has none either: see ``is_quiet``.
    """
    if metric.currency is None:
        return None
    fields = {
        name: money
        for name, money in money_of(source).items()
        if (money.code, money.field) != (metric.currency, None) or metric.rates == EFFECT
    }
    wanted = {metric.value, metric.over.value if metric.over else None}
    if not wanted & fields.keys():
        return None
    return Conversion(metric, fields, ZoneInfo(source.zone), rates)


def money_of(source: Source) -> dict[str, MoneyField]:
    """Return the money fields of a source; all doors agree on them (check_money)."""
    found = {}
    for mapping in source.doors.values():
        for name, field in mapping.fields.items():
            if field.currency is None:
                continue
            code, named = named_by(field.currency)
            holder = mapping.fields.get(named or "")
            where = " | ".join(holder.paths) if holder else named or name
            found[name] = MoneyField(code, named, where)
    return found


def quotes_of(sources: Iterable[Source], metrics: Iterable[Metric]) -> set[str]:
    """Return the currencies into which rates can be needed."""
    paying = {source.name for source in sources if money_of(source)}
    return {m.currency for m in metrics if m.currency is not None and m.source in paying}


def effect_of(metric: Metric, before: Metric | None) -> Metric | None:
    """Return the metric of the rate effect that goes with a metric at budget rates.

    It is what the day's rates make of the amounts, less what the budget rates make of them:
    negative when the currency brought less than was budgeted. One whose metric was moved off its
    budget rates adds nothing any more. Ratios, unique counts and quantiles have none: an effect is
    a difference of sums.
    """
    had = before is not None and before.rates == BUDGET and before.kind in ADDING
    has = metric.rates == BUDGET and metric.kind in ADDING
    if not has and not had:
        return None
    return Metric(
        name=metric.name + EFFECT_SUFFIX,
        source=metric.source,
        kind=metric.kind if has else MetricKind.ADDITIVE,
        types=metric.types,
        value=metric.value,
        where=metric.where,
        dims=metric.dims,
        unit=metric.unit,
        currency=metric.currency,
        good=metric.good,
        version=metric.version,
        rates=EFFECT,
        budget=metric.budget if has else {},
    )


def is_quiet(metric: Metric) -> bool:
    """Whether the metric is the effect of one that has no budget rates any more."""
    return metric.rates == EFFECT and not metric.budget
