"""Why an event cannot count: the typed causes of dead letters, with a sentence for the reader.

The place and the sort of what was found are told, never the value: it may be a secret.
"""

from metrics_ingest.domain.words import in_chinese, sort_in_chinese
from service_kit.errors import BadRecord

UNREADABLE = "unreadable"
UNKNOWN_SOURCE = "unknown-source"
UNKNOWN_DOOR = "unknown-door"
MISSING_FIELD = "missing-field"
WRONG_KIND = "wrong-kind"
OUT_OF_RANGE = "out-of-range"
BAD_TIME = "bad-time"
SKIPPED = "skipped"
SCHEMA_VIOLATION = "schema-violation"
SPANS_DAYS = "spans-days"
SOURCE_PAUSED = "source-paused"
CURRENCY_UNKNOWN = "currency-unknown"
RATE_MISSING = "rate-missing"
TIME_FUTURE = "time-future"
TOO_LATE = "too-late"
SCHEMA_DRIFT = "schema-drift"
SCHEMA_UNKNOWN = "schema-unknown"
SCHEMA_UNUSABLE = "schema-unusable"
AVRO_MISFIT = "avro-misfit"

SENTENCES: dict[str, tuple[str, str]] = {
    UNREADABLE: (
        "The record is no strict JSON object: {detail}. Mend the sender; it cannot be replayed.",
        "记录不是严格的 JSON 对象：{detail}。请修正发送方；该记录无法重放。",
    ),
    UNKNOWN_SOURCE: (
        "The source {where} is not declared. Create it, then replay.",
        "数据源 {where} 未声明。请创建后重放。",
    ),
    UNKNOWN_DOOR: (
        "The source has no mapping for the door {where}. Add it to the source, then replay.",
        "数据源没有入口 {where} 的映射。请补充后重放。",
    ),
    MISSING_FIELD: (
        "{where} is missing: {detail}. Mend the mapping or the sender, then replay.",
        "缺少 {where}：{detail}。请修正映射或发送方后重放。",
    ),
    WRONG_KIND: (
        "{where} is of the wrong kind: {detail}. Mend the mapping or the sender, then replay.",
        "{where} 的类型不对：{detail}。请修正映射或发送方后重放。",
    ),
    OUT_OF_RANGE: (
        "{where} is out of range: {detail}.",
        "{where} 超出范围：{detail}。",
    ),
    BAD_TIME: (
        "{where} is no instant: {detail}. Mend the mapping or the sender, then replay.",
        "{where} 不是有效时间：{detail}。请修正映射或发送方后重放。",
    ),
    SKIPPED: (
        "{where} says that this is no event: {detail}.",
        "{where} 表明这不是事件：{detail}。",
    ),
    SCHEMA_VIOLATION: (
        "{where} does not fit the schema: {detail}. Mend the schema or the sender, then replay.",
        "{where} 不符合 schema：{detail}。请修正 schema 或发送方后重放。",
    ),
    SPANS_DAYS: (
        "The row covers {detail} ({where}); it cannot be split. Ask for one row a day.",
        "该行覆盖{detail}（{where}），无法拆分。请按天请求数据。",
    ),
    SOURCE_PAUSED: (
        "The source was paused: {detail}. Mend and resume it, then replay.",
        "数据源已暂停：{detail}。请修正并恢复后重放。",
    ),
    CURRENCY_UNKNOWN: (
        "{where} names no currency: {detail}. Mend the mapping or the sender, then replay.",
        "{where} 不是有效币种：{detail}。请修正映射或发送方后重放。",
    ),
    RATE_MISSING: (
        "The rate {where} is missing: {detail}. Load it, then replay.",
        "缺少汇率 {where}：{detail}。请载入后重放。",
    ),
    TIME_FUTURE: (
        "{where} lies too far ahead: {detail}. Mend the sender's clock or zone, or allow more by "
        "ahead_hours of the source, then replay.",
        "{where} 超前过多：{detail}。请修正发送方的时钟或时区，或调大数据源的 ahead_hours 后重放。",
    ),
    TOO_LATE: (
        "{where} lies too far back: {detail}. Allow more by late_days of the source, then replay.",
        "{where} 过早：{detail}。请调大数据源的 late_days 后重放。",
    ),
    SCHEMA_DRIFT: (
        "{where} is not known to the mapping: {detail}. Map it, or name it in known, then replay.",
        "映射不认识 {where}：{detail}。请加入映射或列入 known 后重放。",
    ),
    SCHEMA_UNKNOWN: (
        "The schema registry does not hold {where}: {detail}. Register it there, then replay.",
        "schema 注册中心没有 {where}：{detail}。请在注册中心登记后重放。",
    ),
    SCHEMA_UNUSABLE: (
        "{where} in the schema registry cannot be read by: {detail}. Have the sender write Avro.",
        "无法用注册中心的 {where} 读取：{detail}。请让发送方写入 Avro。",
    ),
    AVRO_MISFIT: (
        "{where} does not fit the record's Avro schema: {detail}. Mend the sender.",
        "{where} 不符合该记录的 Avro schema：{detail}。请修正发送方。",
    ),
}


class Unfit(BadRecord):
    """An event that cannot be mapped: ``where`` is the place, ``detail`` what would be right.

    ``got`` is the sort of what was found instead, empty where ``detail`` says it all. ``detail`` is
    told in Chinese by domain.words, or as ``zh`` says.
    """

    def __init__(self, cause: str, where: str, detail: str, got: str = "", zh: str = "") -> None:
        super().__init__(cause, detail)
        self.where = where
        self.got = got
        self.zh = zh or in_chinese(detail) or ""

    def without_frames(self) -> "Unfit":
        """Let go of where it was raised, and of what was at hand there: it is kept in a letter.

        The frames hold what holds the letter. Such a ring of a whole slice would stay until the
        garbage collector looks, which it does seldom here.
        """
        self.__traceback__ = self.__context__ = None
        return self


class Skipped(Unfit):
    """What its mapping says is no event: it is counted, and no dead letter."""

    def __init__(self, where: str) -> None:
        super().__init__(SKIPPED, where, "the mapping skips it")


def sentence(
    cause: str, where: str, detail: str, chinese: bool, got: str = "", zh: str = ""
) -> str:
    """Return what a person is told about the cause; an unknown cause is told as it stands."""
    told = (zh or in_chinese(detail) or detail) if chinese else detail
    if got:
        told += f"，实际为{sort_in_chinese(got)}" if chinese else f", this is {got}"
    texts = SENTENCES.get(cause)
    if texts is None:
        return f"{cause}: {where}: {told}"
    return texts[chinese].format(where=where, detail=told)


_BETWEEN = "\n"


def error_text(cause: str, where: str, detail: str, zh: str = "") -> str:
    """Return what a door writes into a raw event that it could not read."""
    return _BETWEEN.join(part.replace(_BETWEEN, " ") for part in (cause, where, detail, zh))


def unfit_of(text: str) -> Unfit:
    """Read what :func:`error_text` wrote; anything else is unreadable."""
    # Until 2026-11 the parts, three of them, were joined by a bar.
    parts = text.split(_BETWEEN) if _BETWEEN in text else text.split(" | ", 2)
    cause, where, detail, zh = (*parts, "", "", "")[:4]
    return Unfit(cause, where, detail, zh=zh) if cause in SENTENCES else Unfit(UNREADABLE, "", text)


def sort_of(value: object) -> str:
    """Return JSON's word for the sort of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return "number"
