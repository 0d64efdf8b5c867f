"""Published values: who changes one of these changes where records lie and which deeds are new."""

from decimal import Decimal

import pytest

from event_contracts.facts import Watermark
from event_contracts.wire import (
    Event,
    deed_id,
    encode,
    hash16,
    key_of,
    partition_of,
    parts_of,
    plain,
    type_of,
)


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        (("shop", "gross_revenue"), "shop|gross_revenue"),
        (("a|b", "c"), "a%7Cb|c"),
        (("a", "b|c"), "a|b%7Cc"),
        (("100%", "x"), "100%25|x"),
        (("a%7Cb",), "a%257Cb"),
        (("",), ""),
        (("", ""), "|"),
        (("法国", "é"), "法国|é"),
    ],
)
def test_a_key_joins_its_parts_and_escapes_what_would_join_them_wrongly(
    parts: tuple[str, ...], key: str
) -> None:
    assert key_of(*parts) == key
    assert parts_of(key.encode()) == list(parts)


def test_different_parts_never_make_the_same_key() -> None:
    awkward = ["", "|", "%", "%7C", "%25", "a", "a|", "|a", "%257C"]
    pairs = [(one, two) for one in awkward for two in awkward]
    assert len({key_of(*pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize(
    ("count", "parts", "partition"),
    [
        (4, ("shop", "gross_revenue"), 2),
        (4, ("shop", "net_revenue"), 2),
        (4, ("shop", "orders", "inv-536365"), 3),
        (12, ("shop", "orders", "inv-536365"), 11),
        (64, ("shop", "orders", "inv-C541433"), 23),
        (4, ("a|b", "c"), 3),
        (12, ("法国", "销售额"), 1),
        (1, ("anything",), 0),
    ],
)
def test_a_partition_never_moves(count: int, parts: tuple[str, ...], partition: int) -> None:
    assert partition_of(count, *parts) == partition


def test_partitions_are_used_evenly() -> None:
    counts = [0] * 12
    for i in range(12_000):
        counts[partition_of(12, "shop", "orders", f"inv-{i}")] += 1
    assert all(850 < count < 1150 for count in counts)


def test_the_hash_of_an_id_is_sixteen_known_bytes() -> None:
    assert hash16("shop", "orders", "inv-536365").hex() == "63864d221c0cfc6b32abcb0ab5f85927"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            ("shop", "gross-2011", "2011-01-05", "run", "goal.off_track", "1"),
            "72c5c517d7aec8706ef78161837d92fd",
        ),
        (
            ("shop", "gross-2011", "2011-01-05", "run", "goal.off_track", "2"),
            "db876fb7e79cbde3c220aec485263f32",
        ),
        (
            ("shop", "country-10k", "Netherlands", "2011-01-18", "praise"),
            "bd640953706c4c8595f90d95820167cf",
        ),
        (
            ("租户", "目标|一", "2026-02-17", "floor", "goal.reached", "1"),
            "a1fdf136af57f611d176f1269f9fb686",
        ),
    ],
)
def test_a_deed_has_the_same_id_for_ever(parts: tuple[str, ...], expected: str) -> None:
    assert deed_id(*parts) == expected


def test_the_parts_of_a_deed_are_kept_apart() -> None:
    assert deed_id("a|b", "c") != deed_id("a", "b|c")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1E+3", "1000"),
        ("12.340", "12.34"),
        ("10.000", "10"),
        ("-0.500", "-0.5"),
        ("0.000", "0"),
        ("100", "100"),
        ("1E-7", "0.0000001"),
    ],
)
def test_a_decimal_is_written_plainly(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


def test_a_message_names_its_type_and_version_first() -> None:
    assert encode(Watermark(origin="facts/1", at_ms=5)) == (
        b'{"type":"watermark.v1","origin":"facts/1","at_ms":5}'
    )


def test_an_event_without_a_tag_has_no_name_on_the_wire() -> None:
    class Nameless(Event, frozen=True, tag=7):
        pass

    with pytest.raises(TypeError, match="Nameless sets no tag"):
        type_of(Nameless)
