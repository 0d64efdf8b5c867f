"""The numbers of I1, by hand: a country reaches 10,000 gross in a local day."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from event_contracts.wire import deed_id
from incentives.domain.praise import Cell, Facts, Total, Window, additions, settle
from incentives.domain.rules import Rule
from service_kit.errors import BadRecord

RULE = Rule(
    tenant="shop",
    id="country-10k",
    version=3,
    name="A country reaches 10,000 gross in a day",
    metric="gross_revenue",
    dim="country",
    threshold=Decimal(10_000),
    zone="Europe/London",
    start=date(2010, 12, 1),
)
FRANCE = Window("shop", "country-10k", "France", date(2011, 1, 18))


def minute(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 60


def facts(*cells: tuple[str, str, str], dim: str = "country") -> Facts:
    return Facts(
        tenant="shop",
        metric="gross_revenue",
        as_of_ms=7,
        dims=[{dim: value} for _, value, _ in cells],
        cells=[Cell(minute(at), i, Decimal(amount), 1) for i, (at, _, amount) in enumerate(cells)],
    )


@pytest.mark.parametrize(
    ("amount", "praised"),
    [("9999.999", False), ("10000", True), ("10000.000", True), ("10000.001", True)],
)
def test_reaching_the_threshold_passes_it_and_a_tenth_of_a_penny_less_does_not(
    amount: str, praised: bool
) -> None:
    after, awards = settle([RULE], {}, {FRANCE: Total(Decimal(amount), 1)}, 7)
    assert after[FRANCE].praised is praised
    assert [award.actual for award in awards] == ([Decimal(amount)] if praised else [])


def test_the_parts_of_a_day_add_up_exactly_over_batches() -> None:
    first = additions([RULE], facts(("2011-01-18T09:00", "France", "4999.999")))
    after, awards = settle([RULE], {}, first, 7)
    assert awards == []
    second = additions([RULE], facts(("2011-01-18T17:00", "France", "5000.001")))
    after, awards = settle([RULE], after, second, 8)
    assert [(a.window, a.actual, a.at_ms) for a in awards] == [(FRANCE, Decimal("10000.000"), 8)]
    assert after[FRANCE] == Total(Decimal("10000.000"), 2, True)


def test_a_window_is_praised_once_even_when_a_correction_takes_it_down_and_up_again() -> None:
    before = {FRANCE: Total(Decimal(12_000), 3, True)}
    after, awards = settle([RULE], before, {FRANCE: Total(Decimal(-5_000), -1)}, 7)
    assert (after[FRANCE].amount, awards) == (Decimal(7_000), [])
    after, awards = settle([RULE], after, {FRANCE: Total(Decimal(5_000), 1)}, 8)
    assert (after[FRANCE].amount, awards) == (Decimal(12_000), [])


def test_each_value_and_each_local_day_has_its_own_sum() -> None:
    added = additions(
        [RULE],
        facts(
            ("2011-01-18T23:59", "France", "6000"),
            ("2011-01-19T00:00", "France", "6000"),
            ("2011-01-18T12:00", "Germany", "6000"),
        ),
    )
    assert {(w.value, w.day.day): t.amount for w, t in added.items()} == {
        ("France", 18): Decimal(6000),
        ("France", 19): Decimal(6000),
        ("Germany", 18): Decimal(6000),
    }


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2011-03-26T23:59", date(2011, 3, 26)),  # GMT
        ("2011-03-27T00:00", date(2011, 3, 27)),
        ("2011-03-27T22:59", date(2011, 3, 27)),  # BST: the day has 23 hours
        ("2011-03-27T23:00", date(2011, 3, 28)),
        ("2011-10-29T23:00", date(2011, 10, 30)),  # BST
        ("2011-10-30T23:59", date(2011, 10, 30)),  # GMT: the day has 25 hours
        ("2011-10-31T00:00", date(2011, 10, 31)),
    ],
)
def test_the_day_is_that_of_the_rules_zone_where_clocks_change(at: str, day: date) -> None:
    assert [w.day for w in additions([RULE], facts((at, "France", "1")))] == [day]


def test_a_value_that_is_called_other_beside_a_real_one_is_somebodys() -> None:
    sets = [{"country": "other", "channel": "web"}, {"country": "other", "channel": "other"}]
    cells = [Cell(minute("2011-01-18T09:00"), i, Decimal(7), 1) for i in range(2)]
    added = additions([RULE], Facts("shop", "gross_revenue", 7, sets, cells))
    assert {w.value: t.amount for w, t in added.items()} == {"other": Decimal(7)}


def test_days_before_the_rules_start_do_not_count() -> None:
    added = additions(
        [RULE], facts(("2010-11-30T23:59", "France", "20000"), ("2010-12-01T00:00", "EIRE", "1"))
    )
    assert [w.value for w in added] == ["EIRE"]


@pytest.mark.parametrize(("dim", "value"), [("channel", "web"), ("country", "other")])
def test_a_cell_without_the_dimension_or_in_the_overflow_belongs_to_nobody(
    dim: str, value: str
) -> None:
    assert additions([RULE], facts(("2011-01-18T09:00", value, "20000"), dim=dim)) == {}


@pytest.mark.parametrize(
    ("at_minute", "amount", "cause"),
    [(0, "NaN", "amount"), (0, "Infinity", "amount"), (10**15, "1", "minute")],
)
def test_a_cell_that_cannot_be_added_is_a_bad_record(
    at_minute: int, amount: str, cause: str
) -> None:
    cell = Cell(at_minute, 0, Decimal(amount), 1)
    with pytest.raises(BadRecord) as caught:
        additions([RULE], Facts("shop", "gross_revenue", 7, [{"country": "France"}], [cell]))
    assert caught.value.cause == cause


def test_the_deed_depends_on_tenant_rule_value_and_day_and_on_nothing_else() -> None:
    assert FRANCE.deed == deed_id("shop", "country-10k", "France", "2011-01-18", "praise")
    assert FRANCE.deed == "4eb5abc0dd9644af3e8407b619e956d2"
