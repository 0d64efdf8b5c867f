"""What a metric's kind means for the goals that use it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import msgspec

from event_contracts.goals import Guardrail
from event_contracts.metrics import MetricDefined
from goal_service.domain.drafts import Draft
from goal_service.domain.remarks import Remark
from service_kit.errors import UserError

RATIO = "ratio"
CONVERSION = "conversion"
UNIQUE = "unique"
QUANTILE = "quantile"
CUMULATIVE = "cumulative"
UNITS = "unit-threshold"
OVER_KINDS = (RATIO, CONVERSION)
"""Metrics with a denominator of their own."""

Definitions = Mapping[str, MetricDefined]


def metrics_of(draft: Draft) -> Iterator[tuple[str, str]]:
    """Yield every metric that the draft names, and where it names it."""
    yield draft.metric, "metric"
    if draft.over_metric is not None:
        yield draft.over_metric, "over_metric"
    for number, rail in enumerate(draft.guardrails):
        yield rail.metric, f"guardrails.{number}.metric"
        if rail.over_metric is not None:
            yield rail.over_metric, f"guardrails.{number}.over_metric"


def check_countable(draft: Draft, definitions: Definitions) -> None:
    """Raise UserError for a metric whose days do not add up to what a goal is judged on."""
    for metric, where in metrics_of(draft):
        kind = definitions[metric].kind
        if kind == UNIQUE:
            raise UserError(
                "metric-not-additive",
                where,
                f"{metric} is a unique count: who comes on two days is one, so its days do not add "
                "up. Define a unit-threshold metric with the same field in of and threshold 1: it "
                "counts each exactly once, on the day of the first event",
                f"{metric} 是去重计数：两天都来的人只算一个，各日不能相加。"
                "请定义 unit-threshold 指标，of 用同一字段、threshold 为 1："
                "每人只在首次事件当天计一次，且精确",
            )
        if kind == QUANTILE:
            raise UserError(
                "metric-not-additive",
                where,
                f"{metric} is a quantile, and quantiles of days do not add up. Define a ratio "
                "metric: the events whose value reaches a limit, over all of them",
                f"{metric} 是分位数，各日不能相加。"
                "请定义 ratio 指标：数值达到界限的事件数除以全部事件数",
            )


def with_own_over(draft: Draft, definitions: Definitions) -> Draft:
    """Return the draft in which a metric with a denominator of its own is over itself.

    Its part ``over`` then counts the metric's denominators. Raises UserError where that clashes
    with what the draft says.
    """
    own = definitions[draft.metric].kind in OVER_KINDS
    if own:
        if draft.form == "sum":
            raise _no_sum(draft.metric)
        _check_alone(draft.metric, draft.over_metric, draft.where == draft.over_where, "")
        draft = replace(draft, over_metric=draft.metric, over_where=draft.where)
    else:
        _check_denominator(draft.over_metric, definitions, "over_metric")
    rails = tuple(
        _rail(rail, definitions, f"guardrails.{number}.")
        for number, rail in enumerate(draft.guardrails)
    )
    return replace(draft, guardrails=rails)


def day_remarks(draft: Draft, definitions: Definitions) -> tuple[Remark, ...]:
    """Return warnings of sources that report whole days of another zone than the goal's."""
    differ = {
        metric: (where, zone)
        for metric, where in metrics_of(draft)
        if (zone := definitions[metric].day_zone) is not None and zone != draft.zone
    }
    return tuple(day_remark(m, zone, draft.zone, where) for m, (where, zone) in differ.items())


def day_remark(metric: str, day_zone: str, zone: str, where: str) -> Remark:
    """Return the warning of one such metric."""
    return Remark(
        "day-zone-differs",
        where,
        f"{metric} comes in whole days of {day_zone}, which count as they are: they are not cut to "
        f"days of {zone}. Take {day_zone} as the goal's zone to have the same days",
        f"{metric} 按 {day_zone} 的整日提供，并按原日计入，不会切分为 {zone} 的日；"
        f"如需一致，请将目标时区设为 {day_zone}",
    )


def _rail(rail: Guardrail, definitions: Definitions, at: str) -> Guardrail:
    if definitions[rail.metric].kind not in OVER_KINDS:
        _check_denominator(rail.over_metric, definitions, f"{at}over_metric")
        return rail
    _check_alone(rail.metric, rail.over_metric, rail.where == rail.over_where, at)
    return msgspec.structs.replace(rail, over_metric=rail.metric, over_where=rail.where)


def _check_alone(metric: str, over: str | None, same: bool, at: str) -> None:
    if over is None or (over == metric and same):
        return
    raise UserError(
        "over-metric-twice",
        f"{at}over_metric",
        f"{metric} has a denominator of its own; leave over_metric and over_where out",
        f"{metric} 自带分母；请省略 over_metric 与 over_where",
    )


def _check_denominator(metric: str | None, definitions: Definitions, where: str) -> None:
    if metric is not None and definitions[metric].kind in OVER_KINDS:
        raise UserError(
            "over-metric-is-a-ratio",
            where,
            f"{metric} is a ratio itself; a denominator is a sum",
            f"{metric} 本身是比率；分母必须是合计类指标",
        )


def _no_sum(metric: str) -> UserError:
    return UserError(
        "form-of-a-ratio",
        "form",
        f'{metric} is a ratio: its days do not add up. Use form "ratio", or "level" to move it',
        f'{metric} 是比率，各日不能相加；请将 form 设为 "ratio"，若要逐步提升则用 "level"',
    )
