"""Shares of a parent's target conserve it at every version, as the split did."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from goal_service.domain.drafts import Amount, Draft, Link, Share
from goal_service.domain.links import link_of, targets_under
from goal_service.domain.splits import allot


def split(*shares: str, name: str = "s") -> dict[str, Link]:
    return {f"{name}{n}": Link(Decimal(share), name, n) for n, share in enumerate(shares)}


def test_40_and_60_percent_of_1800000_are_720000_and_1080000() -> None:
    assert targets_under(Decimal(1_800_000), split("0.4", "0.6")) == {
        "s0": 720_000,
        "s1": 1_080_000,
    }


def test_an_own_target_is_left_out_and_a_share_that_stands_alone_is_exact() -> None:
    links = {"own": Link(), "alone": Link(Decimal("0.333"))} | split("0.333", "0.667")
    found = targets_under(Decimal(100), links)
    assert found == {"alone": Decimal("33.3"), "s0": 33, "s1": 67}


def test_each_split_is_rounded_by_itself() -> None:
    found = targets_under(Decimal(3), split("0.5", "0.5") | split("0.5", "0.5", name="t"))
    assert found == {"s0": 2, "s1": 1, "t0": 2, "t1": 1}


TARGETS = st.one_of(
    st.integers(1, 10**12).map(Decimal),
    st.decimals(min_value=Decimal("0.01"), max_value=10**12, places=2),
)


@st.composite
def full_shares(draw: st.DrawFn) -> list[Decimal]:
    """Shares of at most 4 decimals that are the whole together."""
    cuts = sorted(draw(st.sets(st.integers(1, 9_999), max_size=8)))
    edges = [0, *cuts, 10_000]
    return [Decimal(b - a) / 10_000 for a, b in pairwise(edges)]


@given(full_shares(), st.lists(TARGETS, min_size=1, max_size=5))
def test_the_parts_of_a_full_split_are_the_parent_at_every_version(
    shares: list[Decimal], targets: list[Decimal]
) -> None:
    sizes: list[Amount] = [Share(share) for share in shares]
    links = {f"g{n}": Link(share, "g0", n) for n, share in enumerate(shares)}
    for target in targets:
        found = targets_under(target, links)
        assert sum(found.values()) == target
        # What a split of the new target would have given, whatever came between.
        assert tuple(found[f"g{n}"] for n in range(len(shares))) == allot(target, sizes).amounts


def test_tiers_said_as_shares_are_remembered_as_such() -> None:
    draft = Draft(
        name="g",
        metric="m",
        start=date(2026, 4, 1),
        end=date(2026, 6, 30),
        zone="UTC",
        share=Decimal("0.4"),
        floor=Share(Decimal("0.8")),
        stretch=Decimal(9),
    )
    assert link_of(draft) == Link(share=Decimal("0.4"), floor=Decimal("0.8"))
