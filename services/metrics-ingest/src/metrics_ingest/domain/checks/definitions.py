"""Whether a definition makes sense: what is wrong, where, and what would be right."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.checks.contributions import check_contributions, check_subject_metric
from metrics_ingest.domain.checks.elapsed import check_elapsed
from metrics_ingest.domain.checks.kinds import check_kind, check_kind_kept
from metrics_ingest.domain.checks.limits import check_source_limits
from metrics_ingest.domain.checks.mapping import check_at_door, check_mapping
from metrics_ingest.domain.checks.money import check_metric_money, check_source_money
from metrics_ingest.domain.checks.signature import check_signature
from metrics_ingest.domain.definitions import (
    HOOK_DOOR,
    HTTP_DOOR,
    SEGMENT_DOOR,
    TOPIC_DOOR,
    Condition,
    Kind,
    Measure,
    Metric,
    Op,
    Source,
)
from metrics_ingest.domain.mapping.wire import AVRO
from metrics_ingest.domain.money.exchange import EFFECT
from metrics_ingest.domain.plans import kinds_of, own_measure
from metrics_ingest.domain.values import CONVERT
from service_kit.errors import UserError

_NAME = re.compile(r"[a-z][a-z0-9_.\-]{0,62}", re.ASCII)
_TOPIC = re.compile(r"[a-zA-Z0-9._\-]{1,249}", re.ASCII)
_LONG = 200
_MOST = 64


def check_source(source: Source, metrics: Iterable[Metric], prefix: str) -> None:
    """Raise UserError unless the source can be read and all its metrics still have their fields.

    ``prefix`` begins the names of our own topics, which cannot be read as a source.
    """
    _check_name(source.name, "$.name")
    _check_zone(source.zone)
    if not source.doors:
        _refuse(
            "$.doors",
            "a source needs a door: http, segment, hook, or topic:NAME",
            "数据源至少需要一个入口：http、segment、hook 或 topic:主题名",
        )
    for door, mapping in source.doors.items():
        _check_door(door, prefix)
        check_at_door(door, mapping, f"$.doors[{msgspec.json.encode(door).decode()}]")
        check_mapping(mapping, f"$.doors[{msgspec.json.encode(door).decode()}]")
    _check_agreement(source)
    check_source_money(source)
    check_signature(source)
    check_source_limits(source)
    _check_texts(source.records, "$.records")
    check_contributions(source, kinds_of(source))
    for metric in metrics:
        _check_still_fits(metric, source)


def check_without_registry(source: Source) -> None:
    """Raise UserError when a door of the source needs a schema registry."""
    for door, mapping in source.doors.items():
        if mapping.wire == AVRO:
            _refuse(
                f"$.doors[{msgspec.json.encode(door).decode()}].wire",
                "Avro needs a schema registry; set PACELINE_SCHEMA_REGISTRY",
                "Avro 需要 schema 注册中心；请设置 PACELINE_SCHEMA_REGISTRY",
            )


def check_metric(metric: Metric, source: Source | None) -> Source:
    """Return the source; raises UserError unless the metric can be folded from it."""
    _check_name(metric.name, "$.name")
    if source is None:
        _refuse(
            "$.source",
            f"the source {metric.source} does not exist; create it first",
            f"数据源 {metric.source} 不存在；请先创建",
        )
    if metric.good not in ("up", "down"):
        _refuse("$.good", "up or down is needed", "必须是 up 或 down")
    if len(metric.unit) > _LONG:
        _refuse("$.unit", f"at most {_LONG} characters", f"最多 {_LONG} 个字符")
    _check_texts(metric.types, "$.types")
    _check_fields(metric, source)
    check_metric_money(metric, source)
    check_subject_metric(metric, source)
    return source


def check_dims_kept(before: Metric, after: Metric) -> None:
    """Raise UserError when a new version takes dimensions away or is of another kind.

    Goals filter on dimensions, and what is folded already stays as it is.
    """
    check_kind_kept(before, after)
    lost = [dim for dim in before.dims if dim not in after.dims]
    if lost:
        _refuse(
            "$.dims",
            f"goals may filter on {', '.join(lost)}; keep it, or define another metric",
            f"目标可能按 {'、'.join(lost)} 筛选；请保留，或另建指标",
        )


def _check_fields(metric: Metric, source: Source) -> None:
    kinds = kinds_of(source)
    check_kind(metric, source)
    _check_measure(own_measure(metric), "$", kinds, source.name)
    if metric.over is not None:
        _check_texts(metric.over.types, "$.over.types")
        _check_measure(metric.over, "$.over", kinds, source.name)
    if len(set(metric.dims)) != len(metric.dims) or len(metric.dims) > _MOST:
        _refuse("$.dims", f"each once, at most {_MOST}", f"每个维度只能出现一次，最多 {_MOST} 个")
    for index, dim in enumerate(metric.dims):
        if _kind(kinds, dim, f"$.dims[{index}]", source.name) is Kind.DECIMAL:
            _refuse(
                f"$.dims[{index}]",
                f"{dim} is a decimal; dimensions are string or integer fields",
                f"{dim} 是 decimal；维度必须是 string 或 integer 字段",
            )


def _check_measure(measure: Measure, at: str, kinds: dict[str, Kind], source: str) -> None:
    check_elapsed(measure, at, kinds)
    if measure.value is not None:
        kind = _kind(kinds, measure.value, f"{at}.value", source)
        if kind is Kind.STRING:
            _refuse(
                f"{at}.value",
                f"{measure.value} is a text; a decimal or integer field can be summed",
                f"{measure.value} 是文本；只有 decimal 或 integer 字段可以求和",
            )
    for index, condition in enumerate(measure.where):
        where = f"{at}.where[{index}]"
        _check_condition(condition, _kind(kinds, condition.field, f"{where}.field", source), where)


def _kind(kinds: dict[str, Kind], field: str, where: str, source: str) -> Kind:
    kind = kinds.get(field)
    if kind is None:
        known = ", ".join(sorted(kinds)) or "-"
        _refuse(
            where,
            f"the source {source} has no field {field}; it has: {known}",
            f"数据源 {source} 没有字段 {field}；已有字段：{known}",
        )
    return kind


def _check_condition(condition: Condition, kind: Kind, where: str) -> None:
    value = condition.value
    if condition.op is Op.EXISTS:
        if value not in (None, True, False):
            _refuse(f"{where}.value", "true or false is needed", "必须是 true 或 false")
        return
    if condition.op is Op.IN:
        if not isinstance(value, list) or not value:
            _refuse(f"{where}.value", "a list of values is needed", "必须是非空列表")
        for index, item in enumerate(value):
            _check_value(item, kind, f"{where}.value[{index}]")
        return
    _check_value(value, kind, f"{where}.value")


def _check_value(value: Any, kind: Kind, where: str) -> None:
    try:
        CONVERT[kind](value, where)
    except Unfit:
        _refuse(where, f"a value of kind {kind} is needed", f"需要类型为 {kind} 的值")


def _check_still_fits(metric: Metric, source: Source) -> None:
    try:
        _check_fields(metric, source)
        if metric.rates != EFFECT:
            check_metric_money(metric, source)
        check_subject_metric(metric, source)
    except UserError as error:
        _refuse(
            "$.doors",
            f"the metric {metric.name} ({error.where}) no longer fits: {error.en}",
            f"指标 {metric.name}（{error.where}）不再适用：{error.zh}",
        )


def _check_door(door: str, prefix: str) -> None:
    where = f"$.doors[{msgspec.json.encode(door).decode()}]"
    if door in (HTTP_DOOR, SEGMENT_DOOR, HOOK_DOOR):
        return
    topic = door.removeprefix(TOPIC_DOOR)
    if topic == door or not _TOPIC.fullmatch(topic) or topic in (".", ".."):
        _refuse(
            where,
            "a door is http, segment, hook, or topic: and the name of a Kafka topic",
            "入口必须是 http、segment、hook，或 topic: 加 Kafka 主题名",
        )
    if topic.startswith("__"):
        _refuse(
            where,
            "topics that begin with __ are Kafka's own",
            "以 __ 开头的主题属于 Kafka 自身",
        )
    if prefix and topic.startswith(prefix):
        _refuse(
            where,
            f"topics that begin with {prefix} are Paceline's own",
            f"以 {prefix} 开头的主题属于 Paceline 自身",
        )


def _check_agreement(source: Source) -> None:
    """All doors map the same fields to the same kinds: a metric needs them by each door."""
    doors = list(source.doors.items())
    first = {name: field.kind for name, field in doors[0][1].fields.items()}
    for door, mapping in doors[1:]:
        here = {name: field.kind for name, field in mapping.fields.items()}
        differ = sorted(set(first.items()) ^ set(here.items()))
        if differ:
            name = differ[0][0]
            _refuse(
                "$.doors",
                f"{doors[0][0]} and {door} differ in the field {name}; map it in both, as one kind",
                f"{doors[0][0]} 与 {door} 的字段 {name} 不一致；两处都要映射且类型相同",
            )


def _check_name(name: str, where: str) -> None:
    if not _NAME.fullmatch(name):
        _refuse(
            where,
            "a name has at most 63 of a-z 0-9 _ . - and begins with a letter",
            "名称最多 63 个字符，只能含 a-z 0-9 _ . -，并以字母开头",
        )


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        _refuse(
            "$.zone",
            "this is no IANA zone; one is Europe/London",
            "不是 IANA 时区；例如 Asia/Shanghai",
        )


def _check_texts(texts: Sequence[str], where: str) -> None:
    for index, text in enumerate(texts):
        if not text or len(text) > _LONG:
            _refuse(f"{where}[{index}]", f"1 to {_LONG} characters", f"1 到 {_LONG} 个字符")


def _refuse(where: str, en: str, zh: str) -> NoReturn:
    raise UserError("invalid-value", where, en, zh)
