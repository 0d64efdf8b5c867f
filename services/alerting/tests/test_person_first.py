"""Row P3: a person's red goes first to the person, to the lead at the end of that working day."""

import json

import pytest

from alerting.adapters.deeds import Cursor, Terms
from alerting.api import events
from service_kit.web import Caller

FIELDS = {"level": "individual", "owner": "anna", "visibility": "team", "owner_team": "content"}


@pytest.fixture
async def office(office_of):
    """Return an office in which anna's own goal turned red on Thursday, 4 June 2026."""
    it = await office_of()
    await it.team.goal("mine", **FIELDS)
    await it.team.put({1: 100, 2: 65, 3: 60}, "mine")
    await it.team.at(4, 1)
    await it.team.settle()
    await it.team.put({4: 65}, "mine")
    return it


async def judged_red(it):
    await it.team.at(5)
    await it.team.settle()


async def lights(it, name):
    answer = (await it.get(name, "/v1/lights?goal=mine")).json()
    return [(row["span"]["start"][-2:], row["light"]) for row in answer["items"]]


async def kinds(it, name, query=""):
    return [(event["kind"], event["light"]) for event in await it.events(name, query)]


async def test_the_owner_is_told_at_once_and_the_lead_at_the_end_of_the_working_day(office):
    before = await kinds(office, "cleo")
    await judged_red(office)
    assert ("goal.off_track", "red") in await kinds(office, "anna")
    assert await kinds(office, "eve") == await kinds(office, "anna")
    assert await kinds(office, "cleo") == before
    await office.team.at(5, 17, complete=False)  # 18:00 in London
    assert await kinds(office, "cleo") == await kinds(office, "anna")


async def test_a_minute_before_the_end_is_the_persons_still(office):
    await judged_red(office)
    office.team.clock.at_ms += 5 * 3_600_000 - 1
    assert ("goal.off_track", "red") not in await kinds(office, "cleo")
    office.team.clock.at_ms += 1
    assert ("goal.off_track", "red") in await kinds(office, "cleo")


async def test_lights_stop_before_the_red_one_until_then(office):
    await judged_red(office)
    mine = await lights(office, "anna")
    assert mine[:4] == [("01", "green"), ("02", "yellow"), ("03", "yellow"), ("04", "red")]
    assert await lights(office, "cleo") == mine[:3]
    rows = (await office.get("cleo", "/v1/lights")).json()["items"]
    assert [row["span"]["start"][-2:] for row in rows] == ["03"]
    await office.team.at(5, 17, complete=False)
    assert await lights(office, "cleo") == mine[:4]


async def test_a_red_that_is_not_judged_yet_is_the_persons_alone(office):
    await office.team.at(4)
    assert (await lights(office, "anna"))[-1] == ("04", "red")
    assert (await lights(office, "cleo"))[-1] == ("03", "yellow")
    await office.team.put({4: 70}, "mine")
    assert (await lights(office, "cleo"))[-1] == ("04", "yellow")


async def test_a_dry_run_tells_no_more_than_the_lights(office):
    await judged_red(office)

    async def tried(name):
        body = {"goal": "mine", "policy": {"source_always_alive": True}}
        headers = office.headers(name)
        answer = await office.ask(headers, "POST", "/v1/policies/dry-run", json=body)
        return [row["span"]["start"][-2:] for row in answer.json()["items"]]

    assert await tried("anna") == ["01", "02", "03", "04"]
    assert await tried("cleo") == ["01", "02", "03"]


async def test_who_held_a_cursor_is_given_the_held_ones_once_behind_later_ones(office):
    await judged_red(office)
    seen, after = [], ""

    async def read(limit):
        nonlocal after
        while True:
            path = f"/v1/goal-events?limit={limit}&after={after}"
            answer = (await office.get("cleo", path)).json()
            seen.extend(event["id"] for event in answer["items"])
            if answer["next"] is None:
                return
            after = answer["next"]

    await read(2)
    await office.team.goal("later", level="team")
    await office.team.put({1: 100}, "later")
    await office.team.settle()
    await read(1)
    assert len(seen) == len(set(seen))
    assert not {deed.id for deed in await office.team.deeds("mine") if deed.lead_from} & set(seen)
    await office.team.at(5, 17, complete=False)
    await read(1)
    await read(1)
    everything = await office.team.deeds("mine") + await office.team.deeds("later")
    assert sorted(seen) == sorted(deed.id for deed in everything)


async def test_a_follower_is_given_the_held_ones_when_their_time_has_come(office):
    await judged_red(office)
    feed = events.Feed(office.runtime)
    cleo = Caller("acme", "", frozenset(), None, "cleo")
    deeds = await office.team.deeds("mine")
    stream = feed.follow(cleo, Terms("acme"), Cursor())
    await anext(stream)
    first = [await _id(stream) for deed in deeds if not deed.lead_from]
    await office.team.at(5, 17, complete=False)
    then = [await _id(stream) for deed in deeds if deed.lead_from]
    await stream.aclose()
    assert first == [deed.id for deed in deeds if not deed.lead_from]
    assert then == [deed.id for deed in deeds if deed.lead_from]


async def _id(stream):
    text = (await anext(stream)).decode()
    return json.loads(text.partition("data: ")[2])["id"]


async def test_a_reader_whose_worker_has_a_slower_clock_misses_none(office):
    await judged_red(office)
    await office.team.at(5, 17, complete=False)
    first = (await office.get("cleo", "/v1/goal-events?limit=1")).json()
    office.team.clock.at_ms -= 3_600_000
    rest = (await office.get("cleo", f"/v1/goal-events?after={first['next']}")).json()
    found = [event["id"] for event in first["items"] + rest["items"]]
    assert found == [deed.id for deed in await office.team.deeds("mine")]
