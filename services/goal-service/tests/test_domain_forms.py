"""Sums, ratios, levels and guardrails: what each needs, its plan, and the sums it is made of."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from event_contracts.facts import Condition
from event_contracts.goals import GoalChanged, Guardrail, Plan
from event_contracts.metrics import MetricDefined
from goal_service.domain.calendar import working_days
from goal_service.domain.drafts import Draft
from goal_service.domain.forms import planned_on
from goal_service.domain.goals import Surroundings, settle, stopped
from goal_service.domain.kinds import metrics_of
from goal_service.domain.parts import GoalPart, controls, parts_of
from service_kit.errors import UserError


def metric(name: str, **fields: Any) -> MetricDefined:
    plain = {"tenant": "t", "metric": name, "version": 1, "kind": "additive", "source": "crm"}
    return MetricDefined(**(plain | {"unit": name, "dims": ("channel", "tail")} | fields))


KNOWN = {name: metric(name) for name in ("leads", "spend", "revenue")}
LONG_TAIL = (Condition(dim="tail", any_of=("long",)),)
SEM = (Condition(dim="channel", any_of=("sem",)),)
# 13 weeks from a Monday: 65 working days.
DRAFT = Draft(name="g", metric="leads", start=date(2026, 1, 5), end=date(2026, 4, 5), zone="UTC")
COST = replace(
    DRAFT, metric="spend", form="ratio", over_metric="leads", at_most=True, target=Decimal(80)
)
LONG_TAIL_SHARE = replace(
    DRAFT,
    form="level",
    where=(*SEM, *LONG_TAIL),
    over_metric="leads",
    over_where=SEM,
    level_start=Decimal("0.25"),
    target=Decimal("0.40"),
)


def settled(draft: Draft, **fields: Any) -> GoalChanged:
    around = Surroundings(KNOWN, lambda country, year: None)
    return settle(replace(draft, **fields), around, "g", 1, 0)[0]


def test_a_ratio_goal_wants_its_target_on_every_working_day() -> None:
    goal = settled(COST)
    assert (goal.form, goal.at_most, goal.over_metric) == ("ratio", True, "leads")
    assert goal.plan == Plan(daily=Decimal(80))
    assert goal.policy.grain == "day"
    working = working_days(goal.calendar, goal.start, goal.end)
    assert planned_on(goal, date(2026, 1, 5), working) == 80
    assert planned_on(goal, date(2026, 1, 10), working) == 0


def test_a_level_of_a_ratio_moves_straight_over_the_working_days() -> None:
    goal = settled(LONG_TAIL_SHARE)
    assert goal.plan == Plan()  # empty: straight, so that nobody rounds it
    working = working_days(goal.calendar, goal.start, goal.end)
    assert len(working) == 65
    # After 13 of 65 days a fifth of the way from 25 to 40 %: 28 %. A weekend stays where it is.
    assert planned_on(goal, working[12], working) == Decimal("0.28")
    assert planned_on(goal, date(2026, 1, 10), working) == planned_on(goal, working[4], working)
    assert planned_on(goal, working[-1], working) == Decimal("0.40")
    assert goal.policy.grain == "day"


def test_a_level_planned_by_hand_holds_until_the_next_one_and_ends_at_the_target() -> None:
    by_hand = Plan(
        days={
            date(2026, 1, 7): Decimal("0.30"),
            date(2026, 2, 2): Decimal("0.35"),
            date(2026, 4, 3): Decimal("0.40"),
        }
    )
    goal = settled(LONG_TAIL_SHARE, plan=by_hand)
    working = working_days(goal.calendar, goal.start, goal.end)
    assert set(goal.plan.days) == set(working)
    found = [planned_on(goal, date(2026, 1, day), working) for day in (6, 7, 8, 10)]
    assert found == [Decimal("0.25"), Decimal("0.30"), Decimal("0.30"), Decimal("0.30")]


def test_a_level_may_fall_and_its_tiers_fall_with_it() -> None:
    goal = settled(
        DRAFT,
        form="level",
        level_start=Decimal(40),
        target=Decimal(20),
        floor=Decimal(25),
        stretch=Decimal(10),
    )
    assert (goal.floor, goal.stretch) == (25, 10)
    working = working_days(goal.calendar, goal.start, goal.end)
    assert planned_on(goal, working[12], working) == 36
    assert settled(DRAFT, form="level", level_start=Decimal(5), target=Decimal(0)).target == 0


def rail(name: str, **fields: Any) -> Guardrail:
    plain: dict[str, Any] = {"name": name, "metric": "spend", "limit": Decimal(80)}
    return Guardrail(**(plain | fields))


@pytest.mark.parametrize(
    ("draft", "code", "where"),
    [
        (replace(DRAFT, form="product"), "form-unknown", "form"),
        (replace(DRAFT, over_metric="spend"), "over-metric-of-a-sum", "over_metric"),
        (replace(DRAFT, over_where=SEM), "over-metric-missing", "over_where"),
        (replace(COST, over_metric=None), "over-metric-missing", "over_metric"),
        (replace(COST, metric="leads"), "ratio-of-itself", "over_metric"),
        (replace(COST, target=Decimal(0)), "target-not-positive", "target"),
        (replace(COST, plan=Plan(daily=Decimal(80))), "plan-of-a-ratio", "plan"),
        (
            replace(COST, over_where=(Condition(dim="moon", any_of=("x",)),)),
            "dimension-unknown",
            "over_where.0.dim",
        ),
        (replace(DRAFT, form="level"), "level-start", "level_start"),
        (replace(DRAFT, level_start=Decimal(1)), "level-start", "level_start"),
        (replace(LONG_TAIL_SHARE, at_most=True), "level-at-most", "at_most"),
        (
            replace(LONG_TAIL_SHARE, target=Decimal("0.25")),
            "level-does-not-move",
            "level_start",
        ),
        (replace(LONG_TAIL_SHARE, plan=Plan(daily=Decimal(1))), "plan-of-a-level", "plan"),
        (
            replace(LONG_TAIL_SHARE, plan=Plan(days={date(2026, 4, 3): Decimal("0.39")})),
            "plan-does-not-add-up",
            "plan",
        ),
        (
            replace(
                LONG_TAIL_SHARE,
                plan=Plan(
                    days={date(2026, 1, 5): Decimal("0.41"), date(2026, 4, 3): Decimal("0.40")}
                ),
            ),
            "plan-of-a-level",
            "plan.days",
        ),
        (replace(DRAFT, guardrails=(rail(" "),)), "guardrail-name", "guardrails"),
        (replace(DRAFT, guardrails=(rail("a"), rail("a"))), "guardrail-name", "guardrails"),
        (
            replace(DRAFT, guardrails=(rail("a", limit=Decimal("NaN")),)),
            "amount-invalid",
            "guardrails.0.limit",
        ),
        (
            replace(DRAFT, guardrails=(rail("a"), rail("b", over_where=SEM))),
            "over-metric-missing",
            "guardrails.1.over_where",
        ),
        (
            replace(DRAFT, guardrails=(rail("a", where=(Condition(dim="x", any_of=("y",)),)),)),
            "dimension-unknown",
            "guardrails.0.where.0.dim",
        ),
    ],
)
def test_a_form_without_what_it_needs_or_with_what_it_cannot_use_is_refused(
    draft: Draft, code: str, where: str
) -> None:
    draft = draft if draft.target is not None else replace(draft, target=Decimal(100))
    with pytest.raises(UserError) as caught:
        settled(draft)
    assert (caught.value.code, caught.value.where) == (code, where)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in caught.value.zh)


RAILS = (
    rail("cost per lead", over_metric="leads", over_where=SEM),
    rail("ROI", metric="revenue", at_most=False, limit=Decimal(3)),
)


def test_every_sum_of_a_goal_is_told_to_the_log_of_its_metric() -> None:
    goal = settled(LONG_TAIL_SHARE, guardrails=RAILS)
    assert [(p.part, p.metric, p.where) for p in parts_of(goal)] == [
        ("", "leads", (*SEM, *LONG_TAIL)),
        ("over", "leads", SEM),
        ("guardrail.0", "spend", ()),
        ("guardrail.0.over", "leads", SEM),
        ("guardrail.1", "revenue", ()),
    ]
    told = controls(goal, None)
    sent = [GoalPart(c.part, c.metric, c.where, c.denominator) for c in told]
    assert sent == list(parts_of(goal))
    assert {c.stopped for c in told} == {False}
    assert [m for m, _ in metrics_of(replace(LONG_TAIL_SHARE, guardrails=RAILS))] == [
        *("leads", "leads", "spend", "leads", "revenue"),
    ]


def test_parts_that_a_new_version_does_not_have_are_stopped_where_they_were() -> None:
    first = settled(LONG_TAIL_SHARE, guardrails=RAILS)
    second = msgspec.structs.replace(
        settled(DRAFT, target=Decimal(9), guardrails=RAILS[1:]), version=2
    )
    told = [(c.part, c.metric, c.stopped, c.goal_version) for c in controls(second, first)]
    assert told == [
        ("", "leads", False, 2),
        ("guardrail.0", "revenue", False, 2),
        ("over", "leads", True, 2),
        ("guardrail.0", "spend", True, 2),
        ("guardrail.0.over", "leads", True, 2),
        ("guardrail.1", "revenue", True, 2),
    ]
    ended = controls(stopped(first, 9), first)
    assert [(c.part, c.stopped) for c in ended] == [(p.part, True) for p in parts_of(first)]
