"""Cells kept by hand: what a correction sends, how a file is read, what it would change."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from console.domain.answers import Metric, TypedNumber
from console.domain.cells import (
    DIMS,
    Cell,
    Change,
    Stand,
    metric_document,
    source_document,
    standing,
)
from console.domain.entries import read_day, read_entry, read_number
from console.domain.faults import Faults
from console.domain.number_file import outcome, read_rows, text_of

METRIC = Metric(name="fair", source="by-hand", dims=("channel",))
CELL = Cell("fair", date(2026, 3, 11), (("channel", "booth"),))


def typed(identity: str, said: str, revision: int, **fields: Any) -> TypedNumber:
    given = {"metric": "fair", "day": "2026-03-11", "channel": "booth", "said": said}
    return TypedNumber(
        id=identity, at_ms=0, received_ms=5, fields=given | {"revision": revision} | fields
    )


def faults_of(text: str, metric: Metric = METRIC) -> list[tuple[int, str]]:
    with pytest.raises(Faults) as caught:
        read_rows(text, metric)
    return [(fault.line, fault.where) for fault in caught.value.faults]


def test_a_correction_adds_what_is_missing_to_the_new_number() -> None:
    change = Change(CELL, Stand(Decimal(66), 1), Decimal("60.5"), "hall 4")
    event = change.event()
    assert event["data"] == {
        "metric": "fair",
        "day": "2026-03-11",
        "amount": "-5.5",
        "said": "60.5",
        "revision": 2,
        "evidence": "hall 4",
        "channel": "booth",
    }
    assert event["time"] == "2026-03-11T12:00:00"


def test_two_corrections_of_one_revision_have_one_id_and_the_next_revision_another() -> None:
    one, other = Change(CELL, Stand(), Decimal(1)), Change(CELL, Stand(), Decimal(2))
    assert one.id == other.id
    assert one.id != Change(CELL, Stand(Decimal(1), 1), Decimal(2)).id
    assert one.id != Change(CELL._replace(day=date(2026, 3, 12)), Stand(), Decimal(1)).id
    assert one.id != Change(CELL._replace(dims=(("channel", "x"),)), Stand(), Decimal(1)).id


def test_the_highest_revision_of_a_cell_stands() -> None:
    found = standing(
        [
            typed("b", "7", 2, author="person:li.na"),
            typed("a", "5", 1),
            typed("c", "1", 1, channel="x"),
        ]
    )
    assert found[CELL] == Stand(Decimal(7), 2, "person:li.na", "", 5)
    assert len(found) == 2


def test_a_metric_by_hand_reads_its_own_numbers_from_a_source_that_has_their_fields() -> None:
    source, metric = source_document("Asia/Shanghai"), metric_document("fair", "leads", ["channel"])
    fields = source["doors"]["http"]["fields"]
    assert set(Change(CELL, Stand(), Decimal(1)).event()["data"]) | {"author"} <= set(fields)
    assert {metric["value"], *metric["dims"], *DIMS} <= set(fields)
    assert metric["where"] == [{"field": "metric", "op": "eq", "value": "fair"}]


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", "12"), (" 1,234.50 ", "1234.50"), ("-3", "-3"), ("1，234", "1234"), ("0.5", "0.5")],
)
def test_a_number_may_have_groups(text: str, number: str) -> None:
    assert read_number(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "1,23", "1.234,5", "1e3", "12 leads", "½", "NaN", "1" * 19])
def test_what_is_not_plainly_a_number_is_refused(text: str) -> None:
    with pytest.raises(Faults, match="is no number"):
        read_number(text)


def test_days_are_read_as_people_write_them() -> None:
    for text in ("2026-03-11", "2026/3/11", "2026年3月11日", " 2026.03.11 "):
        assert read_day(text) == date(2026, 3, 11)
    for text in ("", "2026-02-30", "11.03.2026", "2026-3", "tomorrow"):
        with pytest.raises(Faults, match="is no day"):
            read_day(text)


def test_an_entry_names_everything_that_is_wrong_with_it() -> None:
    with pytest.raises(Faults) as caught:
        read_entry(METRIC, {"day": "x", "value": "y", "channel": " ", "evidence": "z" * 501})
    assert [fault.where for fault in caught.value.faults] == [
        *("day", "channel", "value", "evidence")
    ]
    entry = read_entry(METRIC, {"day": "2026-03-11", "value": "3", "channel": "booth"})
    assert entry == (CELL, Decimal(3), "")


def test_a_file_may_be_chinese_in_either_encoding_and_with_a_mark() -> None:
    text = "日期,channel,数值,依据\n2026-03-11,展会,3,报告\n"
    for content in (text.encode(), text.encode("utf-8-sig"), text.encode("gb18030")):
        (row,) = read_rows(text_of(content), METRIC)
        assert row.cell.dims == (("channel", "展会"),)
        assert (row.value, row.evidence, row.line) == (3, "报告", 2)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(Faults, match="neither UTF-8 nor GB18030"):
        text_of(b"\xff\xff\xff")
    with pytest.raises(Faults, match="no CSV"):
        read_rows("a\x00b", METRIC)


def test_columns_are_checked_before_lines() -> None:
    assert faults_of("day,value\n") == [(1, "channel")]
    assert faults_of("day,channel,value,price\n") == [(1, "price")]
    assert faults_of("day,date,channel,value\n") == [(1, "day")]
    assert faults_of("") == [(1, "day"), (1, "value"), (1, "channel")]


def test_every_wrong_line_is_named_and_nothing_is_read() -> None:
    text = (
        "day,channel,value\n"
        "2026-03-09,booth,1\n"
        "\n"
        "2026-03-32,booth,1\n"
        "2026-03-10,,x\n"
        "2026-03-09,booth,2\n"
        "2026-03-11,booth,1,000\n"
    )
    assert faults_of(text) == [
        (4, "day"),
        (5, "value"),
        (5, "channel"),
        (6, "file"),
        (7, "file"),
    ]
    assert faults_of("day,channel,value\n") == [(1, "file")]


def test_a_file_changes_what_differs_and_clears_what_its_days_no_longer_have() -> None:
    other_day = Cell("fair", date(2026, 3, 12), (("channel", "booth"),))
    gone, empty = (CELL._replace(dims=(("channel", name),)) for name in ("gone", "empty"))
    stands = {
        CELL: Stand(Decimal(5), 2),
        gone: Stand(Decimal(4), 1),
        empty: Stand(Decimal(0), 3),
        other_day: Stand(Decimal(9), 1),
    }
    rows = read_rows("day,channel,value\n2026-03-11,booth,5.0\n2026-03-11,new,1\n", METRIC)
    planned = outcome(rows, stands)
    assert planned.unchanged == 1
    assert [change.cell.label for change in planned.created] == ["new"]
    assert [(c.cell, c.value, c.before.revision) for c in planned.cleared] == [(gone, 0, 1)]
    assert planned.changed == []
    changed = outcome(read_rows("day,channel,value\n2026-03-12,booth,8\n", METRIC), stands)
    assert [(c.cell, c.event()["data"]["amount"]) for c in changed.changed] == [(other_day, "-1")]
