"""A mapping that could not be read is refused when it is written, with its place."""

from typing import Any

import msgspec
import pytest

from metrics_ingest.domain.checks.mapping import check_at_door, check_mapping
from metrics_ingest.domain.definitions import Mapping
from service_kit.errors import UserError

GOOD: dict[str, Any] = {
    "each": "entry[].changes[]",
    "drop": ["key", "people[].phone"],
    "id": ["{item.a}/{#item}"],
    "type": ["=x"],
    "time": ["item.t"],
    "time_format": "epoch_us",
    "fields": {
        "f": {"paths": ["item.list[k=v].x"], "kind": "decimal", "scale": "0.01"},
        "cur": {"paths": ["item.c"], "format": "upper"},
        "m": {"paths": ["item.m"], "kind": "decimal", "minor": True, "currency": "cur"},
        "d": {"paths": ["item.d"], "kind": "time", "format": "date"},
    },
    "skip": [{"field": "f", "op": "gt", "value": "7"}],
}

MINOR = {"paths": ["a"], "kind": "decimal", "minor": True, "currency": "CNY"}


def test_a_sound_mapping_passes() -> None:
    check_mapping(msgspec.convert(GOOD, Mapping), "$")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"id": []}, "$.id"),
        ({"id": ["a", "{b}/{@received}"]}, "$.id[1]"),
        ({"time": ["{a"]}, "$.time[0]"),
        ({"type": ["a..b"]}, "$.type[0]"),
        ({"subject": ["a", "b[c"]}, "$.subject[1]"),
        ({"time_format": "epoch"}, "$.time_format"),
        ({"each": "a[]."}, "$.each"),
        ({"each": ""}, "$.each"),
        ({"drop": ["a", "[k=v]"]}, "$.drop[1]"),
        ({"fields": {"F": {"paths": ["a"]}}}, "$.fields.F"),
        ({"fields": {"f": {"paths": []}}}, "$.fields.f.paths"),
        ({"fields": {"f": {"paths": ["a"], "format": "title"}}}, "$.fields.f.format"),
        ({"fields": {"f": {"paths": ["a"], "kind": "time", "format": "x"}}}, "$.fields.f.format"),
        (
            {"fields": {"f": {"paths": ["a"], "kind": "integer", "format": "date"}}},
            "$.fields.f.format",
        ),
        ({"fields": {"f": {"paths": ["a"], "scale": "2"}}}, "$.fields.f.scale"),
        ({"fields": {"f": {"paths": ["a"], "kind": "decimal", "scale": "0"}}}, "$.fields.f.scale"),
        (
            {"fields": {"f": {"paths": ["a"], "kind": "decimal", "scale": "0.3333333333333"}}},
            "$.fields.f.scale",
        ),
        ({"fields": {"f": {"paths": ["a"], "kind": "decimal", "minor": True}}}, "$.fields.f.minor"),
        (
            {"fields": {"f": {"paths": ["a"], "kind": "decimal", "minor": True, "currency": "x"}}},
            "$.fields.f.currency",
        ),
        (
            {"fields": {"f": {"paths": ["a"], "kind": "decimal", "digits": {"ISK": 2}}}},
            "$.fields.f.digits.ISK",
        ),
        (
            {"fields": {"f": MINOR | {"digits": {"ISK": 5}}}},
            "$.fields.f.digits.ISK",
        ),
        (
            {"fields": {"f": MINOR | {"digits": {"isk": 2}}}},
            "$.fields.f.digits.isk",
        ),
        ({"fields": {"f": {"paths": ["a"], "values": {"k": "v" * 201}}}}, "$.fields.f.values"),
        ({"skip": [{"field": "x", "op": "eq", "value": 1}]}, "$.skip[0].field"),
        ({"skip": [{"field": "f", "op": "gt", "value": "x"}]}, "$.skip[0].value"),
        ({"skip": [{"field": "f", "op": "in", "value": []}]}, "$.skip[0].value"),
        ({"skip": [{"field": "d", "op": "gt", "value": "soon"}]}, "$.skip[0].value"),
    ],
)
def test_what_could_not_be_read_is_refused_with_its_place(change: Any, where: str) -> None:
    with pytest.raises(UserError) as caught:
        check_mapping(msgspec.convert(GOOD | {"skip": []} | change, Mapping), "$")
    assert caught.value.where == where
    assert caught.value.zh


@pytest.mark.parametrize(
    ("door", "change", "where"),
    [("http", {"each": "[]"}, "$.each"), ("hook", {"wire": "confluent"}, "$.wire")],
)
def test_a_door_is_not_asked_for_what_it_does_not_do(door: str, change: Any, where: str) -> None:
    base = {"id": ["id"], "type": ["type"], "time": ["time"]}
    check_at_door(door, msgspec.convert(base, Mapping), "$")
    with pytest.raises(UserError) as caught:
        check_at_door(door, msgspec.convert(base | change, Mapping), "$")
    assert caught.value.where == where
