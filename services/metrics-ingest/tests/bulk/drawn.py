"""Records of the raw log, drawn at random: good ones and odd ones."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from event_contracts.raw import RawEvent
from event_contracts.wire import encode, key_of

from .declared import NOW
from .folds import raw

numbers = st.one_of(
    st.integers(-3, 12),
    st.decimals(-20, 20, places=2),
    st.sampled_from(
        [
            Decimal("0.00"),
            Decimal("-0"),
            Decimal("1E+3"),
            Decimal("1E-13"),
            Decimal("0.123456789012"),
            Decimal("1000000000000000000"),
            Decimal("999999999999999999.999999999999"),
            2**63,
            "12.50",
            "1e3",
            "",
            None,
            True,
            [],
            {"a": 1},
        ]
    ),
)
texts = st.one_of(
    st.sampled_from(["CN", "DE", "", "日本", "a|b", "x" * 1024, "x" * 1025]),
    st.sampled_from([None, 7, True, 1.5, [], {}]),
)
times = st.sampled_from(
    [
        "2026-11-03T02:18:45Z",
        "2026-11-03T02:18:45.123Z",
        "2026-11-03T10:18:45+08:00",
        "2026-11-03T02:18:45.123-00:30",
        "2026-11-03T02:18:45",
        "2026-11-03 02:18z",
        "2026-02-29T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "9999-01-01T00:00:00Z",
        "2026-11-03T24:00:00Z",
        "2027-01-16T07:59:00Z",  # a day after acceptance at most
        "2027-01-16T08:01:00Z",
        "２026-11-03T02:18:45Z",
        "",
        5,
        None,
    ]
)
codes = st.sampled_from(["EUR", "eur", "Euro", "USD", "CNY", "JPY", "XXX", "", "-", 7, None, 1.5])
counts = st.sampled_from(
    [
        1_793_672_325,
        1_793_672_325_250,
        "1793672325999",
        "01793672325250",
        1_793_672_325_250_999,
        Decimal("1793672325250.0"),
        Decimal("1793672325250.5"),
        "1793672325250.0",
        "",
        "1793672325250 ",
        -1,
        0,
        253_370_764_799,
        253_370_764_800,
        253_370_764_800_000,
        253_370_764_799_999_999,
        10**18,
        10**22,
        Decimal("1.7E+12"),
    ]
)
dates = st.sampled_from(["2026-11-03", "2026-03-29", "2026-02-30", "20261103", 20_261_103])
kinds = st.one_of(st.sampled_from(["order", "order", "refund", "visit", "ping"]), texts)
bodies = st.fixed_dictionaries(
    {"type": kinds, "time": times},
    optional={
        "who": texts,
        "amount": numbers,
        "items": numbers,
        "channel": texts,
        "place": st.one_of(
            st.fixed_dictionaries({}, optional={"country": texts, "note": texts}),
            st.sampled_from([None, "x", []]),
        ),
        "asked": times,
        "ticks": counts,
        "cents": numbers,
        "micros": numbers,
        "price": numbers,
        "euros": numbers,
        "dollars": numbers,
        "code": codes,
        "currency": codes,
        "more": st.just({"deep": [1, {"amount": 2}]}),
    },
)
good = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["order", "refund", "visit"]),
        "time": st.sampled_from(["2026-11-03T02:18:45Z", "2026-11-03T02:19:45.500Z"]),
        "amount": st.decimals(0, 20, places=2),
        "items": st.integers(0, 3),
        "channel": st.sampled_from(["web", "shop"]),
        "price": st.decimals(0, 20, places=2),
        "code": st.sampled_from(["EUR", "eur", "-", "EUR", "USD"]),
        "cents": st.integers(0, 2000),
        "micros": st.sampled_from([1, 10, Decimal("0.5"), 1_000_000, Decimal("0.0000001"), 0]),
        "asked": st.sampled_from(["2026-11-03T02:18:45Z", "2026-11-03T03:18:45.1Z", None]),
        "ticks": st.sampled_from([0, 7, "1793672325250", 1_793_672_325_000]),
        "euros": st.sampled_from([1, 2, None]),
        "place": st.fixed_dictionaries({"country": st.sampled_from(["CN", "DE"])}),
    }
)
TIMES = {"topic:s": counts, "topic:ms": counts, "topic:us": counts, "topic:day": dates}
SENT = ["shop", "shop", "mixed", "mixed", "more", "more", "odd|name", "kept", "off", "none"]


@st.composite
def records(draw: Any) -> tuple[bytes, bytes]:
    """Draw a record of the raw log: its key and its value."""
    who = draw(st.sampled_from(["acme", "acme", "acme", "b%c", "turned", "nobody"]))
    source = draw(st.sampled_from(SENT))
    name = draw(st.sampled_from(["a", "b", "c", "d", "e|f", "g%h", "日"]))
    kind = draw(st.sampled_from(["http", "http", "topic:orders", "none"]))
    if source == "mixed" and kind != "none":
        kind = draw(st.sampled_from(["http", "http", "topic:orders", *TIMES]))
    body = draw(st.one_of(good, bodies))
    if source == "mixed" and kind in TIMES:
        body |= {"time": draw(st.one_of(TIMES[kind], TIMES[kind], times))}
    if source == "mixed" and kind == "http":
        body = {"item": body, "root": None}
    if source == "more" and kind == "topic:orders":
        body = {"item": body}
    if source == "shop" and kind == "http":
        data = {name: value for name, value in body.items() if name != "type"}
        body = {"type": body["type"], "data": data}
    more = draw(
        st.sampled_from([{}, {}, {}, {}, {}, {"error": "unreadable||x"}, {"replay_of": "letter"}])
    )
    event = RawEvent(
        tenant=who,
        source=source,
        id=name,
        door=kind,
        received_ms=NOW - draw(st.integers(0, 5)),
        body=raw(body),
        **more,
    )
    value = encode(event)
    value = draw(st.sampled_from([value] * 12 + [value[:-2], b"", b"[]", value + b"x"]))
    return key_of(who, source, name).encode(), value
