"""A JSON Schema at a door: what does not fit is told by its place; no schema stalls the fold."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.definitions import Definitions, Source
from metrics_ingest.domain.mapping.schemas import Schema, SchemaError, check_schema
from metrics_ingest.domain.mapping.wire import unwrapped
from metrics_ingest.domain.plans import TenantPlan
from service_kit.errors import UserError

ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["id", "amount"],
    "properties": {
        "id": {"type": "string", "maxLength": 8},
        "amount": {"$ref": "#/$defs/money"},
        "count": {"type": "integer", "minimum": 1},
        "pattern": {"type": "string"},
        "lines": {"type": "array", "items": {"$ref": "#"}},
    },
    "additionalProperties": False,
    "$defs": {"money": {"type": "number", "minimum": 0, "multipleOf": 0.01}},
}
GOOD: dict[str, Any] = {"id": "a", "amount": Decimal("1.10"), "count": Decimal("2.0")}


@pytest.mark.parametrize(
    ("change", "where", "detail"),
    [
        ({"id": 7}, "$.id", 'type "string" is wanted, this is a number'),
        ({"id": "secret-id-1"}, "$.id", "maxLength 8 is wanted, this is a string"),
        ({"amount": Decimal("1.105")}, "$.amount", "multipleOf 0.01 is wanted, this is a number"),
        ({"amount": -1}, "$.amount", "minimum 0 is wanted, this is a number"),
        ({"count": Decimal("1.5")}, "$.count", 'type "integer" is wanted, this is a number'),
        ({"count": True}, "$.count", 'type "integer" is wanted, this is a boolean'),
        ({"more": 1}, "$", "additionalProperties false is wanted, this is a object"),
        ({"lines": [GOOD, {"id": "b"}]}, "$.lines[1]", "required"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place_and_never_its_value(
    change: Any, where: str, detail: str
) -> None:
    schema = Schema(ORDER)
    schema.check(GOOD)
    with pytest.raises(Unfit) as caught:
        schema.check(GOOD | change)
    assert (caught.value.cause, caught.value.where) == ("schema-violation", where)
    assert detail in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"$ref": "https://example.com/schema"}, ".$ref"),
        ({"$ref": "other.json"}, ".$ref"),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}}, ".properties.a.$ref"),
        ({"pattern": "(a+)+$"}, ".pattern"),
        ({"properties": {"a": {"uniqueItems": True}}}, ".properties.a.uniqueItems"),
        ({"$id": "https://example.com/x"}, ".$id"),
        ({"type": "objekt"}, ".type"),
        ({"enum": ["x" * 70_000]}, ""),
    ],
)
def test_a_schema_that_cannot_be_taken_is_refused(document: Any, where: str) -> None:
    with pytest.raises(SchemaError) as caught:
        check_schema(document)
    assert caught.value.where == where


def doubling(levels: int) -> dict[str, Any]:
    """Return a small schema with 2**levels steps."""
    last: dict[str, Any] = {f"a{levels}": {"type": "object"}}
    defs = {
        f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}, {"$ref": f"#/$defs/a{n + 1}"}]}
        for n in range(levels)
    }
    return {"$ref": "#/$defs/a0", "$defs": defs | last}


@pytest.mark.parametrize(
    "document",
    [doubling(40), {"$ref": "#"}, {"items": {"allOf": [{"type": "integer"}] * 3000}}],
)
def test_a_schema_that_would_not_end_is_a_violation(document: Any) -> None:
    with pytest.raises(Unfit, match=r"steps|does not end"):
        Schema(document).check([1] * 1000 if "items" in document else {})


def test_an_event_is_checked_in_the_fold_and_of_a_body_with_several_the_item() -> None:
    door = {"id": ["item.id"], "type": ["=x"], "time": ["@received"], "each": "[]"}
    source = msgspec.convert(
        {"name": "s", "doors": {"topic:t": door | {"schema": ORDER, "wire": "confluent"}}}, Source
    )
    plan = TenantPlan.of(Definitions("t", 1, (source,))).sources["s"]
    assert plan.read("topic:t", b'{"item":{"id":"a","amount":1.1}}', 5) is not None
    with pytest.raises(Unfit, match="required"):
        plan.read("topic:t", b'{"item":{"id":"a"}}', 5)


def test_confluents_five_bytes_are_taken_off() -> None:
    assert unwrapped("confluent", b"\0\0\0\0\x07{}") == b"{}"
    assert unwrapped("json", b"{}") == b"{}"
    assert unwrapped("confluent", None) is None
    for wrong in (b"{}", b"", b"\0\0\0", b"\x01\0\0\0\x07{}"):
        with pytest.raises(UserError) as caught:
            unwrapped("confluent", wrong)
        assert caught.value.code == "no-schema-id"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=8,
)
keywords = st.sampled_from(
    ["type", "items", "properties", "allOf", "anyOf", "not", "multipleOf", "enum", "const", "$ref",
     "minimum", "required", "contains", "prefixItems", "dependentSchemas", "if", "then"]
)  # fmt: skip


@settings(deadline=None)
@given(
    st.dictionaries(keywords, values | st.sampled_from(["#", "string", 0.1]), max_size=4), values
)
def test_any_schema_is_refused_or_any_value_fits_it_or_not(document: Any, value: Any) -> None:
    try:
        schema = Schema(document)
    except SchemaError:
        return
    try:
        schema.check(value)
    except Unfit as unfit:
        found = unfit.cause
    else:
        found = "schema-violation"
    assert found == "schema-violation"
