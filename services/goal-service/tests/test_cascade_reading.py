"""A cascade of many goals is read in bulk, and shows what each goal alone would show."""

from decimal import Decimal
from typing import Any

import pytest

from event_contracts.facts import Condition
from event_contracts.metrics import MetricDefined

JANUARY = {"start": "2011-01-01", "end": "2011-01-31", "zone": "Europe/London"}
ALL = JANUARY | {"id": "all", "name": "All", "metric": "gross_revenue", "target": 1_000_000}
RATE = ALL | {"id": "rate", "form": "ratio", "over_metric": "orders", "target": 2}
PARTS = 90
Nodes = dict[str, dict[str, Any]]


def nodes_of(node: dict[str, Any]) -> Nodes:
    """Return the node and all below it by their ids."""
    found = {node["id"]: node}
    for child in node["children"]:
        found |= nodes_of(child)
    return found


@pytest.fixture
async def countries(door: Any, stage: Any) -> Any:
    """A goal of ninety parts with a part each, and a ratio below it; its days in both places."""
    stage.most_hot = 20
    await stage.restart()
    await stage.define(
        MetricDefined(
            tenant="shop",
            metric="orders",
            version=1,
            kind="additive",
            source="orders",
            unit="orders",
            dims=("country",),
        )
    )
    await door.call("POST", "/v1/goals", ALL, status=201)
    await door.call("POST", "/v1/goals", RATE | {"parent": "all"}, status=201)
    parts = [
        {"id": f"c{n}", "name": f"c{n}", "amount": n + 1}
        | {"where": [{"dim": "country", "any_of": [f"C{n}"]}]}
        for n in range(PARTS)
    ]
    body = {"parts": parts, "allow_rest": True}
    await door.call("POST", "/v1/goals/all/split", body, status=201)
    for n in range(PARTS):
        one = {"parts": [{"id": f"d{n}", "name": f"d{n}", "share": 1}]}
        await door.call("POST", f"/v1/goals/c{n}/split", one, status=201)
    uses = [
        stage.use(f"{level}{n}", where=(Condition(dim="country", any_of=(f"C{n}",)),))
        for level in "cd"
        for n in range(PARTS)
    ]
    both = {"metric": "orders", "part": "over"}
    await stage.feed(*uses, stage.use("all"), stage.use("rate"), stage.use("rate", **both))
    for day in range(3):
        minute = stage.clock.now // 60_000 + day * 1440
        cells = [(minute, f"C{n}", f"{n}.{day}") for n in range(PARTS)]
        await stage.feed(stage.cells(*cells), stage.cells((minute, "C1", "7"), metric="orders"))
    assert await stage.all("progress")
    assert await stage.all("hot_days")
    return door


async def test_a_cascade_shows_of_each_goal_what_its_own_progress_shows(countries: Any) -> None:
    root = await countries.call("GET", "/v1/goals/all/cascade")
    found = nodes_of(root)
    assert len(found) == 2 * PARTS + 2
    for goal, node in found.items():
        alone = await countries.call("GET", f"/v1/goals/{goal}/progress")
        over = alone["parts"].get("over")
        assert node["actual"]["value"] == alone["total"], goal
        assert node["actual"]["over"] == (over and over["total"])
    assert (found["rate"]["actual"]["over"], found["c7"]["actual"]["value"]) == ("21", "21.3")
    assert Decimal(found["all"]["parts"]["value"]) == Decimal(found["all"]["actual"]["value"]) > 0


async def test_a_cascade_of_many_goals_asks_the_store_a_few_times(
    countries: Any, stage: Any
) -> None:
    stage.calls.clear()
    await countries.call("GET", "/v1/goals/all/cascade")
    asked = {call: times for call, times in stage.calls.items() if call.startswith("find")}
    assert sum(asked.values()) < 25  # of a hundred and eighty goals
