"""Working time between two instants: product.md's first response, calendars, clocks that change."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from metrics_ingest.domain.checks.elapsed import check_elapsed
from metrics_ingest.domain.definitions import Elapsed, Kind, Measure
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.measures import MeasurePlan
from service_kit.errors import UserError

SHANGHAI = "Asia/Shanghai"
ALL_DAY: dict[str, Any] = {"hours": ("00:00", "24:00"), "weekdays": (1, 2, 3, 4, 5, 6, 7)}


def minutes(asked: str, answered: str, zone: str = SHANGHAI, **fields: Any) -> Decimal | None:
    elapsed = Elapsed(since="asked", zone=zone, **fields)
    plan = MeasurePlan(Measure(elapsed=elapsed), {"asked": Kind.TIME})
    at = [
        int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
        for text in (asked, answered)
    ]
    return plan.amount(Mapped("answered", at[1], None, {"asked": at[0]}))


@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [
        ("2026-05-08T22:00", "2026-05-11T09:20", "20"),  # Friday night, Monday morning
        ("2026-05-11T10:00", "2026-05-11T10:00", "0"),
        ("2026-05-11T10:00", "2026-05-11T12:30:30", "150.5"),
        ("2026-05-11T17:50", "2026-05-12T09:10", "20"),
        ("2026-05-11T08:00", "2026-05-11T19:00", "540"),
        ("2026-05-09T10:00", "2026-05-10T10:00", "0"),  # a weekend
        ("2026-05-04T09:00", "2026-05-18T09:00", "5400"),  # ten working days
    ],
)
def test_only_working_hours_count(asked: str, answered: str, expected: str) -> None:
    assert minutes(asked, answered) == Decimal(expected)


def test_a_make_up_saturday_works_and_a_holiday_does_not() -> None:
    # 2026-05-09 is a working Saturday in China, 1 to 5 May are days off.
    on, off = (date(2026, 5, 9),), (date(2026, 5, 4), date(2026, 5, 5))
    assert minutes("2026-05-08T17:00", "2026-05-11T10:00", on=on) == 60 + 540 + 60
    assert minutes("2026-05-01T18:00", "2026-05-06T09:05", off=off) == 5


def test_the_hour_that_is_skipped_or_comes_twice_counts_as_it_passes() -> None:
    spring = minutes("2026-03-29T00:00", "2026-03-30T00:00", "Europe/London", **ALL_DAY)
    autumn = minutes("2026-10-25T00:00", "2026-10-26T00:00", "Europe/London", **ALL_DAY)
    assert (spring, autumn) == (23 * 60, 25 * 60)


def test_an_answer_before_the_question_or_years_after_it_adds_nothing() -> None:
    assert minutes("2026-05-11T10:00", "2026-05-11T09:59") is None
    assert minutes("2016-05-11T10:00", "2026-05-30T10:00") is None
    plan = MeasurePlan(Measure(elapsed=Elapsed(since="asked", zone="UTC")), {"asked": Kind.TIME})
    assert plan.amount(Mapped("answered", 5, None, {})) is None


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"since": "channel"}, "$.elapsed.since"),
        ({"until": "nope"}, "$.elapsed.until"),
        ({"zone": "Moon"}, "$.elapsed.zone"),
        ({"hours": ["18:00", "09:00"]}, "$.elapsed.hours"),
        ({"hours": ["9:00", "18:00"]}, "$.elapsed.hours"),
        ({"weekdays": [0]}, "$.elapsed.weekdays"),
        ({"weekdays": []}, "$.elapsed.weekdays"),
        ({"value": "n"}, "$.elapsed"),
    ],
)
def test_working_time_that_makes_no_sense_is_refused(change: dict[str, Any], where: str) -> None:
    value = change.pop("value", None)
    elapsed = msgspec.convert({"since": "asked", "zone": "UTC"} | change, Elapsed)
    kinds = {"asked": Kind.TIME, "channel": Kind.STRING, "n": Kind.DECIMAL}
    with pytest.raises(UserError) as refused:
        check_elapsed(Measure(elapsed=elapsed, value=value), "$", kinds)
    assert refused.value.where == where
