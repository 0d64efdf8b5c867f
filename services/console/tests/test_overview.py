"""Goals as a tree, and which of them need somebody."""

from typing import Any

import msgspec

from console.domain.answers import Goal, Light
from console.domain.overview import (
    Look,
    common_zone,
    counts,
    looks,
    matching,
    tree,
    urgent,
)


def goals(make: Any, *given: tuple[str, str]) -> list[Goal]:
    return [
        msgspec.convert(make.goal(name, parent=parent), Goal, strict=False)
        for name, parent in given
    ]


def light(make: Any, *args: Any, **fields: Any) -> Light:
    return msgspec.convert(make.light(*args, **fields), Light, strict=False)


def test_goals_stand_under_their_parents_and_those_of_an_unseen_parent_at_the_top(
    make: Any,
) -> None:
    rows = tree(goals(make, ("b", "a"), ("a", ""), ("c", "b"), ("d", "not-seen")), {})
    assert [(row.goal.id, row.depth, row.children) for row in rows] == [
        ("a", 0, 1),
        ("b", 1, 1),
        ("c", 2, 0),
        ("d", 0, 0),
    ]


def test_a_ring_that_cannot_be_hides_no_goal(make: Any) -> None:
    rows = tree(goals(make, ("a", "b"), ("b", "a")), {})
    assert {row.goal.id for row in rows} == {"a", "b"}


def test_the_run_light_is_the_judged_one_and_the_headline_that_of_the_running_span(
    make: Any,
) -> None:
    found = looks(
        [
            light(make, "g", "2026-03-11", "yellow", provisional=True),
            light(make, "g", "2026-03-10", "red"),
            light(make, "g", "2026-03-09", "green"),
        ]
    )["g"]
    assert (found.run, found.headline) == ("red", "yellow")
    assert found.judged is not None
    assert str(found.judged.span.start) == "2026-03-10"


def test_a_goal_without_lights_has_none(make: Any) -> None:
    assert (Look().run, Look().headline, Look().watched) == ("none", "none", False)


def test_red_to_date_comes_before_a_red_run_before_a_watched_one(make: Any) -> None:
    lights = [
        light(make, "watched", "2026-03-10", "yellow", watch=True),
        light(make, "run", "2026-03-10", "red", to_date={"light": "green"}),
        light(make, "headline", "2026-03-10", "yellow", to_date={"light": "red"}),
        light(make, "calm", "2026-03-10", "yellow"),
    ]
    names = [(name, "") for name in ("calm", "watched", "run", "headline")]
    rows = tree(goals(make, *names), looks(lights))
    assert [row.goal.id for row in urgent(rows)] == ["headline", "run", "watched"]
    assert counts(rows) == {"red": 1, "yellow": 2, "green": 1}


def test_a_search_finds_by_name_metric_team_and_owner(make: Any) -> None:
    found = [
        msgspec.convert(make.goal("a", owner="li.na"), Goal, strict=False),
        msgspec.convert(make.goal("b", owner_team="growth", parent="a"), Goal, strict=False),
    ]
    rows = tree(found, {})
    assert [row.goal.id for row in matching(rows, " LI.na ")] == ["a"]
    assert [(row.goal.id, row.depth) for row in matching(rows, "growth")] == [("b", 0)]
    assert matching(rows, "") == rows
    assert matching(rows, "nothing") == []


def test_the_zone_of_a_list_is_that_of_most_of_its_goals(make: Any) -> None:
    assert common_zone(goals(make, ("a", ""), ("b", ""))) == "Asia/Shanghai"
    assert common_zone([]) == "UTC"
