"""Whatever JSON comes through whatever mapping: a value, or a refusal that says why."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_ingest.adapters.connectors import connectors
from metrics_ingest.domain.causes import SENTENCES, Unfit
from metrics_ingest.domain.checks.mapping import check_mapping
from metrics_ingest.domain.definitions import Kind, Mapping
from metrics_ingest.domain.mapping import Mapped, Reader, content_stamp, decode, items_of
from metrics_ingest.domain.mapping.items import parse_each
from metrics_ingest.domain.mapping.paths import PathError, parse
from metrics_ingest.domain.mapping.times import FORMATS
from service_kit.errors import UserError

ZONE = ZoneInfo("America/Sao_Paulo")  # some of its midnights do not exist
SHIPPED = [m for each in connectors().values() for m in each.source.doors.values()]
NAMES = ["a", "b", "0", "item", "root", "data", "key", "value", "a.b", "@received"]
PATHS = [
    "a", "a.b", "a.0", "item.a", r"a\.b", "a[key=b].value", "a[key=1][b=true]", "a:json.b",
    "a:list", "=x", "{a}/{b}", "{#a}/{@received}", "#", "#a", "@received", "root.data.0.key",
]  # fmt: skip

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.decimals(
        allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9
    )
    | st.sampled_from([Decimal("1E+999999"), Decimal("1E-999999"), 10**40, -(2**63)])
    | st.text(max_size=8)
    | st.sampled_from(["2026-11-03T02:18:45Z", "2026-11-4", "20261110", "2026-11-10 9", "-", "1e5"])
    | st.sampled_from(['{"b":1}', "[1", "9" * 50, "2018-11-04", "2018-11-04..2018-11-04"])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=5)
paths = st.lists(st.sampled_from(PATHS), min_size=1, max_size=3)


@st.composite
def mappings(draw: st.DrawFn) -> Mapping:
    fields: dict[str, Any] = {"currency": {"paths": draw(paths), "format": "upper"}}
    for name in "fgh":
        kind = draw(st.sampled_from(list(Kind)))
        field = {"paths": draw(paths), "kind": kind, "required": draw(st.booleans())}
        if kind is Kind.TIME:
            field["format"] = draw(st.sampled_from(list(FORMATS)))
        if kind is Kind.DECIMAL:
            field |= draw(
                st.sampled_from(
                    [
                        {},
                        {"scale": "0.01"},
                        {"scale": "1000000"},
                        {"minor": True, "currency": "currency"},
                    ]
                )
            )
        field["values"] = draw(st.sampled_from([{}, {"true": "1", "": "0"}]))
        field["absent"] = draw(st.sampled_from([[], ["-", ""]]))
        fields[name] = field
    skip = draw(st.sampled_from([[], [{"field": "f", "op": "exists", "value": False}]]))
    mapping = msgspec.convert(
        {
            "id": [path for path in draw(paths) if "@received" not in path] or ["a"],
            "type": draw(paths),
            "time": draw(paths),
            "time_format": draw(st.sampled_from(list(FORMATS))),
            "subject": draw(st.just([]) | paths),
            "fields": fields,
            "skip": skip,
        },
        Mapping,
    )
    check_mapping(mapping, "$")
    return mapping


def refusal(part: Callable[[], object]) -> Unfit | None:
    """Return why something cannot be read, None when it can; anything else is raised."""
    try:
        part()
    except Unfit as unfit:
        return unfit
    return None


def read(reader: Reader, body: dict[str, Any]) -> None:
    """Read everything of an event; anything but a value or Unfit fails the test."""
    arrived = reader.arrived(body, 1)

    def whole() -> int:
        kind, at_ms = reader.type_of(arrived), reader.time_of(arrived)
        return content_stamp(Mapped(kind, at_ms, None, reader.fields_of(arrived)), 1)

    for part in (
        whole,
        lambda: reader.id_of(body, 1),
        lambda: reader.skips(arrived),
        lambda: reader.subject_of(arrived),
    ):
        unfit = refusal(part)
        assert unfit is None or (unfit.cause in SENTENCES and unfit.detail)


@given(mappings(), bodies)
@settings(max_examples=600, deadline=None)
def test_any_value_through_any_mapping_is_a_value_or_unfit(mapping: Mapping, body: Any) -> None:
    read(Reader(mapping, ZONE), body)


@given(st.sampled_from(SHIPPED), bodies)
@settings(max_examples=300, deadline=None)
def test_any_value_through_a_shipped_mapping_is_a_value_or_unfit(
    mapping: Mapping, body: Any
) -> None:
    read(Reader(mapping, ZONE), body)


@given(st.sampled_from(SHIPPED), st.binary(max_size=60) | values.map(msgspec.json.encode))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_taken_apart_or_refused(mapping: Mapping, body: bytes) -> None:
    try:
        items = items_of(mapping, body, {"date": "2026-11-04"})
    except UserError:
        return
    for item in items:
        if isinstance(item, bytes) and (mapping.each is not None or mapping.drop):
            value = msgspec.json.decode(item)
            assert mapping.each is None or isinstance(value, dict)
            if isinstance(value, dict):
                read(Reader(mapping, ZONE), decode(item))


@given(st.text(alphabet=st.sampled_from("ab.[]{}=#\\:json@?0/\x00é"), max_size=20))
def test_any_text_is_a_path_or_is_refused(text: str) -> None:
    for read_path in (parse, parse_each):
        try:
            read_path(text)
        except PathError as error:
            told = (error.en, error.zh)
        else:
            continue
        assert all(told)
