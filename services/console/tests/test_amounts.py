"""Numbers, shares and instants as people read them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from console.domain.amounts import day, instant, number, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ("0", "0"),
        ("1E+3", "1,000"),
        ("1234567.5", "1,234,567.5"),
        ("44.2000", "44.2"),
        ("187.505", "187.51"),
        ("-1234", "-1,234"),
        ("0.31250001", "0.3125"),
        ("100", "100"),
    ],
)
def test_an_amount_has_groups_and_no_zeros_at_its_end(value: str | None, text: str) -> None:
    assert number(None if value is None else Decimal(value)) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (None, "–"),
        ("0.6999", "69.9 %"),
        ("0.7", "70 %"),
        ("0.99999", "99.9 %"),
        ("1", "100 %"),
        ("4.08", "408 %"),
        ("-0.001", "-0.1 %"),
        ("12.5", "1,250 %"),
    ],
)
def test_a_share_is_cut_so_that_it_never_looks_better_than_its_light(
    ratio: str | None, text: str
) -> None:
    assert percent(None if ratio is None else Decimal(ratio)) == text


def test_days_and_instants_are_of_their_zone_and_language() -> None:
    assert day(date(2026, 3, 11), "en", weekday=True) == "Wed 11 Mar 2026"
    assert day(date(2026, 3, 11), "zh", weekday=True) == "2026年3月11日 周三"
    at = datetime(2026, 3, 10, 18, 0, 5, tzinfo=UTC)
    assert instant(at, "Asia/Shanghai", "en") == "11 Mar 2026 02:00:05 Asia/Shanghai"
    assert instant(1_773_165_605_000, "UTC", "zh") == "2026年3月10日 18:00:05 UTC"
    assert instant(-1, "UTC", "en") == instant(None, "UTC", "en") == "–"
