"""Pure rules: values, times, mappings, the window, probes, dimension sets, definitions."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.checks.definitions import check_metric, check_source
from metrics_ingest.domain.conditions import predicate_of
from metrics_ingest.domain.definitions import Condition, Definitions, Kind, Metric, Op, Source
from metrics_ingest.domain.doors.cloudevents import cut_at_commas, from_kafka, split_batch
from metrics_ingest.domain.facts.batches import limit
from metrics_ingest.domain.facts.cells import CellSum
from metrics_ingest.domain.folding import Arrival, fold
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.values import decimal_of, instant_of, integer_of, text_of
from metrics_ingest.domain.watermarks import Completeness
from service_kit.errors import UserError
from service_kit.marks import UNKNOWN, Mark

LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (10, Decimal(10)),
        (Decimal("139.12"), Decimal("139.12")),
        ("139.120", Decimal("139.12")),
        ("-0.5", Decimal("-0.5")),
        (Decimal("1.0000000000000000"), Decimal(1)),
        (Decimal("0E-30"), Decimal(0)),
        (10**18 - 1, Decimal(10**18 - 1)),
    ],
)
def test_a_decimal_is_read_to_the_digit(value: Any, expected: Decimal) -> None:
    assert decimal_of(value, "x") == expected


@pytest.mark.parametrize("value", [True, "1e3", "", " 1", "１", "NaN", [], {}, 10**18, "1" * 41])
def test_what_is_no_plain_decimal_is_refused(value: Any) -> None:
    with pytest.raises(Unfit):
        decimal_of(value, "x")


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert integer_of(Decimal("7.0"), "x") == 7
    with pytest.raises(Unfit, match="fraction"):
        integer_of(Decimal("7.5"), "x")


def test_numbers_and_booleans_may_stand_where_a_text_is_wanted() -> None:
    assert [text_of(v, "x") for v in (2**70, True, "é")] == [str(2**70), "true", "é"]
    with pytest.raises(Unfit, match="number"):
        text_of(Decimal("1.5"), "x")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2011-05-06T13:07:00", "2011-05-06T12:07:00"),  # summer time
        ("2010-12-01 08:26", "2010-12-01T08:26:00"),
        ("2010-12-01T08:26:00Z", "2010-12-01T08:26:00"),
        ("2010-12-01t08:26:00.999999z", "2010-12-01T08:26:00.999"),
        ("2026-11-03T10:18:45+08:00", "2026-11-03T02:18:45"),
        ("2026-11-03T10:18:45+0800", "2026-11-03T02:18:45"),
        ("2011-10-30T01:30:00", "2011-10-30T00:30:00"),  # twice: the first
        ("2011-03-27T01:30:00", "2011-03-27T01:30:00"),  # never: the offset before
    ],
)
def test_an_instant_is_read_in_the_sources_zone(text: str, utc: str) -> None:
    expected = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    ms = (expected - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert instant_of(text, "x", LONDON) == ms


@pytest.mark.parametrize(
    "text",
    ["2015-2-02T10:00:00", "2011-02-30T10:00:00", "2011-05-06", "10:00", "", "1960-01-01T00:00:00Z",
     "0001-01-01T00:00:00", "9999-12-31T23:59:59-23:59", "2011-05-06T24:00:01",
     "２０１１-05-06T10:00"],
)  # fmt: skip
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(Unfit):
        instant_of(text, "x", LONDON)


@given(st.datetimes(datetime(1970, 1, 2), datetime(9998, 1, 1)))
@example(datetime(6326, 1, 1, 0, 0, 0, 999_985))  # as a float it is the next second
def test_every_instant_is_exact_to_the_millisecond(moment: datetime) -> None:
    ms = (moment - datetime(1970, 1, 1)) // timedelta(milliseconds=1)
    assert instant_of(moment.isoformat() + "Z", "x", LONDON) == ms


@pytest.mark.parametrize(
    ("op", "value", "fields", "expected"),
    [
        (Op.GT, 0, {"f": Decimal("0.01")}, True),
        (Op.GT, 0, {"f": Decimal(0)}, False),
        (Op.GT, "0", {}, False),
        (Op.NE, 1, {}, True),
        (Op.EQ, "1.0", {"f": Decimal(1)}, True),
        (Op.IN, [1, 2], {"f": Decimal(2)}, True),
        (Op.IN, [1, 2], {}, False),
        (Op.EXISTS, None, {"f": Decimal(0)}, True),
        (Op.EXISTS, False, {}, True),
        (Op.LE, 3, {"f": Decimal(3)}, True),
    ],
)
def test_a_condition_holds_as_it_says(op: Op, value: Any, fields: Any, expected: bool) -> None:
    assert predicate_of(Condition(field="f", op=op, value=value), Kind.DECIMAL)(fields) is expected


def test_sums_of_many_digits_stay_exact(make: Any) -> None:
    plan = plan_of(make)
    large, small = "999999999999999999.999999999999", "0.000000000001"
    events = [
        make.raw_event(make.cloud(make.order(str(n), v))) for n, v in enumerate([large, small] * 50)
    ]
    arrivals = [Arrival(n, bytes([n]) * 16, event) for n, event in enumerate(events)]
    folded = fold(arrivals, plan, lambda key: None)
    (cell,) = folded.sources["acme", "shop"].cells["gross_revenue"].values()
    assert cell == CellSum(Decimal(50) * 10**18, 100)


def test_sums_in_the_set_other_stay_exact_too() -> None:
    cells: Any = {
        (1, ("a",)): CellSum(Decimal("999999999999999999.999999999999"), 1),
        (1, ("b",)): CellSum(Decimal("0.000000000001"), 1),
        (1, ("c",)): CellSum(Decimal("999999999999999999.999999999999"), 1),
    }
    limited = limit(cells, {}, most=0)
    assert limited.cells == {
        (1, ("other",)): CellSum(Decimal("1999999999999999999.999999999999"), 3)
    }
    assert limited.others == 3


def test_the_order_of_events_does_not_change_what_they_come_to(make: Any) -> None:
    plan = plan_of(make)
    events = [
        make.raw_event(make.cloud(make.order(str(n), n, country="AB"[n % 2]))) for n in range(9)
    ]
    arrivals = [Arrival(n, bytes([n]) * 16, event) for n, event in enumerate(events)]
    there = fold(arrivals, plan, lambda key: None).sources["acme", "shop"]
    back = fold(arrivals[::-1], plan, lambda key: None).sources["acme", "shop"]
    assert (there.cells, there.quarters) == (back.cells, back.quarters)


def plan_of(make: Any) -> Any:
    source = msgspec.convert(make.shop(), Source)
    metrics = tuple(msgspec.convert(m, Metric) for m in make.shop_metrics())
    plan = TenantPlan.of(Definitions("acme", 1, (source,), metrics))
    return {("acme", name): each for name, each in plan.sources.items()}


def test_a_probe_is_told_once_its_end_is_reached_and_under_load_the_oldest_first() -> None:
    known = Completeness()
    one, two = Mark(1000), Mark(2000)
    known.probe(one, 10)
    known.probe(two, 20)
    known.probe(Mark(1500), 30)  # older than what is noted already
    assert [known.reached(position) for position in (9, 10, 19, 20)] == [None, one, one, two]
    known.told(one)
    assert (known.reached(19), known.reached(25)) == (None, two)
    known.told(two)
    known.probe(two, 0)
    assert known.reached(100) is None


def test_who_was_held_is_told_of_at_the_same_instant_once_it_is_released() -> None:
    known = Completeness()
    held = Mark(1000, {"acme": 500})
    assert (known.newest, known.wants(-1), known.wants(0)) == (UNKNOWN, False, True)
    known.probe(held, 10)
    known.probe(held, 10)
    assert known.wants(1000)
    known.probe(Mark(1000), 12)
    assert not known.wants(1000)
    assert known.reached(10) == held
    known.told(held)
    assert (known.reached(11), known.reached(12)) == (None, Mark(1000))


def test_what_an_older_probe_said_of_a_tenant_is_told_beside_a_newer_one_that_holds_it() -> None:
    known = Completeness()
    known.probe(Mark(1000), 10)
    known.probe(Mark(2000, {"acme": -1}), 20)
    known.probe(Mark(3000, {"acme": -1, "globex": 2500}), 30)
    both = Mark(2000, {"acme": 1000})
    assert known.reached(20) == both
    known.told(both)
    assert known.reached(29) is None
    assert known.reached(30) == Mark(3000, {"acme": -1, "globex": 2500})


def test_too_many_probes_leave_the_near_ones_to_be_met() -> None:
    known = Completeness()
    for number in range(5000):
        known.probe(Mark(number), number)
    assert known.reached(0) == Mark(0)


@given(
    st.lists(st.sampled_from([b"1", b'"a,]"', b'{"a":[1,"}"]}', b"[[],{}]", b'"\\"["', b"\xff"]))
)
def test_a_batch_is_cut_at_its_own_commas(items: list[bytes]) -> None:
    assert split_batch(b" [" + b" ,".join(items) + b"]\n") == items


WORDS = rb""""a" "a,b" "]\"" { } [ ] , : " \ 1 1-2 01 null NaN "\u12" {"a":[1,{"b":"}"}]}"""
PIECES = st.sampled_from([*WORDS.split(), b" ", b"\n", b"\xff", b"\x00"])


@settings(max_examples=2000, deadline=None)
@given(st.lists(PIECES, max_size=9).map(b"".join))
def test_what_msgspec_takes_for_a_list_is_cut_where_its_commas_are(inner: bytes) -> None:
    text = b"[" + inner + b"]"
    try:
        items = msgspec.json.decode(text, type=list[msgspec.Raw])
    except msgspec.DecodeError:
        return
    assert [bytes(item) for item in items] == cut_at_commas(text)


@pytest.mark.parametrize("text", [b"", b"{}", b"[", b"[1", b"[1]]", b"[1]1", b"[}", b'["'])
def test_what_is_no_array_is_refused(text: bytes) -> None:
    with pytest.raises(UserError):
        split_batch(text)


@pytest.mark.parametrize("end", [b"", b"\\"])
def test_a_batch_with_a_text_that_does_not_end_is_looked_at_once(end: bytes) -> None:
    # Looked at anew from each of its quotes, 20 KB took seconds, and this would take an hour.
    endless = b'{"a":"' + b'\\"' * 500_000 + end
    with pytest.raises(UserError, match="the array does not end"):
        split_batch(b"[" + endless)
    assert split_batch(b'[{"b":1},' + endless + b"},{}]") == [b'{"b":1}', endless + b"}", b"{}"]


def test_a_binary_record_of_kafka_is_joined_from_headers_and_value() -> None:
    headers = {"ce_specversion": b"1.0", "ce_id": "é".encode(), "content-type": b"application/avro"}
    joined = msgspec.json.decode(from_kafka(headers, b"\x00") or b"")
    assert joined == {
        "specversion": "1.0",
        "id": "é",
        "datacontenttype": "application/avro",
        "data_base64": "AA==",
    }
    assert from_kafka({}, None) is None
    assert from_kafka({}, b"x") == b"x"


def with_path(document: Any, path: list[Any], value: Any) -> Any:
    copy = msgspec.json.decode(msgspec.json.encode(document))
    node = copy
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (["name"], "Shop", "$.name"),
        (["zone"], "Mars/Olympus", "$.zone"),
        (["zone"], "../etc/passwd", "$.zone"),
        (["doors"], {}, "$.doors"),
        (["doors", "ftp"], "http", '$.doors["ftp"]'),
        (["doors", "topic:paceline.raw"], "http", '$.doors["topic:paceline.raw"]'),
        (["doors", "topic:__consumer_offsets"], "http", '$.doors["topic:__consumer_offsets"]'),
        (["doors", "topic:a b"], "http", '$.doors["topic:a b"]'),
        (["doors", "http", "id"], [], '$.doors["http"].id'),
        (["doors", "http", "id"], ["a..b"], '$.doors["http"].id[0]'),
        (["doors", "http", "fields", "$where"], {"paths": ["a"]}, '$.doors["http"].fields.$where'),
        (["doors", "http", "fields", "gross", "kind"], "string", "$.doors"),
        (["records"], [""], "$.records[0]"),
    ],
)
def test_a_source_that_makes_no_sense_is_refused_with_the_place(
    make: Any, path: list[Any], value: Any, where: str
) -> None:
    document = make.shop()
    document = with_path(document, path, document["doors"]["http"] if value == "http" else value)
    with pytest.raises(UserError) as refused:
        check_source(msgspec.convert(document, Source), (), "paceline.")
    assert refused.value.where == where
    assert refused.value.zh != refused.value.en


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"kind": "ratio"}, "$.over"),
        ({"value": "country"}, "$.value"),
        ({"value": "nothing"}, "$.value"),
        ({"dims": ["gross"]}, "$.dims[0]"),
        ({"dims": ["country", "country"]}, "$.dims"),
        ({"where": [{"field": "gross", "op": "gt", "value": "x"}]}, "$.where[0].value"),
        ({"where": [{"field": "gross", "op": "in", "value": []}]}, "$.where[0].value"),
        ({"where": [{"field": "gross", "op": "in", "value": [1, "x"]}]}, "$.where[0].value[1]"),
        ({"where": [{"field": "nope", "op": "exists"}]}, "$.where[0].field"),
        ({"where": [{"field": "gross", "op": "exists", "value": 3}]}, "$.where[0].value"),
        ({"good": "sideways"}, "$.good"),
        ({"currency": "pounds"}, "$.currency"),
    ],
)
def test_a_metric_that_cannot_be_folded_is_refused_with_the_place(
    make: Any, change: dict[str, Any], where: str
) -> None:
    source = msgspec.convert(make.shop(), Source)
    metric = msgspec.convert(make.shop_metrics()[0] | change, Metric)
    with pytest.raises(UserError) as refused:
        check_metric(metric, source)
    assert refused.value.where == where
