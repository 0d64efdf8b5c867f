"""What does not fit its type, as msgspec and FastAPI say it, told to people in both languages."""

import re
from collections.abc import Iterator, Sequence

from msgspec import inspect

from service_kit.errors import UserError

_PLACE = re.compile(r" - at `(?:key in )?(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.[^.\[\]]+|\[[^\]]*\]")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_ENUM = re.compile(r"Invalid enum value .*", re.DOTALL)
# What msgspec says, and what would be right.
_SENTENCES = (
    (r"Expected `([^`]*)`, got `([^`]*)`", "{} is needed here, not {}", "此处需要 {}，而不是 {}"),
    (
        r"Expected `([^`]*)` of length (.+), got (.+)",
        "{} of length {} is needed here, not {}",
        "此处需要长度为 {1} 的 {0}，而不是 {2}",
    ),
    (r"Expected `([^`]*)` (.+)", "{} {} is needed here", "此处需要 {} {}"),
    (
        "Invalid RFC3339 encoded date",
        "a date such as 2026-11-10 is needed here",
        "此处需要日期，例如 2026-11-10",
    ),
    (
        "Invalid RFC3339 encoded datetime",
        "a time such as 2026-11-10T09:30:00Z is needed here",
        "此处需要时间，例如 2026-11-10T09:30:00Z",
    ),
    (
        "Invalid decimal string",
        "a number such as 12.50 is needed here",
        "此处需要数字，例如 12.50",
    ),
)
_WORDS = [(re.compile(said, re.DOTALL), en, zh) for said, en, zh in _SENTENCES]
# What FastAPI says of a query, a path or a header.
_OF_PARAMETERS = [
    (re.compile(said, re.DOTALL), zh)
    for said, zh in (
        (r"Field required", "缺少此参数"),
        (r"Input should be greater than or equal to (.+)", "应大于或等于 {}"),
        (r"Input should be less than or equal to (.+)", "应小于或等于 {}"),
        (r"Input should be a valid integer.*", "需要整数"),
        (r"Input should be a valid boolean.*", "应为 true 或 false"),
        (r"Input should be a valid date.*", "需要日期，例如 2026-11-10"),
        (r"Input should be (.+)", "应为 {}"),
    )
]


def refusal_of_parameter(text: str, where: str) -> UserError:
    """Return FastAPI's sentence on a query, a path or a header as a refusal."""
    found = ((said.fullmatch(text), zh) for said, zh in _OF_PARAMETERS)
    told = next((zh.format(*match.groups()) for match, zh in found if match), f"取值无效：{text}")
    return UserError("invalid-value", where, text, told)


def refusal_of(text: str, info: inspect.Type) -> UserError:
    """Return msgspec's sentence as a refusal with its place; ``info`` is the type of the whole."""
    place = _PLACE.search(text)
    where = place["path"] if place else "$"
    what = text[: place.start()] if place else text
    missing = _MISSING.fullmatch(what)
    if missing:
        name = missing[1]
        return UserError(
            "missing-field",
            f"{where}.{name}",
            f"the field {name} is required",
            f"缺少必填字段 {name}",
        )
    named = _values_at(info, where) if _ENUM.fullmatch(what) else []
    if named:
        names = ", ".join(named)
        return UserError(
            "invalid-value", where, f"one of these is needed: {names}", f"应为其中之一：{names}"
        )
    for number, (said, en, zh) in enumerate(_WORDS):
        found = said.fullmatch(what)
        if found:
            code = "invalid-value" if number else "wrong-type"
            return UserError(code, where, en.format(*found.groups()), zh.format(*found.groups()))
    return UserError("invalid-value", where, what, f"取值无效：{what}")


def _values_at(info: inspect.Type, where: str) -> list[str]:
    """Return what an enumeration at this place takes, nothing where none is found."""
    kinds = list(_members([info]))
    for step in _STEP.findall(where):
        kinds = list(_members([inner for kind in kinds for inner in _inner(kind, step)]))
    found = [kind.cls for kind in kinds if isinstance(kind, inspect.EnumType)]
    return [str(member.value) for each in found for member in each]


def _members(kinds: Sequence[inspect.Type]) -> Iterator[inspect.Type]:
    """Yield the types, of a union all that it is of."""
    for kind in kinds:
        yield from kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _inner(kind: inspect.Type, step: str) -> Iterator[inspect.Type]:
    """Yield the type of a member (``.name``) or of an item (in brackets)."""
    if isinstance(kind, inspect.StructType) and step.startswith("."):
        yield from (field.type for field in kind.fields if field.encode_name == step[1:])
    elif isinstance(kind, inspect.DictType):
        yield kind.value_type
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType):
        yield kind.item_type
