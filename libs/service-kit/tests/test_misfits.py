"""A value that does not fit is refused with what would fit, in both languages."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import pytest

from service_kit.errors import UserError
from service_kit.web.bodies import convert
from service_kit.web.misfits import refusal_of_parameter


class Op(StrEnum):
    EQ = "eq"
    NE = "ne"


class Condition(msgspec.Struct):
    op: Op | None = None


class Rule(msgspec.Struct):
    where: tuple[Condition, ...] = ()
    by_name: dict[str, Op] = {}
    amount: Decimal | None = None
    day: date | None = None
    hours: tuple[str, str] = ("09:00", "18:00")
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


@pytest.mark.parametrize(
    ("value", "where", "en", "zh"),
    [
        (
            {"where": [{"op": "eq"}, {"op": "like"}]},
            "$.where[1].op",
            "one of these is needed: eq, ne",
            "应为其中之一：eq, ne",
        ),
        (
            {"by_name": {"a.b": "like"}},
            "$.by_name[...]",
            "one of these is needed: eq, ne",
            "应为其中之一：eq, ne",
        ),
        ({"amount": "1,5"}, "$.amount", "a number such as 12.50", "此处需要数字，例如 12.50"),
        ({"day": "1.5."}, "$.day", "a date such as 2026-11-10", "此处需要日期，例如 2026-11-10"),
        ({"hours": ["09:00"]}, "$.hours", "array of length 2", "此处需要长度为 2 的 array"),
        ({"count": 0}, "$.count", "int >= 1", "此处需要 int >= 1"),
        ({"count": "x"}, "$.count", "int is needed here, not str", "此处需要 int，而不是 str"),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(
    value: Any, where: str, en: str, zh: str
) -> None:
    with pytest.raises(UserError) as caught:
        convert(value, Rule)
    error = caught.value
    assert error.where == where
    assert en in error.en
    assert zh in error.zh


@pytest.mark.parametrize(
    ("text", "zh"),
    [
        ("Input should be greater than or equal to 1", "应大于或等于 1"),
        (
            "Input should be a valid integer, unable to parse string as an integer",
            "需要整数",
        ),
        ("Field required", "缺少此参数"),
        ("Something else", "取值无效：Something else"),
    ],
)
def test_a_parameter_is_refused_in_both_languages(text: str, zh: str) -> None:
    error = refusal_of_parameter(text, "query.limit")
    assert (error.where, error.en, error.zh) == ("query.limit", text, zh)
