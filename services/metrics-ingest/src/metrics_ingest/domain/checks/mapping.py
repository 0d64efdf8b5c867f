"""Whether a door's mapping can be read: every path, format, translation and condition."""

import re
from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from typing import NoReturn

from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.conditions import predicate_of
from metrics_ingest.domain.definitions import (
    HTTP_DOOR,
    TOPIC_DOOR,
    Condition,
    FieldMapping,
    Kind,
    Mapping,
    Op,
)
from metrics_ingest.domain.mapping.fields import CASES
from metrics_ingest.domain.mapping.items import parse_each, parse_steps
from metrics_ingest.domain.mapping.paths import RECEIVED, PathError, parse
from metrics_ingest.domain.mapping.schemas import SchemaError, check_schema
from metrics_ingest.domain.mapping.times import FORMATS
from metrics_ingest.domain.mapping.wire import JSON, WIRES
from metrics_ingest.domain.mapping.written import FORMS
from metrics_ingest.domain.money.currencies import is_currency, named_by
from service_kit.errors import UserError

_FIELD = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_MOST = 64
_LONG = 200
_VALUES = 1000
_DIGITS = 12
_MINOR_DIGITS = 4


def check_mapping(mapping: Mapping, where: str) -> None:
    """Raise UserError unless every part of the mapping can be read; ``where`` is its place."""
    for name in ("id", "type", "time"):
        if not getattr(mapping, name):
            _refuse(f"{where}.{name}", "name at least one path", "至少需要一个路径")
        _check_paths(getattr(mapping, name), f"{where}.{name}")
    for index, path in enumerate(mapping.id):
        if RECEIVED in path:
            _refuse(
                f"{where}.id[{index}]",
                f"sent again, an event must have the same id: not {RECEIVED}",
                f"重复发送的事件必须具有相同的 id：不能使用 {RECEIVED}",
            )
    _check_paths(mapping.subject, f"{where}.subject")
    _check_format(mapping.time_format, FORMATS, f"{where}.time_format")
    if len(mapping.fields) > _MOST:
        _refuse(f"{where}.fields", f"at most {_MOST} fields", f"最多 {_MOST} 个字段")
    for name, field in mapping.fields.items():
        _check_field(name, field, mapping, f"{where}.fields.{name}")
    _check_door(mapping, where)
    for index, condition in enumerate(mapping.skip):
        check_condition(condition, mapping.fields, f"{where}.skip[{index}]")


def check_at_door(door: str, mapping: Mapping, where: str) -> None:
    """Raise UserError where a mapping asks for what its door does not do."""
    if door == HTTP_DOOR and mapping.each is not None:
        _refuse(
            f"{where}.each",
            "a CloudEvent is one event; bodies with several come by the door hook or a topic",
            "CloudEvent 是单个事件；含多个事件的正文请使用 hook 或主题入口",
        )
    if mapping.wire != JSON and not door.startswith(TOPIC_DOOR):
        _refuse(f"{where}.wire", "only topics have a wire format", "只有主题才有 wire 格式")


def _check_field(name: str, field: FieldMapping, mapping: Mapping, where: str) -> None:
    if not _FIELD.fullmatch(name):
        _refuse(
            where,
            "a field's name has lower-case letters, digits and _, and begins with a letter",
            "字段名只能含小写字母、数字和下划线，并以字母开头",
        )
    if not field.paths:
        _refuse(f"{where}.paths", "name at least one path", "至少需要一个路径")
    _check_paths(field.paths, f"{where}.paths")
    if field.kind is Kind.TIME:
        _check_format(field.format, FORMATS, f"{where}.format")
    elif field.kind is Kind.STRING:
        _check_format(field.format, ("iso", *CASES), f"{where}.format")
    elif field.format != "iso" and (field.kind is not Kind.DECIMAL or field.format not in FORMS):
        _refuse(
            f"{where}.format",
            f"a decimal that people write may be {_listed(FORMS)}; other numbers have no format",
            f"人工书写的 decimal 可为 {_listed(FORMS)}；其他数字没有 format",
        )
    if field.kind is not Kind.DECIMAL and (field.scale is not None or field.minor):
        _refuse(f"{where}.scale", "only a decimal is scaled", "只有 decimal 可以缩放")
    if field.scale is not None and not _is_scale(field.scale):
        _refuse(
            f"{where}.scale",
            f"a number above 0 with at most {_DIGITS} digits, such as 0.01",
            f"必须是大于 0 且最多 {_DIGITS} 位数字的数，例如 0.01",
        )
    _check_minor(field, mapping, where)
    texts = [*field.values, *field.values.values(), *field.absent]
    if len(texts) > 2 * _VALUES or any(len(text) > _LONG for text in texts):
        _refuse(
            f"{where}.values",
            f"at most {_VALUES} texts of at most {_LONG} characters",
            f"最多 {_VALUES} 个文本，每个最多 {_LONG} 个字符",
        )


def _listed(forms: Sequence[str]) -> str:
    return " | ".join(f'"{form}"' for form in forms)


def _is_scale(scale: Decimal) -> bool:
    """Whether every value times this is exact."""
    if not scale.is_finite() or scale <= 0:
        return False
    _, digits, exponent = scale.as_tuple()
    return len(digits) <= _DIGITS and abs(int(exponent)) <= _DIGITS


def _check_minor(field: FieldMapping, mapping: Mapping, where: str) -> None:
    for code, digits in field.digits.items():
        if not field.minor or not is_currency(code) or not 0 <= digits <= _MINOR_DIGITS:
            _refuse(
                f"{where}.digits.{code}",
                f"of a field with minor: an ISO 4217 code, and 0 to {_MINOR_DIGITS} digits",
                f"仅用于 minor 字段：ISO 4217 代码及 0 到 {_MINOR_DIGITS} 位小数",
            )
    if not field.minor:
        return
    named = named_by(field.currency or "")
    holder = mapping.fields.get(named.field or "")
    if field.scale is not None or not field.currency:
        _refuse(
            f"{where}.minor",
            "minor units are told by the currency: name it, and leave scale out",
            "最小货币单位由币种决定：请给出 currency，并去掉 scale",
        )
    if named.code is None and (holder is None or holder.kind is not Kind.STRING):
        _refuse(
            f"{where}.currency",
            "an ISO 4217 code such as CNY, or the name of a string field",
            "ISO 4217 代码（例如 CNY），或一个 string 字段的名称",
        )


def _check_door(mapping: Mapping, where: str) -> None:
    if mapping.each is not None:
        _parsed(parse_each, mapping.each, f"{where}.each")
    if mapping.wire not in WIRES:
        _refuse(f"{where}.wire", f"one of: {', '.join(WIRES)}", f"可选：{', '.join(WIRES)}")
    if mapping.schema is not None:
        try:
            check_schema(mapping.schema)
        except SchemaError as error:
            _refuse(f"{where}.schema{error.where}", error.en, error.zh)
    if len(mapping.drop) > _MOST:
        _refuse(f"{where}.drop", f"at most {_MOST} paths", f"最多 {_MOST} 个路径")
    for index, path in enumerate(mapping.drop):
        _parsed(parse_steps, path, f"{where}.drop[{index}]")


def check_condition(condition: Condition, fields: dict[str, FieldMapping], where: str) -> None:
    """Raise UserError unless the condition is one on a mapped field, with a fitting value."""
    field = fields.get(condition.field)
    if field is None:
        known = ", ".join(sorted(fields)) or "-"
        _refuse(
            f"{where}.field",
            f"there is no field {condition.field} here; there are: {known}",
            f"此处没有字段 {condition.field}；已有字段：{known}",
        )
    if condition.op is Op.IN and not (isinstance(condition.value, list) and condition.value):
        _refuse(f"{where}.value", "a list of values is needed", "必须是非空列表")
    try:
        predicate_of(condition, field.kind)
    except Unfit:
        _refuse(
            f"{where}.value",
            f"a value of kind {field.kind} is needed",
            f"需要类型为 {field.kind} 的值",
        )


def _check_paths(paths: Sequence[str], where: str) -> None:
    if len(paths) > _MOST:
        _refuse(where, f"at most {_MOST} paths", f"最多 {_MOST} 个路径")
    for index, path in enumerate(paths):
        _parsed(parse, path, f"{where}[{index}]")


def _parsed(read: Callable[[str], object], text: str, where: str) -> None:
    try:
        read(text)
    except PathError as error:
        _refuse(where, error.en, error.zh)


def _check_format(form: str, known: Collection[str], where: str) -> None:
    if form not in known:
        names = ", ".join(known)
        _refuse(where, f"one of: {names}", f"可选：{names}")


def _refuse(where: str, en: str, zh: str) -> NoReturn:
    raise UserError("invalid-value", where, en, zh)
