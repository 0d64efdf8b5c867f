"""Local days, matching, sums, blocks and series, to the digit."""

import random
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_contracts.facts import Accepted, Cell, Condition
from goal_service.domain import blocks
from goal_service.domain.alive import Quarters, quarters_of
from goal_service.domain.days import first_minute, local_day, windows
from goal_service.domain.matching import Filter, Index, Use
from goal_service.domain.series import Question, label, minute_of, series
from goal_service.domain.sheets import GoalDay, Sheet, day_sums
from goal_service.domain.tallies import Tally


def minute(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 60


def use(goal: str, **fields: Any) -> Use:
    plain: dict[str, Any] = {
        "tenant": "t",
        "metric": "m",
        "goal": goal,
        "version": 1,
        "zone": "Europe/London",
        "start": date(2011, 1, 1),
        "end": date(2011, 12, 31),
    }
    return Use(**(plain | fields))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/London", date(2011, 3, 27), 23),
        ("Europe/London", date(2011, 10, 30), 25),
        ("Europe/London", date(2011, 1, 18), 24),
        ("Asia/Shanghai", date(2011, 3, 27), 24),
        ("America/Sao_Paulo", date(2011, 10, 16), 23),  # midnight is skipped
        ("America/St_Johns", date(2011, 3, 13), 23),
        ("America/St_Johns", date(2010, 11, 7), 25),  # back at 00:01: two days in a quarter hour
        ("Australia/Lord_Howe", date(2011, 10, 2), 23.5),
    ],
)
def test_a_local_day_has_as_many_minutes_as_its_clocks_say(
    zone: str, day: date, hours: float
) -> None:
    begin = first_minute(zone, day) - 200
    found = Counter(local_day(zone, m) for m in range(begin, begin + 2200))
    exact = Counter(
        datetime.fromtimestamp(m * 60, UTC).astimezone(ZoneInfo(zone)).date()
        for m in range(begin, begin + 2200)
    )
    assert found == exact
    if zone != "America/St_Johns":
        assert found[day] == hours * 60


def test_an_evening_in_summer_belongs_to_the_next_day_in_london_and_not_in_winter() -> None:
    assert local_day("Europe/London", minute("2011-07-01T23:30")) == date(2011, 7, 2)
    assert local_day("Europe/London", minute("2011-01-01T23:30")) == date(2011, 1, 1)


def test_windows_cover_every_day_once() -> None:
    found = list(windows(date(2011, 1, 1), date(2011, 3, 4), 31))
    assert found == [
        (date(2011, 1, 1), date(2011, 1, 31)),
        (date(2011, 2, 1), date(2011, 3, 3)),
        (date(2011, 3, 4), date(2011, 3, 4)),
    ]


def test_a_missing_dimension_is_in_no_list() -> None:
    abroad = (Condition(dim="country", none_of=("United Kingdom",)),)
    home = (Condition(dim="country", any_of=("United Kingdom",)),)
    assert Filter(abroad).meets({"country": "France"})
    assert not Filter(abroad).meets({"country": "United Kingdom"})
    assert Filter(abroad).meets({})
    assert not Filter(home).meets({})


class Name(str):
    """A value that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Name.compared += 1
        return str(self) == other

    def __hash__(self) -> int:
        return hash(str(self))


@pytest.mark.parametrize("named", ["any_of", "none_of"])
def test_a_long_list_of_values_is_not_searched_one_by_one(named: str) -> None:
    names = tuple(Name(f"c{n}") for n in range(1000))
    filters: list[dict[str, Any]] = [{"any_of": ("x",)}, {named: names}]
    where = tuple(
        Condition(dim=dim, **each) for dim, each in zip(("kind", "campaign"), filters, strict=True)
    )
    index = Index.of([use("g", where=where)])
    Name.compared = 0
    for n in range(1000):
        met = index.matching({"kind": "x", "campaign": Name(f"c{n}")})
        assert bool(met) is (named == "any_of")
        assert bool(index.matching({"kind": "x", "campaign": Name(f"d{n}")})) is not bool(met)
    assert Name.compared < 5000


def test_the_index_looks_only_at_goals_that_name_one_of_the_cells_values() -> None:
    uses = [
        use(f"g{n}", where=(Condition(dim="campaign", any_of=(f"c{n}",)),)) for n in range(1000)
    ]
    index = Index.of([*uses, use("all")])
    assert [u.goal for u in index._candidates({"campaign": "c7"})] == ["all", "g7"]
    assert [u.goal for u in index.matching({"campaign": "nobody's"})] == ["all"]


KEYS = st.tuples(st.sampled_from(("g0", "g1", "g2")), st.sampled_from(("", "over")))


@given(st.lists(st.tuples(KEYS, st.integers(0, 5), st.booleans()), max_size=20))
def test_an_index_changed_step_by_step_is_the_index_built_at_once(
    changes: list[tuple[tuple[str, str], int, bool]],
) -> None:
    filters = [
        (),
        (Condition(dim="a", any_of=("1", "2")),),
        (Condition(dim="a", none_of=("1",)),),
        (Condition(dim="a", any_of=("1", "2")), Condition(dim="b", any_of=("x",))),
        (Condition(dim="b", any_of=("x", "y")), Condition(dim="a", none_of=("2",))),
        (Condition(dim="b", any_of=("y",)),),
    ]
    index, last = Index(), {}
    for (goal, part), which, stopped in changes:
        last[goal, part] = use(goal, part=part, where=filters[which], stopped=stopped)
        index = index.put(last[goal, part])
    for a in ("1", "2", "3"):
        for b in ("x", "y"):
            dims = {"a": a, "b": b}
            wanted = {k for k, u in last.items() if not u.stopped and Filter(u.where).meets(dims)}
            found = [u.key for u in index.matching(dims)]
            assert (set(found), len(found)) == (wanted, len(wanted))
            assert {u.key for u in Index.of(last.values()).matching(dims)} == wanted


def test_cells_of_one_minute_fall_on_different_days_of_goals_in_different_zones() -> None:
    sheet = Sheet(
        ({"country": "France"}, {"country": "United Kingdom"}),
        (
            Cell(minute("2011-06-30T16:30"), 0, Decimal("10.005"), 2),
            Cell(minute("2011-06-30T16:30"), 1, Decimal("1"), 1),
            Cell(minute("2012-01-01T00:00"), 0, Decimal("99"), 1),  # outside London's period
        ),
    )
    abroad = (Condition(dim="country", none_of=("United Kingdom",)),)
    index = Index.of([use("all"), use("export", where=abroad), use("cn", zone="Asia/Shanghai")])
    assert day_sums([sheet], index) == {
        GoalDay("all", date(2011, 6, 30)): (Decimal("11.005"), 3),
        GoalDay("export", date(2011, 6, 30)): (Decimal("10.005"), 2),
        GoalDay("cn", date(2011, 7, 1)): (Decimal("11.005"), 3),
    }


def test_sums_keep_34_digits_where_pythons_own_context_has_28() -> None:
    big, small = Decimal(10) ** 29, Decimal("0.001")
    cells = (
        Cell(minute("2011-06-30T12:00"), 0, big, 1),
        Cell(minute("2011-06-30T12:01"), 0, small, 1),
    )
    found = day_sums([Sheet(({},), cells)], Index.of([use("all")]))
    assert str(found[GoalDay("all", date(2011, 6, 30))].value) == "1" + "0" * 29 + ".001"


def test_quarter_hours_become_bits_of_their_utc_day() -> None:
    day = 15_000  # days since the epoch: 2011-01-26
    found = quarters_of(
        [Accepted(day * 96, 3), Accepted(day * 96 + 95, 1), Accepted(day * 96 + 1, 0)]
    )
    assert found == {date(2011, 1, 26): 1 | 1 << 95}
    known = Quarters().joined(1)
    assert known == Quarters(1, 1)
    assert known.joined(1) is known
    assert known.joined(1 << 95).hexadecimal == "8" + "0" * 22 + "1"


def random_sheets(rng: random.Random, cells: int) -> list[Sheet]:
    tables = [
        tuple({"c": rng.choice("abc"), "d": rng.choice("xy")} for _ in range(4)) for _ in range(5)
    ]
    return [
        Sheet(
            table,
            tuple(
                Cell(
                    15_000 * 1440 + rng.randrange(3 * 1440),
                    rng.randrange(4),
                    Decimal(rng.randrange(-500, 500)) / 100,
                    rng.choice((1, 1, -1)),
                )
                for _ in range(cells // 5)
            ),
        )
        for table in tables
    ]


@pytest.mark.parametrize("seed", range(10))
def test_blocks_hold_the_sums_of_all_that_was_merged_and_stay_within_their_limit(seed: int) -> None:
    rng = random.Random(seed)
    stored: dict[blocks.Range, tuple[Sheet, ...]] = {}
    everything: list[Sheet] = []
    for _ in range(6):
        fresh = random_sheets(rng, 100)
        everything += fresh
        for within, part in blocks.touched(blocks.sums_of(fresh), stored).items():
            made = blocks.merged(within, part, stored.pop(within, ()), limit=40)
            stored |= {block.range: block.sheets for block in made}
    expected = {k: v for k, v in blocks.sums_of(everything).items() if not v.nothing}
    kept = [sheet for sheets in stored.values() for sheet in sheets]
    assert blocks.sums_of(kept) == expected
    assert max(len(sheet.cells) for sheet in kept) <= 40
    edges = sorted(stored)
    assert all(a.end == b.begin for a, b in pairwise(edges))


def test_a_minute_with_more_cells_than_the_limit_stays_one_block() -> None:
    sums = {blocks.Spot(5, frozenset({("c", str(n))})): Tally(Decimal(1), 1) for n in range(50)}
    assert len(blocks.merged(blocks.Range(0, 1440), sums, (), limit=40)) == 1


def ask(begin: str, end: str, grain: str, zone: str, **more: Any) -> Question:
    return Question(minute_of(begin, zone, "from"), minute_of(end, zone, "to"), grain, zone, **more)


def test_the_hour_that_comes_twice_stays_two_in_a_series() -> None:
    cells = tuple(
        Cell(minute(f"2011-10-30T{t}"), 0, Decimal(n), 1)
        for t, n in (("00:10", 1), ("00:50", 2), ("01:10", 4), ("02:59", 8))
    )
    question = ask("2011-10-30", "2011-10-30", "hour", "Europe/London")
    found = series([Sheet(({},), cells)], question)
    assert [(label(b, question), b.sum.value) for b in found] == [
        ("2011-10-30T01:00+01:00", 3),
        ("2011-10-30T01:00+00:00", 4),
        ("2011-10-30T02:00+00:00", 8),
    ]
    days = question._replace(grain="day")
    assert [(label(b, days), b.sum) for b in series([Sheet(({},), cells)], days)] == [
        ("2011-10-30", (15, 4))
    ]


def test_a_series_by_a_dimension_with_a_filter_on_another() -> None:
    at = minute("2011-06-30T12:00")
    sheet = Sheet(
        ({"c": "a", "d": "x"}, {"c": "b", "d": "x"}, {"c": "a", "d": "y"}),
        (Cell(at, 0, Decimal(1), 1), Cell(at, 1, Decimal(2), 1), Cell(at + 1, 2, Decimal(4), 1)),
    )
    where = (Condition(dim="d", any_of=("x",)),)
    question = ask("2011-06-30", "2011-06-30", "minute", "Asia/Kolkata", by="c", where=where)
    assert [(b.by, b.sum.value, label(b, question)) for b in series([sheet], question)] == [
        ("a", 1, "2011-06-30T17:30+05:30"),
        ("b", 2, "2011-06-30T17:30+05:30"),
    ]
    hours = question._replace(grain="hour", where=())
    assert [(b.by, b.sum.value, label(b, hours)) for b in series([sheet], hours)] == [
        ("a", 5, "2011-06-30T17:00+05:30"),
        ("b", 2, "2011-06-30T17:00+05:30"),
    ]
