"""A policy tried on a goal's past, from days that a reader can check by hand (plan 100 a day)."""

from datetime import date
from types import SimpleNamespace

import httpx
import pytest

from alerting import api
from alerting.domain.policies import Wish
from event_contracts.goals import Policy
from event_contracts.progress import SourceAlive
from event_contracts.wire import partition_of
from service_kit.keys import Keys
from service_kit.settings import Settings
from service_kit.store import Store

ALIVE = {"source_always_alive": True}
HERE = partition_of(4, "acme", "a")


@pytest.fixture
def runtime_of():
    def make(team):
        keys = Keys(Store(team.store.client, "paceline_keys"))
        return SimpleNamespace(
            store=team.store, clock=team.clock, settings=Settings("alerting"), keys=keys
        )

    return make


async def dry_run(runtime, policy, goal="a", scopes=("lights:read",), tenant="acme", status=200):
    key = await runtime.keys.create(tenant, scopes)
    transport = httpx.ASGITransport(api.make(runtime))
    async with httpx.AsyncClient(transport=transport, base_url="http://alerting") as client:
        answer = await client.post(
            "/v1/policies/dry-run",
            json={"goal": goal, "policy": policy},
            headers={"authorization": f"Bearer {key}"},
        )
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture
async def shop(stage, runtime_of):
    """Return a stage of three low days (red on the third) and one green, and its runtime."""
    team = await stage()
    await team.goal()
    await team.put({1: 65, 2: 60, 3: 69, 4: 100})
    await team.at(5)
    await team.settle()
    assert await team.colours() == ["yellow", "yellow", "red", "green"]
    return team, runtime_of(team)


def run(answer, side):
    return [row[side] and row[side]["light"] for row in answer["items"]]


async def test_the_default_policy_gives_the_lights_that_are_there(shop):
    _, runtime = shop
    answer = await dry_run(runtime, ALIVE)
    assert run(answer, "before") == run(answer, "after") == ["yellow", "yellow", "red", "green"]
    assert [row["differs"] for row in answer["items"]] == [False] * 4
    assert answer["counts"]["before"] == answer["counts"]["after"]
    assert answer["counts"]["after"]["run"] == {
        "green": 1, "yellow": 2, "red": 1, "grey": 0, "none": 0,
    }  # fmt: skip
    assert answer["red_runs"] == {"before": 1, "after": 1}


async def test_a_stricter_policy_shows_each_span_as_it_is_and_as_it_would_be(shop):
    _, runtime = shop
    answer = await dry_run(runtime, ALIVE | {"red_after": 2, "strictly_more": True})
    assert run(answer, "before") == ["yellow", "yellow", "red", "green"]
    assert run(answer, "after") == ["yellow", "red", "red", "yellow"]
    assert [row["differs"] for row in answer["items"]] == [False, True, False, True]
    assert answer["counts"]["before"]["run"]["red"] == 1
    assert answer["counts"]["after"]["run"]["red"] == 2
    assert answer["red_runs"] == {"before": 1, "after": 1}  # two red spans, one run


async def test_exactly_low_is_yellow_and_a_hair_above_it_is_not(shop):
    _, runtime = shop
    at = await dry_run(runtime, ALIVE | {"low": "0.69"})
    assert run(at, "after") == ["yellow", "yellow", "yellow", "green"]
    above = await dry_run(runtime, ALIVE | {"low": "0.6901"})
    assert run(above, "after") == ["yellow", "yellow", "red", "green"]


async def test_the_to_date_light_is_tried_too(shop):
    _, runtime = shop
    # To date 65/100, 125/200, 194/300, 294/400: below 70 % red, 73.5 % yellow.
    plain = await dry_run(runtime, ALIVE)
    lenient = await dry_run(runtime, ALIVE | {"low": "0.60"})
    headline = [[row["after"]["to_date"]["light"] for row in a["items"]] for a in (plain, lenient)]
    assert headline == [["red", "red", "red", "yellow"], ["yellow"] * 4]
    assert plain["counts"]["after"]["to_date"]["red"] == 3


async def test_another_grain_has_spans_of_its_own(stage, runtime_of):
    team = await stage()
    await team.goal(end=date(2026, 6, 12))
    await team.put(dict.fromkeys(range(1, 6), 100) | {8: 60, 9: 60, 10: 60, 11: 60, 12: 60})
    await team.at(15)
    await team.settle()
    answer = await dry_run(runtime_of(team), ALIVE | {"grain": "week"})
    assert answer["grain"] == {"before": "day", "after": "week"}
    weeks = [row for row in answer["items"] if row["after"]]
    # The second week is low at 60 %, and two of them in a row would be red.
    found = [(w["span"]["start"], w["after"]["light"], w["after"]["watch"]) for w in weeks]
    assert found == [("2026-06-01", "green", False), ("2026-06-08", "yellow", True)]
    assert len(answer["items"]) == 12
    assert answer["red_runs"] == {"before": 1, "after": 0}


async def test_a_red_after_of_0_is_what_the_grain_has(stage, runtime_of):
    team = await stage()
    await team.goal(end=date(2026, 6, 12))
    await team.put(dict.fromkeys((1, 2, 3, 4, 5, 8, 9, 10, 11, 12), 60))
    await team.at(15)
    await team.settle()
    answer = await dry_run(runtime_of(team), ALIVE | {"grain": "week", "red_after": 0})
    assert [light for light in run(answer, "after") if light] == ["yellow", "red"]


async def test_results_of_a_weekend_are_tried_as_the_policy_counts_them(stage, runtime_of):
    team = await stage()
    await team.goal(end=date(2026, 6, 8))
    await team.put({5: 100, 6: 40, 7: 30, 8: 60})
    await team.at(9)
    await team.settle()
    answer = await dry_run(runtime_of(team), ALIVE | {"non_working": "add_to_next"})
    last = answer["items"][-1]
    assert (last["before"]["ratio"], last["after"]["ratio"]) == ("0.6", "1.3")
    assert last["after"]["light"] == "green"


async def test_silent_days_are_grey_where_the_tried_policy_lets_silence_count(stage, runtime_of):
    team = await stage()
    await team.goal()
    await team.apply(
        "progress",
        HERE,
        SourceAlive(
            tenant="acme", metric="leads", day=date(2026, 6, 1), quarters=f"{1 << 40:x}", version=1
        ),
    )
    await team.at(4)
    await team.settle()
    answer = await dry_run(runtime_of(team), {})
    assert run(answer, "before") == ["yellow", "yellow", "red"]
    assert run(answer, "after") == ["yellow", "grey", "grey"]
    assert answer["counts"]["after"]["run"]["grey"] == 2


async def test_corrections_that_came_since_are_in_what_would_be(shop):
    team, runtime = shop
    await team.put({3: 100})  # accepted, and not judged again yet
    answer = await dry_run(runtime, ALIVE)
    assert run(answer, "before") == ["yellow", "yellow", "red", "green"]
    assert run(answer, "after") == ["yellow", "yellow", "green", "green"]


async def test_a_span_that_is_not_complete_is_not_tried(shop):
    team, runtime = shop
    await team.at(6, complete=False)
    answer = await dry_run(runtime, ALIVE)
    assert len(answer["items"]) == 4


async def test_nothing_is_written(shop):
    team, runtime = shop
    names = ("goals", "progress", "lights", "deeds", "due", "heads", "outbox", "audit")

    async def everything():
        return [await team.store.db[name].find({}).to_list(None) for name in names]

    before = await everything()
    await dry_run(runtime, ALIVE | {"red_after": 1})
    assert await everything() == before


async def test_all_of_the_past_is_judged_by_the_newest_version(shop):
    team, runtime = shop
    await team.goal(version=2, policy={"red_after": 1}, changed_ms=team.clock.at_ms)
    await team.settle()
    answer = await dry_run(runtime, ALIVE | {"red_after": 1})
    assert answer["version"] == 2
    assert run(answer, "before") == ["yellow", "yellow", "red", "green"]  # as version 1 judged
    assert run(answer, "after") == ["red", "red", "red", "green"]


@pytest.mark.parametrize(
    ("policy", "code", "where"),
    [
        ({"grain": "auto"}, "policy-value", "policy.grain"),
        ({"grain": ""}, "policy-value", "policy.grain"),
        ({"non_working": "ignore"}, "policy-value", "policy.non_working"),
        ({"low": "0"}, "policy-value", "policy.low"),
        ({"red_after": 32}, "policy-value", "policy.red_after"),
        ({"settle_days": 31}, "policy-value", "policy.settle_days"),
        ({"restate_share": "11"}, "policy-value", "policy.restate_share"),
        ({"low": "0.9", "green": "0.8"}, "policy-bands", "policy.green"),
    ],
)
async def test_a_policy_that_no_judge_can_follow_is_refused(shop, policy, code, where):
    _, runtime = shop
    error = (await dry_run(runtime, policy, status=422))["error"]
    assert (error["code"], error["where"]) == (code, where)


async def test_a_field_that_no_policy_has_is_refused(shop):
    _, runtime = shop
    error = (await dry_run(runtime, {"red_aftr": 2}, status=422))["error"]
    assert error["where"] == "$.policy.red_aftr"


async def test_a_goal_that_is_not_there_or_not_ones_own_is_not_found(shop):
    _, runtime = shop
    await dry_run(runtime, ALIVE, goal="b", status=404)
    await dry_run(runtime, ALIVE, tenant="other", status=404)
    await dry_run(runtime, ALIVE, scopes=("goals:read",), status=403)


def test_what_is_left_out_has_the_default_of_a_goals_policy():
    assert Wish().settled("day") == Policy()
