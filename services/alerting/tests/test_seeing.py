"""Who sees which goal's lights and events: the rule of visibility over the directory as told."""

import json

import pytest

from alerting.adapters.deeds import Cursor, Terms
from alerting.adapters.directory import lines_of
from alerting.api import events
from event_contracts.directory import OrganisationChanged
from service_kit.web import Caller

GOALS = {
    "all": {"visibility": "organisation", "owner": "anna", "level": "team"},
    "own": {"visibility": "private", "owner": "anna", "level": "team"},
    "ours": {"visibility": "team", "owner_team": "content", "level": "team"},
}
SEEN = {
    "anna": {"all", "own", "ours"},
    "ben": {"all", "ours"},
    "cleo": {"all", "own", "ours"},
    "dora": {"all"},
    "eve": {"all", "own", "ours"},
}


@pytest.fixture
async def office(office_of):
    """Return an office whose goals had three low days and are red."""
    it = await office_of()
    team = it.team
    for name, fields in GOALS.items():
        await team.goal(name, **fields)
        await team.put({1: 65, 2: 60, 3: 69}, name)
    await team.at(4)
    await team.settle()
    return it


@pytest.mark.parametrize("name", SEEN)
async def test_lists_hold_the_goals_that_one_sees_and_no_other(office, name):
    lights = (await office.get(name, "/v1/lights")).json()["items"]
    assert {row["goal"] for row in lights} == SEEN[name]
    assert {event["goal"] for event in await office.events(name)} == SEEN[name]


@pytest.mark.parametrize("name", SEEN)
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_the_lights_of_all_goals_come_in_full_pages_of_goals_that_one_sees(
    office, name, limit
):
    pages, after = [], ""
    while after is not None:
        page = (await office.get(name, f"/v1/lights?limit={limit}&after={after}")).json()
        pages.append(list(dict.fromkeys(row["goal"] for row in page["items"])))
        assert page["complete_to_ms"] >= 0
        after = page["next"]
    seen = sorted(SEEN[name])
    assert pages == [seen[at : at + limit] for at in range(0, len(seen), limit)]


@pytest.mark.parametrize("name", SEEN)
async def test_a_goal_that_one_does_not_see_is_not_there(office, name):
    for goal in GOALS:
        status = 200 if goal in SEEN[name] else 404
        assert (await office.get(name, f"/v1/lights?goal={goal}")).status_code == status
        body = {"goal": goal, "policy": {}}
        headers = office.headers(name)
        tried = await office.ask(headers, "POST", "/v1/policies/dry-run", json=body)
        assert tried.status_code == status
        assert bool(await office.events(name, f"goal={goal}")) == (status == 200)
    hidden = (await office.get("dora", "/v1/lights?goal=own")).json()
    absent = (await office.get("dora", "/v1/lights?goal=none")).json()
    assert json.dumps(hidden).replace("'own'", "'none'") == json.dumps(absent)


async def test_a_machine_sees_what_is_the_organisations_unless_its_key_reads_all(office):
    plain, full = await office.key("lights:read"), await office.key("lights:read", "goals:read-all")
    assert {event["goal"] for event in await office.pages(plain)} == {"all"}
    assert {event["goal"] for event in await office.pages(full)} == set(GOALS)


async def test_pages_go_on_over_what_is_hidden(office):
    for limit in (1, 2, 3):
        found = [event["id"] for event in await office.events("dora", f"limit={limit}")]
        assert found == [deed.id for deed in await office.team.deeds("all")]


async def test_a_page_of_hidden_events_alone_is_empty_and_says_where_to_go_on(office, monkeypatch):
    monkeypatch.setattr(events, "MOST_READ", 1)
    path = "/v1/goal-events?goal=own&limit=1"
    first = (await office.get("dora", path)).json()
    assert first["items"] == []
    assert first["next"] is not None
    second = (await office.get("dora", f"{path}&after={first['next']}")).json()
    assert second["next"] not in (None, first["next"])
    assert await office.events("dora", "goal=own") == []


async def test_a_follower_hears_of_what_it_sees_alone(office):
    feed = events.Feed(office.runtime)
    dora = Caller("acme", "", frozenset(), None, "dora")
    stream = feed.follow(dora, Terms("acme"), Cursor())
    await anext(stream)
    for deed in await office.team.deeds("all"):
        assert deed.id in (await anext(stream)).decode()
    await stream.aclose()


async def test_a_goal_made_private_is_gone_and_a_mover_sees_what_the_new_team_sees(office):
    await office.team.goal("all", version=2, visibility="private", owner="anna", level="team")
    assert (await office.get("dora", "/v1/lights?goal=all")).status_code == 404
    assert (await office.get("dora", "/v1/lights?goal=ours")).status_code == 404
    await office.tell(office.person("dora", 2, team="content"))
    assert (await office.get("dora", "/v1/lights?goal=ours")).status_code == 200


async def test_the_highest_version_of_an_entry_holds_whatever_comes_last(office):
    await office.tell(
        office.person("dora", 3, team="content"), office.person("dora", 2, team="sales")
    )
    await office.tell(office.person("dora", 3, team="sales"))
    lines = await lines_of(office.team.store, "acme")
    assert lines.teams["dora"] == "content"
    assert lines.leads == {"content": "cleo"}
    assert (await lines_of(office.team.store, "rival")).teams == {}


async def named(office, name="cleo"):
    found = [event for event in await office.events(name) if event["kind"] == "goal.changed"]
    return [(event.get("owner", ""), event.get("changed_by", "")) for event in found]


async def change(office, version, actor):
    await office.team.goal("all", version=version, actor=actor, **GOALS["all"])
    await office.team.settle()


def organisation(version, **fields):
    return OrganisationChanged(tenant="acme", version=version, **fields)


async def test_people_are_named_in_events_only_while_the_organisation_allows_it(office):
    await change(office, 2, "person:cleo")
    await change(office, 3, "key:k1")
    assert await named(office) == [("", ""), ("", "key:k1")]
    await office.tell(organisation(1, individual_goals_told=True))
    await change(office, 4, "person:cleo")
    assert await named(office) == [("", ""), ("", "key:k1"), ("anna", "person:cleo")]
    sent = [deed for deed in await office.team.deeds("all") if deed.kind == "goal.changed"]
    assert [(deed.owner, deed.changed_by) for deed in sent] == await named(office)
    # What was named stays on the topic; the list names nobody once it is not wanted any more.
    await office.tell(organisation(2))
    assert await named(office, "eve") == [("", ""), ("", "key:k1"), ("", "")]
