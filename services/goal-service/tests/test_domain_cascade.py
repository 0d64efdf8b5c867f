"""Cascades: parts that add up, filters that overlap, ways up."""

import itertools
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_contracts.facts import Condition
from event_contracts.goals import GoalChanged, Guardrail, Plan
from goal_service.domain.cascade import Actual, check_link, remarks, tree
from goal_service.domain.filters import can_meet, narrows, sieve
from goal_service.domain.matching import Filter
from goal_service.domain.paths import path
from service_kit.errors import UserError

RENEWAL = (Condition(dim="business", any_of=("renewal",)),)
NEW = (Condition(dim="business", any_of=("new",)),)
CAMPAIGN = (*NEW, Condition(dim="campaign", any_of=("618",)))


def goal(identity: str, target: str, **fields: Any) -> GoalChanged:
    plain: dict[str, Any] = {
        "tenant": "t",
        "goal": identity,
        "version": 1,
        "name": identity,
        "metric": "revenue",
        "unit": "CNY",
        "zone": "Asia/Shanghai",
        "start": date(2026, 4, 1),
        "end": date(2026, 6, 30),
        "plan": Plan(),
        "target": Decimal(target),
    }
    return GoalChanged(**(plain | fields))


COMPANY = goal("q2", "1500000", name="Q2 revenue")
RENEWALS = goal("renewals", "600000", name="Renewals", level="team", parent="q2", where=RENEWAL)
BUSINESS = goal("new", "900000", name="New business", level="team", parent="q2", where=NEW)
PUSH = goal(
    "618",
    "300000",
    name="618 campaign",
    level="project",
    parent="new",
    where=CAMPAIGN,
    guardrails=(
        Guardrail(name="spend per lead", metric="spend", over_metric="leads", limit=Decimal(80)),
    ),
)
ARTICLES = goal(
    "editor",
    "20",
    name="Original articles",
    level="individual",
    parent="618",
    metric="articles",
    unit="articles",
)
BELOW = {"q2": [RENEWALS, BUSINESS], "new": [PUSH], "618": [ARTICLES]}


def test_the_second_quarters_cascade_adds_up_from_the_company_to_the_editor() -> None:
    root = tree(COMPANY, BELOW, {})
    renewals, business = root.children
    (campaign,) = business.children
    (articles,) = campaign.children
    assert (root.assigned, root.rest, root.remarks) == (1_500_000, 0, ())
    assert (renewals.share, business.share) == (Decimal("0.4"), Decimal("0.6"))
    assert (business.assigned, business.rest) == (300_000, 600_000)
    assert campaign.share == Decimal("0." + "3" * 34)
    # Articles are no revenue: they help the campaign and are no part of its sum.
    assert (articles.share, campaign.assigned, campaign.rest) == (None, 0, 300_000)


def test_too_much_assigned_is_shown_with_how_much_and_exactly_all_is_not() -> None:
    more = goal("more", "1", parent="q2", where=(Condition(dim="business", any_of=("x",)),))
    root = tree(COMPANY, {"q2": [RENEWALS, BUSINESS, more]}, {})
    assert root.rest == -1
    (found,) = root.remarks
    assert (found.code, found.where) == ("over-assigned", "q2")
    assert "1500001" in found.en
    assert "1500001" in found.zh


def test_two_parts_that_can_count_the_same_event_are_shown_unless_their_days_differ() -> None:
    both = goal("both", "1", parent="q2")
    assert [r.code for r in remarks(COMPANY, [RENEWALS, both])] == ["double-counting"]
    april = goal("april", "1", parent="q2", end=date(2026, 4, 30))
    may = goal("may", "1", parent="q2", start=date(2026, 5, 1))
    assert list(remarks(COMPANY, [april, may])) == []
    touching = goal("touching", "1", parent="q2", start=date(2026, 4, 30))
    assert [r.code for r in remarks(COMPANY, [april, touching])] == ["double-counting"]


def test_a_part_that_counts_what_its_parent_does_not_is_shown() -> None:
    wide = goal("wide", "1", parent="new")
    assert [(r.code, r.where) for r in remarks(BUSINESS, [wide])] == [
        ("counts-beyond-parent", "wide")
    ]
    late = goal("late", "1", parent="new", where=NEW, end=date(2026, 7, 1))
    assert [r.code for r in remarks(BUSINESS, [late])] == ["counts-beyond-parent"]
    assert list(remarks(BUSINESS, [PUSH])) == []


def ratio(identity: str, target: str, **fields: Any) -> GoalChanged:
    return goal(
        identity, target, form="ratio", metric="spend", over_metric="leads", at_most=True, **fields
    )


def test_ratios_add_up_by_numerator_and_denominator() -> None:
    whole = ratio("cpl", "90")
    content = ratio("content", "80", parent="cpl", where=RENEWAL)
    sem = ratio("sem", "100", parent="cpl", where=NEW)
    actuals = {
        "content": Actual(Decimal(8_000), Decimal(100)),
        "sem": Actual(Decimal(30_000), Decimal(300)),
    }
    root = tree(whole, {"cpl": [content, sem]}, actuals)
    # 80 and 100 are 95 together, not their mean of 90: SEM brings three leads of four.
    assert (root.parts.value, root.parts.over, root.parts.ratio) == (38_000, 400, 95)
    assert (root.assigned, root.rest, root.children[0].share) == (None, None, None)
    assert root.remarks == ()


def test_a_ratio_that_no_mixture_of_its_parts_reaches_is_shown() -> None:
    parts = [ratio("a", "91", where=RENEWAL), ratio("b", "100", where=NEW)]
    assert [r.code for r in remarks(ratio("cpl", "90"), parts)] == ["ratio-out-of-reach"]
    assert list(remarks(ratio("cpl", "91"), parts)) == []


def test_a_stopped_part_is_no_part() -> None:
    ended = goal("ended", "900000", parent="q2", stopped=True)
    root = tree(COMPANY, {"q2": [RENEWALS, ended]}, {})
    assert (root.rest, [child.goal.goal for child in root.children]) == (900_000, ["renewals"])


def link_refusal(child: GoalChanged, above: list[GoalChanged], below: list[GoalChanged]) -> str:
    with pytest.raises(UserError) as caught:
        check_link(child, above, below)
    return caught.value.code


def test_levels_go_down_from_company_to_individual_or_stay() -> None:
    check_link(RENEWALS, [COMPANY], [])
    check_link(goal("part", "1", level="team"), [RENEWALS, COMPANY], [])
    assert link_refusal(goal("part", "1"), [RENEWALS, COMPANY], []) == "level-order"
    lowered = goal("q2", "1", level="project")
    assert link_refusal(lowered, [], [RENEWALS]) == "level-order"


def test_a_goal_never_stands_above_itself_nor_under_a_stopped_one_nor_too_deep() -> None:
    assert link_refusal(COMPANY, [BUSINESS, COMPANY], []) == "parent-cycle"
    assert link_refusal(COMPANY, [COMPANY], []) == "parent-cycle"
    ended = goal("ended", "1", stopped=True)
    assert link_refusal(PUSH, [ended], []) == "parent-stopped"
    way = [goal(f"g{n}", "1") for n in range(20)]
    check_link(PUSH, way[:19], [])
    assert link_refusal(PUSH, way, []) == "cascade-too-deep"


def test_the_editor_sees_the_way_up_to_the_company_with_a_reason_for_each_step() -> None:
    steps = path([ARTICLES, PUSH, BUSINESS, COMPANY])
    assert [step.en for step in steps] == [
        "Original articles (20 articles) helps to reach 618 campaign (300,000 CNY, spend per lead "
        "at most 80).",
        "618 campaign (300,000 CNY, spend per lead at most 80) is 33.33 % of New business "
        "(900,000 CNY).",
        "New business (900,000 CNY) is 60 % of Q2 revenue (1,500,000 CNY).",
        "Q2 revenue (1,500,000 CNY) is to be reached by 2026-06-30; it is the company's goal.",
    ]
    assert (
        steps[2].zh == "「New business」（900,000 CNY）占「Q2 revenue」（1,500,000 CNY）的 60 %。"
    )
    assert steps[3].zh.endswith("这是公司目标。")


def test_a_way_that_ends_below_the_company_says_so() -> None:
    (step,) = path([goal("alone", "1", level="team")])
    assert step.en.endswith("it is linked to no goal of the company yet.")


def test_a_goal_that_is_kept_from_who_looks_leaves_no_trace_on_the_way_up() -> None:
    push, company = path([PUSH, COMPANY])  # new business lies between
    assert push.share is None
    assert push.en == (
        "618 campaign (300,000 CNY, spend per lead at most 80) helps to reach Q2 revenue "
        "(1,500,000 CNY)."
    )
    assert company.en.endswith("it is the company's goal.")
    (alone,) = path([PUSH])  # all above is kept: not "linked to no goal"
    assert alone.en.endswith("is to be reached by 2026-06-30.")
    assert alone.zh.endswith("须在 2026-06-30 前达成。")


def test_sums_from_which_a_hidden_part_could_be_told_are_kept_too() -> None:
    more = goal("more", "1000000", parent="q2")
    actuals = {"renewals": Actual(Decimal(7))}
    whole = tree(COMPANY, {"q2": [RENEWALS, more]}, actuals)
    assert (whole.assigned, whole.rest, whole.hidden) == (1_600_000, -100_000, False)
    assert [r.code for r in whole.remarks] == ["over-assigned", "double-counting"]
    node = tree(COMPANY, {"q2": [RENEWALS, more]}, actuals, hidden={"q2"})
    assert (node.assigned, node.rest, node.parts, node.hidden) == (None, None, None, True)
    assert [r.code for r in node.remarks] == ["double-counting"]  # both of them are seen
    assert [child.share for child in node.children] == [child.share for child in whole.children]
    assert not any(child.hidden for child in node.children)


VALUES = ("x", "y", "z")
CONDITIONS = st.builds(
    lambda dim, values, named: Condition(
        dim=dim, any_of=values if named else (), none_of=() if named else values
    ),
    st.sampled_from(("a", "b")),
    st.sets(st.sampled_from(VALUES), min_size=1).map(lambda found: tuple(sorted(found))),
    st.booleans(),
)
FILTERS = st.lists(CONDITIONS, max_size=3).map(tuple)
# Every cell there can be; "w" stands for all values that no filter names, None for no dimension.
CELLS = [
    {dim: value for dim, value in zip(("a", "b"), pair, strict=True) if value is not None}
    for pair in itertools.product((*VALUES, "w", None), repeat=2)
]


@given(FILTERS, FILTERS)
def test_filters_meet_and_narrow_exactly_as_their_cells_do(one: Any, other: Any) -> None:
    mine = [cell for cell in CELLS if Filter(one).meets(cell)]
    theirs = [cell for cell in CELLS if Filter(other).meets(cell)]
    assert can_meet(sieve(one), sieve(other)) == any(cell in theirs for cell in mine)
    if mine:  # a filter that lets nothing through narrows whatever it is compared with
        assert narrows(one, other) == all(cell in theirs for cell in mine)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=8), st.integers(0, 10**6))
def test_a_cascade_conserves_what_is_assigned_and_what_is_left(
    targets: list[int], whole: int
) -> None:
    root = goal("root", str(whole + 1))
    parts = [goal(f"p{n}", str(target), parent="root") for n, target in enumerate(targets)]
    node = tree(root, {"root": parts}, {})
    assert node.assigned is not None
    assert node.rest is not None
    assert node.assigned + node.rest == root.target
    assert (node.rest < 0) == any(remark.code == "over-assigned" for remark in node.remarks)
