"""Whether a metric has exactly the fields that its kind needs."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NoReturn

from metrics_ingest.domain.definitions import (
    SKETCH_KINDS,
    Contribution,
    ContributionKind,
    Kind,
    Metric,
    MetricKind,
    Source,
)
from metrics_ingest.domain.plans import kinds_of
from service_kit.errors import UserError

MOST_WINDOW_DAYS = 366
BOOKED = ("cohort", "period")

# What a kind needs, and what it may have beside; of these no other field may be given.
_NEEDS: dict[MetricKind, tuple[str, ...]] = {
    MetricKind.ADDITIVE: (),
    MetricKind.CUMULATIVE: (),
    MetricKind.RATIO: ("over",),
    MetricKind.UNIQUE: ("of",),
    MetricKind.QUANTILE: ("quantile",),
    MetricKind.UNITS: ("of", "threshold"),
    MetricKind.CONVERSION: ("over", "of", "window_days"),
}
_MAY: dict[MetricKind, tuple[str, ...]] = {MetricKind.UNITS: ("window_days",)}
_SPECIAL = ("over", "of", "quantile", "threshold", "window_days")
_WHY = {
    "over": (
        "what is divided by: types, value and where of the denominator",
        "分母的 types、value 与 where",
    ),
    "of": ("the field whose different values are counted", "按其不同取值计数的字段"),
    "quantile": ("a share between 0 and 1, such as 0.5", "0 到 1 之间的比例，例如 0.5"),
    "threshold": ("what a unit has to come to", "每个单元要达到的数值"),
    "window_days": ("within how many days it counts", "在多少天之内有效"),
}


def check_kind(metric: Metric, source: Source) -> None:
    """Raise UserError unless the metric has what its kind needs, and nothing of another kind."""
    _check_present(metric)
    _check_values(metric)
    if metric.of is not None:
        _check_of(metric, source)
    if metric.kind in SKETCH_KINDS:
        _check_deltas(metric, source)


def check_kind_kept(before: Metric, after: Metric) -> None:
    """Raise UserError when a new version is of another kind, or measures by another rule.

    What is folded stays: a sum of old and new cells would mean nothing.
    """
    for name in ("kind", "of", "by", "window_days", "threshold"):
        if getattr(before, name) != getattr(after, name):
            _refuse(
                f"$.{name}",
                f"{name} was {getattr(before, name)} and cannot change, for what is folded stays; "
                "define another metric",
                f"{name} 原为 {getattr(before, name)}，不能更改（已汇总的数据不变）；请另建指标",
            )


def _check_present(metric: Metric) -> None:
    kind = metric.kind
    for name in _NEEDS[kind]:
        if getattr(metric, name) is None:
            en, zh = _WHY[name]
            _refuse(
                f"$.{name}",
                f"a {kind} metric needs {name}: {en}",
                f"{kind} 类指标需要 {name}：{zh}",
            )
    for name in _SPECIAL:
        if name in _NEEDS[kind] or name in _MAY.get(kind, ()) or getattr(metric, name) is None:
            continue
        _refuse(
            f"$.{name}",
            f"a {kind} metric has no {name}; leave it out",
            f"{kind} 类指标没有 {name}；请省略",
        )
    if kind is MetricKind.QUANTILE and metric.value is None and metric.elapsed is None:
        _refuse(
            "$.value",
            "a quantile metric needs value (or elapsed): the number whose quantile is shown",
            "quantile 类指标需要 value（或 elapsed）：要求分位数的数值",
        )
    if kind is MetricKind.UNIQUE and (metric.value or metric.elapsed) is not None:
        _refuse(
            "$.value" if metric.value is not None else "$.elapsed",
            "a unique metric counts the values of the field in of; leave value out",
            "unique 类指标统计 of 字段的不同取值；请省略 value",
        )


def _check_values(metric: Metric) -> None:
    if metric.quantile is not None and not 0 < metric.quantile < 1:
        _refuse(
            "$.quantile", "a share between 0 and 1, such as 0.5", "必须在 0 与 1 之间，例如 0.5"
        )
    if metric.threshold is not None and not Decimal(0) < metric.threshold < Decimal(10) ** 18:
        _refuse("$.threshold", "a number above 0", "必须大于 0")
    if metric.window_days is not None and not 1 <= metric.window_days <= MOST_WINDOW_DAYS:
        _refuse(
            "$.window_days", f"1 to {MOST_WINDOW_DAYS} days", f"必须为 1 到 {MOST_WINDOW_DAYS} 天"
        )
    if metric.by not in BOOKED or (
        metric.by != BOOKED[0] and metric.kind is not MetricKind.CONVERSION
    ):
        _refuse(
            "$.by",
            "cohort or period, and only of a conversion",
            "必须是 cohort 或 period，且仅用于 conversion 类指标",
        )


def _check_of(metric: Metric, source: Source) -> None:
    kinds = kinds_of(source)
    kind = kinds.get(metric.of or "")
    if kind is None:
        known = ", ".join(sorted(kinds)) or "-"
        _refuse(
            "$.of",
            f"the source {source.name} has no field {metric.of}; it has: {known}",
            f"数据源 {source.name} 没有字段 {metric.of}；已有字段：{known}",
        )
    if kind not in (Kind.STRING, Kind.INTEGER):
        _refuse(
            "$.of",
            f"{metric.of} is a {kind}; string or integer fields name something",
            f"{metric.of} 是 {kind}；必须是 string 或 integer 字段",
        )


def _check_deltas(metric: Metric, source: Source) -> None:
    """A sketch cannot take back: what restates itself cannot be counted by one."""
    for contribution in contributions_to(metric, source):
        if contribution.kind is not ContributionKind.DELTA:
            _refuse(
                "$.source",
                f"events of {source.name} come as {contribution.kind}, which is corrected later; a "
                f"{metric.kind} metric cannot take back. Use a unit-threshold, additive or ratio "
                "metric, or a source of deltas",
                f"数据源 {source.name} 的事件类型为 {contribution.kind}，之后会被更正，而 "
                f"{metric.kind} 类指标无法撤回；请使用 unit-threshold、additive 或 ratio 类指标，"
                "或选用 delta 数据源",
            )


def contributions_to(metric: Metric, source: Source) -> Iterator[Contribution]:
    """Yield what the source declares for the types that the metric looks at."""
    named = {kind for each in source.contributions for kind in each.types}
    types = set(metric.types)
    for each in source.contributions:
        if not types or types & set(each.types) or (not each.types and types - named):
            yield each


def _refuse(where: str, en: str, zh: str) -> NoReturn:
    raise UserError("invalid-value", where, en, zh)
