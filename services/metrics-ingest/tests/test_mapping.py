"""The mapping language: paths, templates, lists of events, secrets, times, exact numbers."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from metrics_ingest.domain.causes import Skipped, Unfit
from metrics_ingest.domain.definitions import Definitions, Mapping, Source
from metrics_ingest.domain.mapping import Reader, decode, items_of, reader_of
from metrics_ingest.domain.mapping.finding import getter
from metrics_ingest.domain.mapping.paths import PathError, parse
from metrics_ingest.domain.plans import TenantPlan
from service_kit.errors import UserError

SHANGHAI = ZoneInfo("Asia/Shanghai")
BODY: Any = {
    "id": 7,
    "a.b": {"c": "dotted"},
    "list": [{"name": "email", "values": ["x@example.com"]}, {"name": "n", "values": [1, 2]}],
    "inner": '{"ids":[7571830264419075328]}',
    "big": 7571846093258817536,
    "names": ["Amount", "StageName"],
    "none": [],
    "yes": True,
    "null": None,
}


def mapping(**parts: Any) -> Mapping:
    base = {"id": ["id"], "type": ["=x"], "time": ["t"]}
    return msgspec.convert(base | parts, Mapping)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("id", 7),
        (r"a\.b.c", "dotted"),
        ("list.1.values.0", 1),
        ("list.9.values", None),
        ("list[name=email].values.0", "x@example.com"),
        ("list[name=phone].values.0", None),
        ("list.1[name=n].values.0", 1),
        ("list.1[name=email].values.0", None),
        ("inner:json.ids.0", 7571830264419075328),
        ("names:list", ("Amount", "StageName")),
        ("none:list", None),
        ("=meta.lead", "meta.lead"),
        ("{id}/{big}/{yes}", "7/7571846093258817536/true"),
        ("{id}/{null}", None),
        ("{id}{list.1.values.0:000}", "7001"),
        ("id:0", "7"),
        ("v{list[name=n].values.1}", "v2"),
        ("null", None),
        ("id.x", None),
    ],
)
def test_a_path_finds_what_it_names(path: str, expected: Any) -> None:
    assert getter([path])(BODY) == expected


@pytest.mark.parametrize("number", [1000, -1, "x", True, 1.5])
def test_what_is_not_of_so_many_digits_fits_no_place_for_them(number: Any) -> None:
    with pytest.raises(Unfit) as refused:
        getter(["n:000"])({"n": number})
    assert refused.value.cause == "wrong-kind"


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a[b]", "a[=b]", "{a", "a}", "{}", "a\x00"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(PathError):
        parse(path)


def test_a_hash_does_not_depend_on_the_order_of_members() -> None:
    assert len(str(getter(["#names"])(BODY))) == 32
    first, second = {"a": 1, "b": [Decimal("1.50")]}, {"b": [Decimal("1.50")], "a": 1}
    assert getter(["#"])(first) == getter(["#"])(second) != getter(["#"])({"a": 1})


def split(each: str, body: bytes, **parts: Any) -> list[Any]:
    return [
        item.code if isinstance(item, UserError) else decode(item)
        for item in items_of(mapping(each=each, **parts), body, {"date": "2026-11-04"})
    ]


def test_a_body_is_taken_apart_with_what_stands_around_its_items() -> None:
    body = b'{"object":"page","entry":[{"id":"1","changes":[{"f":1},{"f":2}]},{"id":"2"}]}'
    root = {"object": "page", "entry": {"id": "1"}}
    query = {"date": "2026-11-04"}
    assert split("entry[].changes[]", body) == [
        {"item": {"f": 1}, "root": root, "query": query},
        {"item": {"f": 2}, "root": root, "query": query},
    ]
    assert split("[]", b'[{"f":1},7]') == [
        {"item": {"f": 1}, "query": query},
        {"item": 7, "query": query},
    ]
    assert split("[].r[]", b'[{"m":"x","r":[1]},{"r":[]}]') == [
        {"item": 1, "root": {"m": "x"}, "query": query}
    ]
    assert split("batch[]?", b'{"f":1}') == [{"item": {"f": 1}, "query": query}]
    assert split("payload?", b'{"f":1}') == [{"item": {"f": 1}, "query": query}]
    assert split("payload", b'{"payload":{"f":1},"v":2}') == [
        {"item": {"f": 1}, "root": {"v": 2}, "query": query}
    ]


def test_a_flawed_item_is_refused_alone() -> None:
    assert [
        item if isinstance(item, str) else item["item"]
        for item in split("[]", b'[{"a":1},{"a":NaN},{"b":1,"b":2},"\\ud800",{"a":2}]')
    ] == [{"a": 1}, "json-not-a-number", "json-duplicate-key", "json-surrogate", {"a": 2}]


@pytest.mark.parametrize(
    ("each", "body", "code"),
    [
        ("data[]", b'{"code":1}', "no-such-list"),
        ("data[]", b"[]", "no-such-list"),
        ("data[]", b'{"data":[1],"x":NaN}', "json-not-a-number"),
        ("[]", b"[1", "json-syntax"),
        ("[]", b"[" + b"0," * 10_000 + b"0]", "body-too-large"),
        ("[]", b'{"a":1,"a":2}', "json-duplicate-key"),
    ],
)
def test_a_body_that_cannot_be_taken_apart_is_refused(each: str, body: bytes, code: str) -> None:
    with pytest.raises(UserError) as caught:
        items_of(mapping(each=each), body)
    assert caught.value.code == code


def test_secrets_are_taken_out_before_anything_is_kept() -> None:
    body = b'{"key":"s","people":[{"phone":"1","n":1.50},{"phone":"2"}],"in":{"token":"t"}}'
    drop = ["key", "people[].phone", "in.token", "absent.x"]
    (kept,) = items_of(mapping(drop=drop), body)
    assert kept == b'{"people":[{"n":1.50},{}],"in":{}}'


def test_without_a_list_and_secrets_the_body_is_handed_on_as_it_is() -> None:
    assert items_of(mapping(), b" whatever") == [b" whatever"]


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("epoch_s", 1794367660, 1794367660000),
        ("epoch_s", "1794367660", 1794367660000),
        ("epoch_ms", 1794985082119, 1794985082119),
        ("epoch_us", "1794331231845213", 1794331231845),
        ("epoch_ns", 1795055467901336748, 1795055467901),
        ("date", "2026-11-10", 1794240000000),  # midnight in Shanghai
        ("compact_date", "20261110", 1794240000000),
        ("compact_date", 20261110, 1794240000000),
        ("date_hour", "2026-11-10 9", 1794272400000),
        ("date_hour", "2026111009", 1794272400000),
        ("one_day", "2026-11-10..2026-11-10", 1794240000000),
        ("epoch_days", 20767, 1794240000000),
        ("date_ms", 1794268800000, 1794240000000),
        ("iso", "2026-11-11T03:27:40+0000", 1794367660000),
    ],
)
def test_a_time_is_read_as_its_vendor_writes_it(form: str, value: Any, expected: int) -> None:
    reader = Reader(mapping(time_format=form), SHANGHAI)
    assert reader.time_of({"t": value}) == expected


@pytest.mark.parametrize(
    ("form", "value", "cause"),
    [
        ("epoch_s", 1.5, "bad-time"),
        ("epoch_s", True, "bad-time"),
        ("epoch_ms", Decimal("1E+999999"), "bad-time"),
        ("epoch_ms", -1, "bad-time"),
        ("epoch_s", "1794367660000", "bad-time"),
        ("date", "2026-02-30", "bad-time"),
        ("date", "20261110", "bad-time"),
        ("date_hour", "2026-11-10 24", "bad-time"),
        ("one_day", "2026-11-02..2026-11-19", "spans-days"),
        ("one_day", "2026-11-02", "bad-time"),
        ("date_ms", 1794268800001, "bad-time"),
        ("epoch_days", 10**9, "bad-time"),
        ("iso", "2026-11-4T01:15:22.417Z", "bad-time"),
    ],
)
def test_what_is_no_time_in_this_form_is_refused(form: str, value: Any, cause: str) -> None:
    with pytest.raises(Unfit) as caught:
        Reader(mapping(time_format=form), SHANGHAI).time_of({"t": value})
    assert caught.value.cause == cause


def test_an_event_without_a_time_may_take_that_of_its_arrival() -> None:
    reader = Reader(mapping(time=["t", "@received"]), SHANGHAI)
    assert reader.time_of(reader.arrived({"t": "2026-11-03T05:48:16Z"}, 5)) == 1793684896000
    assert reader.time_of(reader.arrived({"@received": 1}, 5)) == 5


FIELDS = {
    "micros": {"paths": ["micros"], "kind": "decimal", "scale": "0.000001"},
    "cents": {"paths": ["cents"], "kind": "decimal", "minor": True, "currency": "iso"},
    "iso": {"paths": ["iso"], "format": "upper"},
    "yes": {"paths": ["yes"], "values": {"true": "1"}},
    "dash": {"paths": ["dash"], "kind": "decimal", "absent": ["-", ""]},
    "nulled": {"paths": ["nulled:list"], "values": {"Amount": "amount"}},
    "at": {"paths": ["at"], "kind": "time", "format": "epoch_s"},
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"micros": "2207418350"}, {"micros": Decimal("2207.41835")}),
        ({"cents": 46800, "iso": "usd"}, {"cents": Decimal(468), "iso": "USD"}),
        ({"cents": 46800, "iso": "jpy"}, {"cents": Decimal(46800), "iso": "JPY"}),
        ({"cents": 46805, "iso": "KWD"}, {"cents": Decimal("46.805"), "iso": "KWD"}),
        ({"yes": True}, {"yes": "1"}),
        ({"dash": "-"}, {}),
        ({"dash": "1.50"}, {"dash": Decimal("1.50")}),
        ({"nulled": ["Amount", "Fax"]}, {"nulled": "amount,Fax"}),
        ({"nulled": []}, {}),
        ({"at": 1793684896}, {"at": 1793684896000}),
    ],
)
def test_a_field_is_read_as_its_mapping_says(body: Any, expected: Any) -> None:
    assert Reader(mapping(fields=FIELDS), SHANGHAI).fields_of(body) == expected


def test_minor_units_without_their_currency_are_refused() -> None:
    with pytest.raises(Unfit, match="currency"):
        Reader(mapping(fields=FIELDS), SHANGHAI).fields_of({"cents": 46800})


def test_what_is_skipped_needs_no_id() -> None:
    parts: dict[str, Any] = {
        "fields": {"test": {"paths": ["test"]}},
        "skip": [{"field": "test", "op": "eq", "value": "true"}],
    }
    reader = Reader(mapping(**parts), SHANGHAI)
    assert len(reader.id_of({"test": True}, 0)) == 32
    with pytest.raises(Unfit):
        reader.id_of({"test": False}, 0)


def test_the_time_of_arrival_is_no_drift_and_what_is_skipped_neither() -> None:
    door = {
        "id": ["id"],
        "type": ["=x"],
        "time": ["@received"],
        "fields": {"test": {"paths": ["test"]}},
        "skip": [{"field": "test", "op": "eq", "value": "true"}],
    }
    wanted = {"name": "s", "doors": {"hook": door}, "drift": "quarantine"}
    source = msgspec.convert(wanted, Source)
    plan = TenantPlan.of(Definitions("t", 1, (source,))).sources["s"]
    assert plan.read("hook", b'{"id":"a"}', 5).at_ms == 5
    with pytest.raises(Unfit, match="mapping names"):
        plan.read("hook", b'{"id":"a","new":1}', 5)
    with pytest.raises(Skipped):
        plan.read("hook", b'{"id":"a","new":1,"test":true}', 5)


def test_a_reader_is_made_once_for_a_mapping_and_never_taken_for_anothers() -> None:
    first = mapping(id=["a"])
    assert reader_of(first, "UTC") is reader_of(first, "UTC")
    assert reader_of(first, "Asia/Shanghai") is not reader_of(first, "UTC")
    for number in range(3000):  # an address that is free again may be the next one's
        path = f"p{number}"
        reader = reader_of(mapping(id=[path]), "UTC")
        assert reader.id_of({path: "x"}, 0) == "x"
