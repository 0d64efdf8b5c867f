"""Whether what is said of money makes sense: of a source's fields, and of a metric's rates."""

from collections.abc import Iterable
from typing import NoReturn

from metrics_ingest.domain.definitions import FieldMapping, Kind, Mapping, Metric, Source
from metrics_ingest.domain.money.currencies import is_currency, named_by
from metrics_ingest.domain.money.exchange import (
    ADDING,
    BUDGET,
    DAY,
    EFFECT_SUFFIX,
    conversion_of,
    money_of,
)
from metrics_ingest.domain.money.rates import RateTable, check_unit_rate
from service_kit.errors import UserError

_LONGEST = 63


def check_source_money(source: Source) -> None:
    """Raise UserError unless every money field has a currency that can be found, in all doors."""
    for door, mapping in source.doors.items():
        for name, field in mapping.fields.items():
            if field.currency is not None:
                _check_field(field.currency, field, mapping, f"$.doors[{door}].fields.{name}")
    _check_agreement(source)


def _check_field(currency: str, field: FieldMapping, mapping: Mapping, where: str) -> None:
    if field.kind is not Kind.DECIMAL:
        _refuse(f"{where}.kind", "money is a decimal", "金额字段的类型必须是 decimal")
    code, named = named_by(currency)
    holder = mapping.fields.get(named or "")
    unheld = named is not None and (holder is None or holder.kind is not Kind.STRING)
    if unheld or (code is not None and not is_currency(code)):
        _refuse(
            f"{where}.currency",
            "an ISO 4217 code such as CNY, the name of a string field that holds one, or both: "
            "currency or CNY",
            "必须是 ISO 4217 代码（例如 CNY）、存放代码的 string 字段名，或两者：currency or CNY",
        )


def _check_agreement(source: Source) -> None:
    """A field is of the same money by each door: a metric does not know by which an event came."""
    found = [
        {name: field.currency for name, field in mapping.fields.items() if field.currency}
        for mapping in source.doors.values()
    ]
    differ = sorted(name for each in found for name, _ in each.items() ^ found[0].items())
    if differ:
        _refuse(
            "$.doors",
            f"the doors differ in the currency of {differ[0]}; name the same in each",
            f"各入口中 {differ[0]} 的币种不一致；请统一",
        )


def check_metric_money(metric: Metric, source: Source) -> None:
    """Raise UserError unless the metric's amounts can be taken into its currency."""
    if metric.name.endswith(EFFECT_SUFFIX):
        _refuse(
            "$.name",
            f"names that end in {EFFECT_SUFFIX} are those of rate effects, which Paceline makes",
            f"以 {EFFECT_SUFFIX} 结尾的名称由 Paceline 为汇率影响自动生成",
        )
    if metric.currency is not None and not is_currency(metric.currency):
        _refuse("$.currency", "an ISO 4217 code such as CNY", "必须是 ISO 4217 代码，例如 CNY")
    _check_named(metric, source)
    if metric.rates not in (DAY, BUDGET):
        _refuse("$.rates", "day or budget is needed", "必须是 day 或 budget")
    if metric.rates == DAY and metric.budget:
        _refuse("$.budget", 'these need rates: "budget"', '使用预算汇率时 rates 必须是 "budget"')
    if metric.rates == BUDGET:
        _check_budget(metric, source)


def _check_named(metric: Metric, source: Source) -> None:
    if metric.currency is not None:
        return
    money = money_of(source)
    for name in _values(metric):
        if name in money and money[name].field is not None:
            _refuse(
                "$.currency",
                f"{name} is money in several currencies; name the one to take it in",
                f"{name} 可能含多种币种；请指定换算后的币种",
            )


def _check_budget(metric: Metric, source: Source) -> None:
    if metric.currency is None:
        _refuse("$.currency", "budget rates need a currency", "使用预算汇率时需要 currency")
    if not set(_values(metric)) & money_of(source).keys():
        _refuse(
            "$.value",
            "budget rates need a value that is money: give its field a currency in the source",
            "使用预算汇率时 value 必须是金额：请在数据源中为该字段指定 currency",
        )
    if not metric.budget:
        _refuse("$.budget", "name a rate for each currency", "请为每种外币给出汇率")
    for code, rate in metric.budget.items():
        where = f"$.budget.{code}"
        if not is_currency(code) or code == metric.currency:
            _refuse(where, "the code of a foreign currency is needed", "需要外币的 ISO 4217 代码")
        check_unit_rate(rate, where)
    if metric.kind in ADDING and len(metric.name + EFFECT_SUFFIX) > _LONGEST:
        most = _LONGEST - len(EFFECT_SUFFIX)
        _refuse(
            "$.name",
            f"at most {most} characters: the rate effect is named after it",
            f"最多 {most} 个字符：汇率影响的指标以其命名",
        )


def _values(metric: Metric) -> Iterable[str]:
    values = (metric.value, metric.over.value if metric.over else None)
    return [value for value in values if value is not None]


def _refuse(where: str, en: str, zh: str) -> NoReturn:
    raise UserError("invalid-value", where, en, zh)


def check_currency_kept(before: Metric, after: Metric, source: Source) -> None:
    """Raise UserError when a new version would add one currency to another.

    A currency may be named later only where the amounts stay what they were.
    """
    named = before.currency is not None
    converts = conversion_of(after, source, RateTable(())) is not None
    if after.currency != before.currency and (named or converts):
        _refuse(
            "$.currency",
            f"it was {before.currency} and cannot change, for what is folded stays; define another "
            "metric",
            f"原为 {before.currency}，不能更改（已汇总的数据不变）；请另建指标",
        )
