"""Avro's bytes become strict JSON: the specification's examples, exact numbers, nothing guessed."""

import io
import json
import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_ingest.domain.avro import AvroSchema, Unusable
from metrics_ingest.domain.causes import AVRO_MISFIT, Unfit, sentence
from service_kit import strict_json

SPEC = {
    "type": "record",
    "name": "test",
    "fields": [{"name": "a", "type": "long"}, {"name": "b", "type": "string"}],
}


def compiled(schema: Any, *references: Any) -> AvroSchema:
    return AvroSchema(json.dumps(schema), tuple(json.dumps(each) for each in references))


def read(schema: Any, data: bytes) -> Any:
    """Read one value of the schema; what comes out is JSON that every door would take."""
    text = compiled({"type": "array", "items": schema}).json_of(b"\x02" + data + b"\x00")
    (value,) = strict_json.loads(text)
    return value


def misfit(schema: Any, data: bytes) -> tuple[str, str]:
    with pytest.raises(Unfit) as unfit:
        compiled(schema).json_of(data)
    assert unfit.value.cause == AVRO_MISFIT
    assert unfit.value.zh, f"not said in Chinese: {unfit.value.detail}"
    return unfit.value.where, unfit.value.detail


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "00"),
        (-1, "01"),
        (1, "02"),
        (-2, "03"),
        (2, "04"),
        (-64, "7f"),
        (64, "8001"),
        (8192, "808001"),
        (-(2**63), "ffffffffffffffffff01"),
        (2**63 - 1, "feffffffffffffffff01"),
    ],
)
def test_whole_numbers_are_those_of_the_specifications_table(number: int, written: str) -> None:
    assert read("long", bytes.fromhex(written)) == number


@pytest.mark.parametrize(
    ("schema", "written", "value"),
    [
        (SPEC, "3606666f6f", {"a": 27, "b": "foo"}),  # the specification's record
        ({"type": "array", "items": "long"}, "04063600", [3, 27]),  # its array
        ({"type": "array", "items": "long"}, "030406360206" + "00", [3, 27, 3]),  # two blocks
        (["null", "string"], "00", None),  # its union
        (["null", "string"], "020261", "a"),
        ({"type": "map", "values": "int"}, "0202610100", {"a": -1}),
        ({"type": "enum", "name": "Foo", "symbols": ["A", "B", "C", "D"]}, "06", "D"),
        ({"type": "fixed", "name": "md5", "size": 2}, "00ff", "AP8="),
        ("bytes", "0400ff", "AP8="),
        ("boolean", "01", True),
        ("null", "", None),
        ("double", "000000000000f83f", Decimal("1.5")),
        ("float", "cdcccc3d", Decimal("0.1")),  # not 0.10000000149011612
        ({"type": "string"}, "0ce4bda0e5a5bd", "你好"),
    ],
)
def test_each_type_is_read_as_it_is_written(schema: Any, written: str, value: Any) -> None:
    assert read(schema, bytes.fromhex(written)) == value


@pytest.mark.parametrize(
    ("kind", "written", "text"),
    [
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
            "0404d2",
            "12.34",
        ),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, "02fb", "-0.05"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9}, "0204", "4"),
        # More digits than its precision: as they are, never rounded.
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2},
            "060f423f",
            "9999.99",
        ),
        (
            {"type": "fixed", "name": "m", "size": 3, "logicalType": "decimal", "precision": 5},
            "ffff85",
            "-123",
        ),
        ({"type": "int", "logicalType": "date"}, "e4be02", "2025-11-10"),
        ({"type": "int", "logicalType": "date"}, "01", "1969-12-31"),
        ({"type": "int", "logicalType": "time-millis"}, "d20f", "00:00:01.001"),
        ({"type": "long", "logicalType": "time-micros"}, "02", "00:00:00.000001"),
        ({"type": "long", "logicalType": "timestamp-millis"}, "d20f", "1970-01-01T00:00:01.001Z"),
        ({"type": "long", "logicalType": "timestamp-millis"}, "01", "1969-12-31T23:59:59.999Z"),
        (
            {"type": "long", "logicalType": "timestamp-micros"},
            "02",
            "1970-01-01T00:00:00.000001Z",
        ),
        (
            {"type": "long", "logicalType": "timestamp-nanos"},
            "02",
            "1970-01-01T00:00:00.000000001Z",
        ),
        (
            {"type": "long", "logicalType": "local-timestamp-millis"},
            "02",
            "1970-01-01T00:00:00.001",
        ),
        (
            {"type": "fixed", "name": "u", "size": 16, "logicalType": "uuid"},
            "00112233445566778899aabbccddeeff",
            "00112233-4455-6677-8899-aabbccddeeff",
        ),
        ({"type": "string", "logicalType": "uuid"}, "0261", "a"),
        ({"type": "string", "logicalType": "no-such-type"}, "0261", "a"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": -1}, "0204", "BA=="),
    ],
)
def test_logical_types_are_exact_texts(kind: Any, written: str, text: str) -> None:
    assert read(kind, bytes.fromhex(written)) == text


DATE = {"type": "int", "logicalType": "date"}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
TWO = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
LIST = {"type": "array", "items": "long"}
EMPTY = {"type": "record", "name": "Nothing", "fields": []}


@pytest.mark.parametrize(
    ("schema", "written", "where", "detail"),
    [
        ("long", "", "$", "the body ends inside of a number"),
        ("long", "80", "$", "the body ends inside of a number"),
        ("long", "ff" * 10 + "01", "$", "a number has more than 64 bits"),
        ("long", "ff" * 9 + "7f", "$", "a number has more than 64 bits"),
        ("int", "8080808010", "$", "a number has more than 32 bits"),
        ("boolean", "02", "$", "a boolean is neither 0 nor 1"),
        ("string", "0561", "$", "-3 bytes are wanted, 1 are left"),
        ("string", "feffffffffffffffff01" + "61", "$", f"{2**63 - 1} bytes are wanted, 1 are left"),
        ("string", "02ff", "$", "a text is not valid UTF-8"),
        ("double", "000000000000f87f", "$", "NaN and infinity are no numbers"),
        ("float", "0000807f", "$", "NaN and infinity are no numbers"),
        (["null", "string"], "010261", "$", "there are 2 branches, this is number -1"),
        (["null", "string"], "04", "$", "there are 2 branches, this is number 2"),
        (TWO, "01", "$", "there are 2 symbols, this is number -1"),
        (SPEC, "3606666f", "$.b", "3 bytes are wanted, 2 are left"),
        (SPEC, "3606666f6f00", "$", "1 bytes are left behind the record"),
        (LIST, "0406", "$[1]", "the body ends inside of a number"),
        (
            {"type": "map", "values": "int"},
            "0402610202610200",
            "$.a",
            "a key stands twice in a map",
        ),
        (DATE, "feffffff0f", "$", "years from 1 to 9999 are taken"),
        (MONEY, "00", "$", "a decimal has 1 to 64 bytes, this has 0"),
        (
            {"type": "array", "items": EMPTY},
            "feffffffffffffffff01",
            "$[1080]",
            "there are more values than the body has bytes for",
        ),
        (
            {"type": "array", "items": "null"},
            "feffffffffffffffff01",
            "$[1080]",
            "there are more values than the body has bytes for",
        ),
    ],
)
def test_bytes_that_do_not_fit_are_refused_with_their_place(
    schema: Any, written: str, where: str, detail: str
) -> None:
    assert misfit(schema, bytes.fromhex(written)) == (where, detail)


def test_a_type_inside_of_itself_is_read_as_deep_as_json_may_be() -> None:
    chain = {
        "type": "record",
        "name": "Link",
        "fields": [{"name": "next", "type": ["null", "Link"]}],
    }
    assert compiled(chain).json_of(b"\x02\x02\x00") == b'{"next":{"next":{"next":null}}}'
    # Four hundred thousand of them end fastavro's reader, and the process with it.
    assert misfit(chain, b"\x02" * 400_000 + b"\x00") == ("$", "nested too deep")


def test_names_are_found_in_their_namespace_and_in_what_the_schema_refers_to() -> None:
    money = {
        "type": "record",
        "name": "Money",
        "namespace": "com.acme",
        "fields": [
            {"name": "fen", "type": "long"},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["X", "Y"]}},
        ],
    }
    order = {
        "type": "record",
        "name": "com.acme.Order",
        "fields": [
            {"name": "paid", "type": "Money"},
            {"name": "due", "type": ["null", "com.acme.Money"]},
            {"name": "kind", "type": "Kind"},
        ],
    }
    text = compiled(order, money).json_of(bytes.fromhex("0200" + "020402" + "02"))
    assert json.loads(text) == {
        "paid": {"fen": 1, "kind": "X"},
        "due": {"fen": 2, "kind": "Y"},
        "kind": "Y",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "7",
        "null",
        '"no.such.Type"',
        "{}",
        '{"type":"record","name":"A"}',
        '{"type":"record","fields":[]}',
        '{"type":"record","name":"A","fields":[{"name":"x"}]}',
        '{"type":"array"}',
        '{"type":"fixed","name":"A","size":"many"}',
        '{"type":"enum","name":"A","symbols":7}',
        '{"type":' * 5000 + '"int"' + "}" * 5000,
        '{"type":"record","name":[],"fields":[]}',
    ],
)
def test_what_is_no_avro_schema_is_refused(text: str) -> None:
    with pytest.raises(Unusable) as unusable:
        AvroSchema(text)
    assert "\n" not in str(unusable.value)


def test_a_dead_letter_tells_the_place_in_both_languages() -> None:
    with pytest.raises(Unfit) as unfit:
        compiled(SPEC).json_of(b"\x36\x06fo")
    told = (unfit.value.cause, unfit.value.where, unfit.value.detail)
    assert sentence(*told, chinese=False).startswith(
        "$.b does not fit the record's Avro schema: 3 "
    )
    assert sentence(*told, chinese=True).startswith("$.b 不符合该记录的 Avro schema：需要 3 字节")


# --- what another writer writes is read as what it was given ---

RECORD = {
    "type": "record",
    "name": "Sale",
    "namespace": "com.acme",
    "fields": [
        {"name": "number", "type": "long"},
        {"name": "small", "type": "int"},
        {"name": "rate", "type": "double"},
        {"name": "note", "type": ["null", "string"]},
        {"name": "amount", "type": MONEY | {"precision": 30, "scale": 4}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "tags", "type": {"type": "map", "values": {"type": "array", "items": "long"}}},
        {"name": "raw", "type": "bytes"},
    ],
}
_INT64 = st.integers(-(2**63), 2**63 - 1)
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SALES = st.fixed_dictionaries(
    {
        "number": _INT64,
        "small": st.integers(-(2**31), 2**31 - 1),
        "rate": st.floats(allow_nan=False, allow_infinity=False, min_value=-1e29, max_value=1e29),
        "note": st.none() | _TEXT,
        "amount": st.decimals(-(10**25), 10**25, places=4),
        "at": st.integers(-(10**15), 10**17).map(lambda n: _EPOCH + timedelta(microseconds=n)),
        "tags": st.dictionaries(_TEXT, st.lists(_INT64, max_size=4), max_size=4),
        "raw": st.binary(max_size=20),
    }
)


def written_by_fastavro(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


@settings(deadline=None)
@given(SALES)
def test_what_fastavro_writes_is_read_exactly(sale: dict[str, Any]) -> None:
    found = json.loads(compiled(RECORD).json_of(written_by_fastavro(RECORD, sale)))
    assert found["number"] == sale["number"]
    assert found["small"] == sale["small"]
    assert struct.pack("<d", found["rate"]) == struct.pack("<d", sale["rate"])
    assert found["note"] == sale["note"]
    assert Decimal(found["amount"]) == sale["amount"]
    assert len(found["amount"].partition(".")[2]) == 4
    assert datetime.fromisoformat(found["at"]) == sale["at"]
    assert found["tags"] == sale["tags"]


@settings(deadline=None)
@given(SALES, st.data())
def test_altered_bytes_are_refused_or_are_strict_json(sale: dict[str, Any], data: Any) -> None:
    good = written_by_fastavro(RECORD, sale)
    changed = bytearray(good)
    for place in data.draw(st.lists(st.integers(0, len(good) - 1), min_size=1, max_size=4)):
        changed[place] = data.draw(st.integers(0, 255))
    _strict_or_refused(compiled(RECORD), bytes(changed))
    cut = good[: data.draw(st.integers(0, len(good) - 1))]
    misfit(RECORD, cut)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_are_strict_json(data: bytes) -> None:
    for schema in (RECORD, LIST, {"type": "array", "items": ["null", RECORD]}):
        _strict_or_refused(compiled(schema), data)


def _strict_or_refused(schema: AvroSchema, data: bytes) -> None:
    try:
        text = schema.json_of(data)
    except Unfit:
        return
    assert isinstance(json.loads(text, parse_constant=_no_constant), dict | list)


def _no_constant(name: str) -> None:
    pytest.fail(f"{name} in JSON")
