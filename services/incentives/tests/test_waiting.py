"""Praise of who is not known yet: it waits for the directory and is decided with it, once."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from event_contracts.directory import OrganisationChanged, PersonChanged, TeamChanged
from incentives import api, metrics
from service_kit.guards import Guards
from service_kit.runtime import Runtime
from service_kit.settings import Settings
from service_kit.testing.brokers import NoBroker
from service_kit.testing.tokens import FakeTokens, bearer

NINE = int(datetime(2011, 1, 18, 9, tzinfo=UTC).timestamp()) // 60
TEAM = TeamChanged(tenant="shop", team="content", version=1, name="Content", group="oc_content")
SETTINGS = OrganisationChanged(tenant="shop", version=1, ceo_channel="oc_ceo")
AGREES = PersonChanged(
    tenant="shop", person="li.na", version=1, name="Li Na", team="content", praise=True
)
DECLINES = PersonChanged(tenant="shop", person="tom", version=1, name="Tom", team="content")


@pytest.fixture
async def stage(stage: Any) -> Any:
    await stage.rule(id="author-100", dim="country", dim_is="person", threshold=Decimal(100))
    return stage


async def states(stage: Any) -> dict[str, str]:
    return {award["value"]: award["state"] for award in await stage.awards()}


async def pass_it(stage: Any, *values: str) -> None:
    await stage.feed(stage.gross(*((NINE, value, "150") for value in values)))


async def test_an_award_of_somebody_unknown_waits_and_is_decided_with_the_entry(stage: Any) -> None:
    await pass_it(stage, "li.na", "tom", "a-stranger")
    assert set((await states(stage)).values()) == {"waiting"}
    assert await stage.rewards() == []
    await stage.tell(SETTINGS, TEAM, DECLINES, AGREES)
    assert await states(stage) == {
        "li.na": "posted",
        "tom": "no-consent",
        "a-stranger": "waiting",
    }
    (praised,) = await stage.rewards()
    assert (praised.value, praised.actual, praised.threshold) == ("li.na", 150, 100)
    assert (praised.team, praised.group, praised.ceo_channel, praised.people) == (
        "content",
        "oc_content",
        "oc_ceo",
        ("li.na",),
    )


@pytest.mark.parametrize("directory_first", [True, False])
async def test_whatever_comes_first_the_praise_is_the_same(
    stage: Any, directory_first: bool
) -> None:
    if directory_first:
        await stage.tell(SETTINGS, TEAM, AGREES)
        await pass_it(stage, "li.na")
    else:
        await pass_it(stage, "li.na")
        await stage.tell(SETTINGS, TEAM, AGREES)
    (praised,) = await stage.rewards()
    (award,) = await stage.awards()
    assert (praised.id, praised.at) == (award["_id"], datetime(2011, 1, 18, 10, tzinfo=UTC))
    assert (praised.group, praised.ceo_channel, praised.people) == (
        "oc_content",
        "oc_ceo",
        ("li.na",),
    )
    assert (award["state"], award["group"], award["waits_for"]) == ("posted", "oc_content", "")


async def test_what_was_decided_is_not_decided_again(stage: Any) -> None:
    await pass_it(stage, "li.na", "tom")
    await stage.tell(SETTINGS, TEAM, DECLINES, AGREES)
    await stage.restart()
    agreed = PersonChanged(tenant="shop", person="tom", version=2, name="Tom", praise=True)
    moved = PersonChanged(tenant="shop", person="li.na", version=2, name="Li Na", praise=True)
    await stage.tell(agreed, moved, TEAM)
    assert await states(stage) == {"li.na": "posted", "tom": "no-consent"}
    assert len(await stage.rewards()) == 1


async def test_an_entry_that_was_changed_before_anything_of_it_came_decides_as_it_is(
    stage: Any,
) -> None:
    await pass_it(stage, "li.na")
    withdrawn = PersonChanged(tenant="shop", person="li.na", version=2, name="Li Na", praise=False)
    await stage.tell(AGREES, withdrawn)
    assert await states(stage) == {"li.na": "no-consent"}


async def test_a_person_who_agrees_waits_for_the_team_whose_group_is_to_be_told(
    stage: Any,
) -> None:
    await pass_it(stage, "li.na")
    await stage.tell(SETTINGS, AGREES)
    assert await states(stage) == {"li.na": "waiting"}
    await stage.tell(TEAM)
    (praised,) = await stage.rewards()
    assert (praised.team, praised.group, praised.people) == ("content", "oc_content", ("li.na",))


async def test_a_teams_praise_waits_for_the_team(stage: Any) -> None:
    await stage.rule(id="team-100", dim="country", dim_is="team", threshold=Decimal(100))
    await stage.tell(SETTINGS)
    await pass_it(stage, "content")
    await stage.tell(TEAM)
    (praised,) = await stage.rewards()
    assert (praised.rule, praised.group, praised.people) == ("team-100", "oc_content", ())


async def test_an_entry_of_another_tenant_decides_nothing(stage: Any) -> None:
    await pass_it(stage, "li.na")
    await stage.tell(TEAM, PersonChanged(tenant="rival", person="li.na", version=1, name="x"))
    assert await states(stage) == {"li.na": "waiting"}


async def test_praise_that_waited_counts_as_posted_when_it_is(stage: Any) -> None:
    def count(state: str) -> float:
        return float(metrics.AWARDS.labels(state)._value.get())

    before = {state: count(state) for state in ("posted", "no-consent", "waiting")}
    await pass_it(stage, "li.na", "tom")
    assert count("waiting") == before["waiting"] + 2
    assert count("posted") == before["posted"]
    await stage.tell(SETTINGS, TEAM, AGREES, DECLINES)
    assert count("posted") == before["posted"] + 1
    assert count("no-consent") == before["no-consent"] + 1


def once_at(stage: Any, collection: str, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """Let something happen within another worker's transaction, just before it writes this.

    It goes alone, or together with what stands in other collections.
    """

    async def point(seen: str) -> None:
        if seen in ("bulkWrite:", f"bulk_write:{collection}"):
            stage.mongo.point = None
            await meanwhile()

    stage.mongo.point = point


@pytest.mark.parametrize("head", [True, False])
async def test_an_entry_that_comes_while_an_award_is_granted_is_seen_thanks_to_the_head(
    stage: Any, head: bool
) -> None:
    await stage.split(Guards(head=head))
    once_at(stage, "totals", lambda: stage.tell(SETTINGS, TEAM, AGREES))
    await pass_it(stage, "li.na")
    assert await states(stage) == {"li.na": "posted" if head else "waiting"}
    assert len(await stage.rewards()) == int(head)


@pytest.mark.parametrize("head", [True, False])
async def test_an_award_granted_while_an_entry_comes_is_seen_thanks_to_the_head(
    stage: Any, head: bool
) -> None:
    await stage.split(Guards(head=head))
    once_at(stage, "directory", lambda: pass_it(stage, "li.na"))
    await stage.tell(SETTINGS, TEAM, AGREES)
    assert await states(stage) == {"li.na": "posted" if head else "waiting"}
    assert len(await stage.rewards()) == int(head)


async def test_a_follower_of_the_list_misses_no_praise_that_waited(stage: Any) -> None:
    broker: Any = NoBroker()
    settings = Settings("incentives", instance="incentives-0")
    runtime = await Runtime.over(settings, stage.store, broker, clock=stage.clock)
    runtime.tokens = FakeTokens()
    transport = httpx.ASGITransport(app=api.make(runtime))
    async with httpx.AsyncClient(transport=transport, base_url="http://incentives") as http:

        async def read(who: str, after: str | None) -> tuple[list[Any], str | None]:
            page = await http.get(
                "/v1/awards",
                headers=bearer("member", tenant="shop", person=who),
                params={"after": after or ""},
            )
            body = page.json()
            return [(item["value"], item["state"]) for item in body["items"]], body["next"]

        await stage.tell(TEAM, SETTINGS)
        await pass_it(stage, "li.na", "tom")
        assert await read("sue", None) == ([], None)
        found, own = await read("li.na", None)
        assert found == [("li.na", "waiting")]
        await stage.rule(id="anybody", threshold=Decimal(100))
        await pass_it(stage, "France")
        _, after = await read("sue", None)
        await stage.tell(AGREES, DECLINES)
        assert (await read("sue", after))[0] == [("li.na", "posted")]
        assert ("li.na", "posted") in (await read("li.na", own))[0]
