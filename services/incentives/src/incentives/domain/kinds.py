"""Which kinds of metric a praise rule may be on: those whose cells add up within a day.

A cumulative metric's cells are what each minute adds, a unit-threshold metric's the units that
reached their threshold, on the day of their first event: a rule sums both as it sums any other.
"""

from dataclasses import dataclass
from typing import Final

from service_kit.errors import UserError

METRIC_UNKNOWN: Final = "metric-unknown"
_WHERE: Final = "$.metric"


@dataclass(frozen=True, slots=True)
class Metric:
    """What a rule has to know of the metric it is on."""

    name: str
    kind: str


def check_countable(metric: Metric) -> None:
    """Raise UserError, with what to use instead, for a metric whose cells do not add up."""
    refusal = _REFUSED.get(metric.kind)
    if refusal is not None:
        en, zh = refusal
        named = (en.format(metric=metric.name), zh.format(metric=metric.name))
        raise UserError("metric-not-additive", _WHERE, *named)


def unknown_metric(name: str) -> UserError:
    """Return the refusal of a metric that nobody has defined."""
    return UserError(
        METRIC_UNKNOWN,
        _WHERE,
        f"there is no metric {name}; define it at metrics-ingest (/v1/metrics) first",
        f"指标 {name} 不存在；请先在 metrics-ingest（/v1/metrics）中定义",
    )


_OVER: Final = (
    "{metric} is a ratio: one event can lift it over any threshold and the next take it down "
    "again, so no moment of a day settles it. Put the rule on an additive metric of its "
    "numerator (the same types, where and dims), and the ratio into a goal, which is judged when "
    "its days are over",
    "{metric} 是比率：一条事件就可能让它越过门槛，下一条又使其回落，当天没有任何时刻能定论。"
    "请把规则设在其分子的 additive 指标上（types、where、dims 相同），"
    "比率本身请设为目标，待各日结束后评判",
)
_REFUSED: Final = {
    "ratio": _OVER,
    "conversion": _OVER,
    "unique": (
        "{metric} is a unique count: who comes twice is one, so its parts do not add up. Define a "
        "unit-threshold metric with the same field in of and threshold 1: it counts each exactly "
        "once, on the day of the first event",
        "{metric} 是去重计数：来两次的人只算一个，各部分不能相加。"
        "请定义 unit-threshold 指标，of 用同一字段、threshold 为 1："
        "每人只在首次事件当天计一次，且精确",
    ),
    "quantile": (
        "{metric} is a quantile, and quantiles do not add up. Define an additive metric: the "
        "events whose value reaches a limit (where)",
        "{metric} 是分位数，不能相加。请定义 additive 指标：数值达到界限的事件数（where）",
    ),
}
