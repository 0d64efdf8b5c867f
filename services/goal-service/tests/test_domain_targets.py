"""Elastic targets: as text, in order, and in the direction that is wanted."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from event_contracts.goals import GoalChanged
from event_contracts.metrics import MetricDefined
from goal_service.domain.drafts import Between, Draft, Share
from goal_service.domain.goals import Surroundings, settle
from goal_service.domain.targets import read_target
from service_kit.errors import UserError

LEADS = MetricDefined(
    tenant="t", metric="leads", version=1, kind="additive", source="crm", unit="leads"
)
DRAFT = Draft(
    name="Leads", metric="leads", start=date(2026, 4, 1), end=date(2026, 6, 30), zone="UTC"
)


def settled(**fields: Any) -> GoalChanged:
    around = Surroundings({"leads": LEADS}, lambda country, year: None)
    return settle(replace(DRAFT, **fields), around, "g", 1, 0)[0]


def refused(**fields: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        settled(**fields)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in caught.value.zh)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "800 to 1000",
        "800-1000",
        "800~1000",
        "800 到 1000",
        "800至1000",
        "800～1000",
        "800 – 1,000",
        " 800 TO 1000 ",
        "800.00 to 1000",
    ],
)
def test_800_to_1000_as_text_is_floor_800_target_900_stretch_1000(text: str) -> None:
    goal = settled(target=read_target(text))
    assert (goal.floor, goal.target, goal.stretch) == (800, 900, 1000)
    assert sum(goal.plan.days.values()) == 900


@pytest.mark.parametrize("given", ["900", "900.0", 900, Decimal(900)])
def test_a_single_number_is_the_target(given: Any) -> None:
    assert settled(target=read_target(given)).target == 900


def test_a_number_in_text_may_group_its_thousands() -> None:
    assert read_target("1,500,000") == 1_500_000
    assert read_target("1，500，000 到 2,000,000.5") == Between(
        Decimal(1_500_000), Decimal("2000000.5")
    )


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("many", "target-unreadable"),
        ("800 to", "target-unreadable"),
        ("800 to 900 to 1000", "target-unreadable"),
        ("-800 to 1000", "target-unreadable"),
        ("8,00 to 1000", "target-unreadable"),
        ("", "target-unreadable"),
        (True, "target-unreadable"),
        ([800, 1000], "target-unreadable"),
        ("1000 to 800", "target-reversed"),
    ],
)
def test_a_target_that_cannot_be_read_is_refused_with_how_to_write_it(
    given: Any, code: str
) -> None:
    with pytest.raises(UserError) as caught:
        read_target(given)
    assert (caught.value.code, caught.value.where) == (code, "target")
    assert "800" in caught.value.en
    assert "800" in caught.value.zh


def test_a_range_leaves_no_room_for_a_floor_or_stretch_of_its_own() -> None:
    between = Between(Decimal(800), Decimal(1000))
    assert refused(target=between, floor=Decimal(700)).code == "target-said-twice"
    assert refused(target=between, stretch=Share(Decimal("1.1"))).code == "target-said-twice"
    assert refused(target=Between(Decimal(0), Decimal(0))).code == "target-not-positive"


def test_the_floor_may_be_the_target_and_so_may_the_stretch() -> None:
    goal = settled(target=Decimal(900), floor=Decimal(900), stretch=Decimal(900))
    assert (goal.floor, goal.stretch) == (900, 900)
    assert refused(target=Decimal(900), floor=Decimal(901)).where == "floor"
    assert refused(target=Decimal(900), stretch=Decimal(899)).where == "stretch"


def test_of_an_at_most_goal_the_floor_is_the_higher_end() -> None:
    goal = settled(target=read_target("80 to 100"), at_most=True)
    assert (goal.floor, goal.target, goal.stretch) == (100, 90, 80)
    assert refused(target=Decimal(90), floor=Decimal(89), at_most=True).where == "floor"
    assert refused(target=Decimal(90), stretch=Decimal(91), at_most=True).where == "stretch"


def parent(**fields: Any) -> GoalChanged:
    return settled(target=Decimal(1_500_000), **fields)


def under(above: GoalChanged | None, **fields: Any) -> GoalChanged:
    around = Surroundings({"leads": LEADS}, lambda country, year: None, above)
    return settle(replace(DRAFT, **fields), around, "part", 1, 0)[0]


def test_a_share_of_the_parents_target_is_the_target() -> None:
    goal = under(parent(), parent="g", share=Decimal("0.4"), floor=Share(Decimal("0.9")))
    assert (goal.target, goal.floor) == (600_000, 540_000)
    assert sum(goal.plan.days.values()) == 600_000


def test_a_share_of_nothing_or_beside_a_target_or_of_another_form_is_refused() -> None:
    share = Decimal("0.4")
    for above, fields, code in (
        (None, {}, "parent-missing"),
        (parent(), {"target": Decimal(1)}, "target-said-twice"),
        (parent(), {"share": Decimal("0.33333")}, "share-invalid"),
        (parent(), {"share": Decimal(0)}, "target-not-positive"),
        (parent(), {"share": Decimal(-1)}, "share-invalid"),
        (parent(form="level", level_start=Decimal(9)), {}, "share-of-another-metric"),
    ):
        with pytest.raises(UserError) as caught:
            under(above, parent="g", **{"share": share} | fields)
        assert caught.value.code == code
