"""Gauges of goals: who has some, what they say, and when they go."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from alerting.board import Board
from alerting.domain.board import Entry, count, select, standing_after
from alerting.domain.goal import GoalKey
from alerting.domain.judged import Standing
from alerting.domain.lights import Colour
from alerting.settings import AlertingSettings
from event_contracts.wire import partition_of
from service_kit.metrics import REGISTRY
from service_kit.settings import Settings

PARTITIONS = 4


def gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"paceline_alerting_{name}", labels)


def light(goal: str, kind: str, level: str = "company") -> float | None:
    return gauge("goal_light", tenant="acme", goal=goal, level=level, light=kind)


@pytest.fixture
async def boarded(stage: Any) -> Any:
    """A stage with a board of at most two goals, which hears the judge."""
    team = await stage()
    team.held = set(range(PARTITIONS))
    team.board = Board(team.store, lambda: team.held, 2)
    team.judge._looked_at = team.board.looked_at
    yield team
    team.held = set()  # the register is the process's
    await team.board.step()


async def test_a_judged_goal_shows_its_lights_and_how_far_it_is(boarded: Any) -> None:
    await boarded.goal()
    await boarded.at(1)
    await boarded.put({1: 50, 2: 110})
    await boarded.at(3, 1)
    await boarded.settle()
    await boarded.board.step()
    assert light("a", "run") == 2
    assert light("a", "to-date") == 3
    assert gauge("goal_completion", tenant="acme", goal="a", level="company") == 0.8
    assert gauge("goal_attainment", tenant="acme", goal="a", level="company") == 0.32
    assert gauge("goals", level="company", light="run", colour="green") == 1


async def test_a_goal_that_is_not_judged_yet_is_counted_without_a_light(boarded: Any) -> None:
    await boarded.goal()
    await boarded.at(1)
    await boarded.settle()
    await boarded.board.step()
    assert light("a", "run") == 0
    assert gauge("goal_completion", tenant="acme", goal="a", level="company") is None
    assert gauge("goals", level="company", light="to-date", colour="none") == 1


async def test_goals_of_one_person_or_not_for_everybody_are_counted_and_not_named(
    boarded: Any,
) -> None:
    await boarded.goal("own", level="individual", owner="anna")
    await boarded.goal("secret", level="team", visibility="team", owner_team="sales")
    await boarded.at(1)
    await boarded.settle()
    await boarded.board.step()
    assert light("own", "run", "individual") is None
    assert light("secret", "run", "team") is None
    assert gauge("goals", level="individual", light="run", colour="none") == 1
    assert gauge("goals", level="team", light="run", colour="none") == 1
    assert gauge("goals_left_out") == 0


async def test_a_partition_that_is_lost_takes_its_goals_along_and_brings_them_back(
    boarded: Any,
) -> None:
    await boarded.goal()
    await boarded.at(2, 1)
    await boarded.settle()
    await boarded.board.step()
    assert light("a", "run") is not None
    boarded.held.discard(partition_of(PARTITIONS, "acme", "a"))
    await boarded.board.step()
    assert light("a", "run") is None
    assert gauge("goals", level="company", light="run", colour="yellow") is None
    boarded.held.add(partition_of(PARTITIONS, "acme", "a"))
    await boarded.board.step()
    assert light("a", "run") == 3


async def test_a_stopped_goal_is_shown_no_more(boarded: Any) -> None:
    await boarded.goal()
    await boarded.at(2, 1)
    await boarded.settle()
    await boarded.board.step()
    await boarded.goal(version=2, stopped=True)
    await boarded.settle()
    await boarded.board.step()
    assert light("a", "run") is None


async def test_too_many_goals_are_left_out_and_told_and_company_goals_stay(boarded: Any) -> None:
    for name, level in (("a", "project"), ("b", "team"), ("c", "company")):
        await boarded.goal(name, level=level)
    await boarded.at(1)
    await boarded.settle()
    await boarded.board.step()
    assert (light("c", "run"), light("b", "run", "team")) == (0, 0)
    assert light("a", "run", "project") is None
    assert gauge("goals_left_out") == 1


async def test_nothing_is_asked_while_no_goal_was_looked_at(boarded: Any) -> None:
    await boarded.goal()
    await boarded.at(1)
    await boarded.settle()
    await boarded.board.step()

    def refuse(*_: object) -> None:
        raise AssertionError("the store was asked")

    boarded.board._read = refuse
    await boarded.put({1: 50})
    await boarded.board.step()


def test_a_restatement_of_older_spans_leaves_the_newest_standing(
    bench: Any, make_goal: Any
) -> None:
    goal = make_goal()
    judged = bench(goal)
    judged.put(dict.fromkeys((goal.start,), 100))
    judged.judge()
    spans = [judged.verdicts[start] for start in sorted(judged.verdicts)]
    standing = standing_after(Standing(), spans, goal)
    assert standing.start == spans[-1].span.start
    assert standing_after(standing, spans[:1], goal) == standing
    assert standing_after(standing, [], goal) == standing


def test_only_sums_with_a_target_have_an_attainment(bench: Any, make_goal: Any) -> None:
    goal = make_goal()
    judged = bench(goal)
    judged.put({goal.start: 100})
    judged.judge()
    spans = list(judged.verdicts.values())
    assert standing_after(Standing(), spans, goal).attainment == Decimal("0.05")
    no_target = replace(goal, target=Decimal(0))
    assert standing_after(Standing(), spans, no_target).attainment is None


def test_labels_have_few_values_whatever_level_a_goal_says_it_has() -> None:
    odd = Entry(GoalKey("acme", "x"), 0, "galaxy", True, False, Standing(run=Colour.RED))
    assert {cell.level for cell in count([odd])} == {"other"}
    assert select([odd], 1) == ([odd], 0)


@pytest.mark.parametrize("wrong", ["many", "-1", "1000001"])
def test_a_bound_that_is_no_number_of_goals_is_refused_by_its_name(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACELINE_BOARD_GOALS", wrong)
    with pytest.raises(ValueError, match=r"PACELINE_BOARD_GOALS=.*whole number from 0"):
        AlertingSettings.of(Settings("alerting"))
