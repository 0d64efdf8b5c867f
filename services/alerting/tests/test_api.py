"""The HTTP door on an in-memory store: lights, goal events, and events as they come."""

import asyncio
from decimal import Decimal
from types import SimpleNamespace

import httpx
import pytest
from fastapi import Request

from alerting import api
from alerting.adapters.deeds import Cursor, Terms
from alerting.api import events, lights
from event_contracts.goals import Guardrail
from service_kit.keys import Keys
from service_kit.settings import Settings
from service_kit.store import Store
from service_kit.web import Caller
from service_kit.web.auth import caller_of


@pytest.fixture
async def shop(stage):
    """Return a stage with three judged days, and a client with a key for its lights."""
    team = await stage()
    await team.goal()
    await team.put({1: 65, 2: 60, 3: 69})
    await team.at(4)
    await team.settle()
    keys = Keys(Store(team.store.client, "paceline_keys"))
    runtime = SimpleNamespace(
        store=team.store, clock=team.clock, settings=Settings("alerting"), keys=keys
    )
    return team, runtime


async def ask(runtime, path, scopes=("lights:read",), tenant="acme", **headers):
    key = await runtime.keys.create(tenant, scopes)
    transport = httpx.ASGITransport(api.make(runtime))
    async with httpx.AsyncClient(transport=transport, base_url="http://alerting") as client:
        return await client.get(path, headers={"authorization": f"Bearer {key}"} | headers)


async def test_lights_are_listed_by_day_the_running_one_provisional(shop):
    _, runtime = shop
    answer = (await ask(runtime, "/v1/lights?goal=a")).json()
    rows = [(row["span"]["start"], row["light"], row["provisional"]) for row in answer["items"]]
    assert rows == [
        ("2026-06-01", "yellow", False),
        ("2026-06-02", "yellow", False),
        ("2026-06-03", "red", False),
        ("2026-06-04", "red", True),
    ]
    first = answer["items"][0]
    assert (first["actual"], first["plan"], first["completion"]) == ("65", "100", "0.65")
    assert answer["complete_to_ms"] == runtime.clock.now_ms()
    assert answer["next"] is None


async def test_the_headline_stands_beside_the_run_light_and_what_is_needed_above_both(shop):
    _, runtime = shop
    answer = (await ask(runtime, "/v1/lights?goal=a")).json()
    last, running = answer["items"][2:]
    assert last["to_date"] == {
        "light": "red", "actual": "194", "plan": "300", "ratio": last["to_date"]["ratio"],
        "why": "",
    }  # fmt: skip
    assert last["to_date"]["ratio"].startswith("0.64666")
    assert (running["to_date"]["actual"], running["to_date"]["plan"]) == ("194", "400")
    assert last["breached"] == []
    # 500 less 194 over Thursday and Friday.
    assert answer["needed_per_day"] == "153"


async def test_a_breached_guardrail_is_named_beside_the_light_that_it_keeps_from_green(stage, shop):
    _, runtime = shop
    team = await stage()
    cost = Guardrail(name="cost", metric="spend", limit=Decimal(200), over_metric="leads")
    await team.goal(guardrails=(cost,))
    await team.put({1: 100, 2: 100})
    await team.put({1: 5}, metric="spend", part="guardrail.0")
    await team.at(2)
    await team.complete("spend")
    await team.settle()
    there = SimpleNamespace(**vars(runtime) | {"store": team.store, "clock": team.clock})
    answer = (await ask(there, "/v1/lights?goal=a")).json()
    assert [(row["light"], row["why"], row["breached"], row["provisional"])
            for row in answer["items"]] == [
        ("yellow", "guardrail", ["cost"], False),
        ("yellow", "guardrail", ["cost"], True),
    ]  # fmt: skip


async def test_lights_are_complete_to_where_the_last_of_the_goals_metrics_is(stage, shop):
    _, runtime = shop
    team = await stage()
    cost = Guardrail(name="cost", metric="spend", limit=Decimal(200))
    await team.goal(guardrails=(cost,))
    await team.at(2)
    there = SimpleNamespace(**vars(runtime) | {"store": team.store, "clock": team.clock})
    assert (await ask(there, "/v1/lights?goal=a")).json()["complete_to_ms"] == -1
    await team.complete("spend")
    assert (await ask(there, "/v1/lights?goal=a")).json()["complete_to_ms"] == team.clock.at_ms


async def test_lights_come_in_pages_and_between_days(shop):
    _, runtime = shop
    page = (await ask(runtime, "/v1/lights?goal=a&limit=2")).json()
    assert [row["span"]["start"] for row in page["items"]] == ["2026-06-01", "2026-06-02"]
    rest = (await ask(runtime, f"/v1/lights?goal=a&limit=2&after={page['next']}")).json()
    assert rest["items"][0]["span"]["start"] == "2026-06-03"
    some = (await ask(runtime, "/v1/lights?goal=a&from=2026-06-02&to=2026-06-02")).json()
    assert [row["span"]["start"] for row in some["items"]] == ["2026-06-02"]


async def test_a_goal_that_is_not_there_or_not_ones_own_is_not_found(shop):
    _, runtime = shop
    assert (await ask(runtime, "/v1/lights?goal=b")).status_code == 404
    assert (await ask(runtime, "/v1/lights?goal=a", tenant="other")).status_code == 404
    events = await ask(runtime, "/v1/goal-events", tenant="other")
    assert events.json() == {"items": [], "next": None}


async def test_goal_events_go_on_from_a_cursor_and_nothing_comes_twice(shop):
    team, runtime = shop
    page = (await ask(runtime, "/v1/goal-events?limit=2")).json()
    rest = (await ask(runtime, f"/v1/goal-events?after={page['next']}")).json()
    found = [event["id"] for event in page["items"] + rest["items"]]
    assert found == [deed.id for deed in await team.deeds()]
    end = (await ask(runtime, f"/v1/goal-events?after={rest['next']}")).json()
    assert end == {"items": [], "next": None}
    await team.put({4: 100})
    await team.at(5)
    await team.settle()
    more = (await ask(runtime, f"/v1/goal-events?after={rest['next']}")).json()
    assert [(event["kind"], event["light_kind"], event["light"]) for event in more["items"]] == [
        ("light.changed", "run", "green"),
        ("light.changed", "to-date", "yellow"),
    ]


async def test_goal_events_are_filtered_by_kind_and_goal(shop):
    _, runtime = shop
    found = (await ask(runtime, "/v1/goal-events?kind=goal.off_track")).json()["items"]
    assert [event["span"]["start"] for event in found] == ["2026-06-03"]
    assert (await ask(runtime, "/v1/goal-events?goal=b")).json()["items"] == []


async def test_a_cursor_that_is_none_is_refused(shop):
    _, runtime = shop
    beyond_64_bits = "MDo5MjIzMzcyMDM2ODU0Nzc1ODA4"
    for after in ("%C3%A4", beyond_64_bits):
        assert (await ask(runtime, f"/v1/goal-events?after={after}")).status_code == 422


async def test_a_key_without_the_scope_is_refused(shop):
    _, runtime = shop
    assert (await ask(runtime, "/v1/lights", scopes=("goals:read",))).status_code == 403


async def test_followers_get_each_event_with_the_position_behind_it(shop):
    team, runtime = shop
    feed, terms = events.Feed(runtime), Terms("acme")
    machine = Caller("acme", "k1", frozenset(), None)
    deeds = await team.deeds()
    stream = feed.follow(machine, terms, Cursor())
    heard = [await anext(stream) for _ in range(1 + len(deeds))]
    assert heard[0].startswith(b":")
    for text, deed in zip(heard[1:], deeds, strict=True):
        _, kind, data = text.decode().splitlines()[:3]
        assert kind == f"event: {deed.kind}"
        assert deed.id in data
    position = heard[1].decode().splitlines()[0].removeprefix("id: ")
    again = feed.follow(machine, terms, events.read_cursor(position))
    await anext(again)
    assert deeds[1].id in (await anext(again)).decode()
    await stream.aclose()
    await again.aclose()


async def test_who_follows_is_heard_no_longer_than_the_key_holds(shop):
    _, runtime = shop
    text = await runtime.keys.create("acme", ("lights:read",))
    headers = [(b"authorization", f"Bearer {text}".encode()), (b"accept", b"text/event-stream")]
    app = SimpleNamespace(state=SimpleNamespace(runtime=runtime))
    request = Request({"type": "http", "headers": headers, "app": app})
    caller = await caller_of(request, text)
    feed = events.Feed(runtime, check_seconds=0)
    answer = await feed.list_events(request, caller, limit=100)
    stream = aiter(answer.body_iterator)
    assert await anext(stream)
    await runtime.keys.revoke("acme", caller.key)
    assert await asyncio.wait_for(anext(stream, None), 60) is None


@pytest.mark.parametrize(
    ("query", "late", "named", "provisional"),
    [
        ("?goal=a", "judged_between", True, False),
        ("?goal=a", "last_judged", True, True),  # its spans were looked up before
        ("", "last_of_all", True, True),  # the row read before names the span that is shown
        ("", "last_of_all", False, False),  # a row of an earlier release names none
    ],
)
async def test_a_span_that_is_judged_while_it_is_asked_for_is_there_once(
    shop, monkeypatch, query, late, named, provisional
):
    team, runtime = shop
    await team.put({4: 100})
    await team.at(5)
    if not named:
        fields = {"$set": {"standing.start": "0001-01-01"}}
        assert (await team.store.db["due"].update_one({"goal": "a"}, fields)).modified_count

    def after_judging(reading):
        async def read(*args):
            await team.settle()
            return await reading(*args)

        return read

    monkeypatch.setattr(lights, late, after_judging(getattr(lights, late)))
    answer = (await ask(runtime, f"/v1/lights{query}")).json()
    rows = [(row["span"]["start"], row["provisional"]) for row in answer["items"]]
    assert rows[-2:] == [("2026-06-04", provisional), ("2026-06-05", True)]
    assert len(dict(rows)) == len(rows)
    assert [row async for row in team.store.db["lights"].find({"start": "2026-06-04"})]
