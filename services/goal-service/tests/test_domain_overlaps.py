"""Parts that can count the same event: as a look at every pair tells, with far fewer looks."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_contracts.facts import Condition
from event_contracts.goals import GoalChanged, Plan
from goal_service.domain import overlaps
from goal_service.domain.filters import Allowed
from goal_service.domain.overlaps import overlapping

FIRST = date(2026, 4, 1)
MANY = 1_000


def part(number: int, *where: Condition, begin: int = 0, days: int = 1) -> GoalChanged:
    start = FIRST + timedelta(begin)
    return GoalChanged(
        tenant="t",
        goal=f"{number}",
        version=1,
        name=f"{number}",
        metric="revenue",
        unit="CNY",
        zone="Asia/Shanghai",
        start=start,
        end=start + timedelta(days - 1),
        plan=Plan(),
        target=Decimal(1),
        where=where,
    )


def by_pairs(parts: list[GoalChanged]) -> list[tuple[GoalChanged, GoalChanged]]:
    """The rule as it was written first: look at every pair."""
    return [pair for pair in combinations(parts, 2) if _counts_twice(*pair)]


def _counts_twice(one: GoalChanged, other: GoalChanged) -> bool:
    together = one.start <= other.end and other.start <= one.end
    dims = {condition.dim for condition in (*one.where, *other.where)}
    return together and all(
        _allowed(one.where, dim).meets(_allowed(other.where, dim)) for dim in dims
    )


def _allowed(where: tuple[Condition, ...], dim: str) -> Allowed:
    allowed = Allowed()
    for condition in where:
        if condition.dim == dim:
            allowed = allowed.narrowed(condition)
    return allowed


VALUES = st.sets(st.sampled_from("vwxyz"), min_size=1, max_size=3).map(lambda v: tuple(sorted(v)))
CONDITIONS = st.builds(
    lambda dim, values, named: Condition(
        dim=dim, any_of=values if named else (), none_of=() if named else values
    ),
    st.sampled_from("abc"),
    VALUES,
    st.sampled_from((True, True, False)),
)
PARTS = st.lists(
    st.tuples(st.lists(CONDITIONS, max_size=4), st.integers(0, 9), st.integers(1, 12)), max_size=14
).map(
    lambda drawn: [
        part(number, *where, begin=begin, days=days)
        for number, (where, begin, days) in enumerate(drawn)
    ]
)


@given(PARTS)
def test_parts_meet_exactly_where_a_look_at_every_pair_finds_it(parts: list[GoalChanged]) -> None:
    assert list(overlapping(parts)) == by_pairs(parts)


def told_apart() -> list[GoalChanged]:
    country = Condition(dim="country", any_of=("CN",))
    return [part(n, country, Condition(dim="page", any_of=(f"{n}",))) for n in range(MANY)]


def and_all_others() -> list[GoalChanged]:
    named = [part(n, Condition(dim="page", any_of=(f"{n}",))) for n in range(MANY)]
    others = Condition(dim="page", none_of=tuple(f"{n}" for n in range(MANY)))
    return [*named, part(MANY, others)]


def by_two_dimensions() -> list[GoalChanged]:
    return [
        part(
            n,
            Condition(dim="region", any_of=(f"{n % 25}",)),
            Condition(dim="channel", any_of=(f"{n // 25}",)),
        )
        for n in range(MANY)
    ]


@pytest.mark.parametrize("make", [told_apart, and_all_others, by_two_dimensions])
def test_few_of_a_thousand_parts_are_looked_at_together(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    can_meet = overlaps.can_meet

    def counted(*pair: Any) -> bool:
        nonlocal looks
        looks += 1
        return can_meet(*pair)

    monkeypatch.setattr(overlaps, "can_meet", counted)
    assert list(overlapping(make())) == []
    assert looks <= 20 * MANY  # of half a million pairs
