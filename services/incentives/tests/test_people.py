"""Praise of people: to the team's group and the CEO's channel, and never without consent."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from event_contracts.directory import OrganisationChanged, PersonChanged, TeamChanged
from incentives import api
from service_kit.runtime import Runtime
from service_kit.settings import Settings
from service_kit.testing.brokers import NoBroker
from service_kit.testing.tokens import FakeTokens, bearer

NINE = int(datetime(2011, 1, 18, 9, tzinfo=UTC).timestamp()) // 60
TEAM = TeamChanged(tenant="shop", team="content", version=1, name="Content", group="oc_content")
SETTINGS = OrganisationChanged(tenant="shop", version=1, ceo_channel="oc_ceo")


def person(identity: str, version: int = 1, **fields: Any) -> PersonChanged:
    return PersonChanged(tenant="shop", person=identity, version=version, name=identity, **fields)


AGREES = person("li.na", team="content", praise=True)
DECLINES = person("tom", team="content")


async def author_rule(stage: Any, **fields: Any) -> None:
    wanted = {"id": "author-100", "dim": "country", "dim_is": "person", "threshold": Decimal(100)}
    await stage.rule(**(wanted | fields))


@pytest.mark.row("I1", "team-group-and-ceo")
async def test_an_article_that_passes_100_leads_goes_to_the_teams_group_and_the_ceo(
    stage: Any,
) -> None:
    await stage.tell(TEAM, SETTINGS, AGREES)
    await author_rule(stage)
    await stage.feed(stage.gross((NINE, "li.na", "99")))
    assert await stage.rewards() == []
    await stage.feed(stage.gross((NINE, "li.na", "5")))
    (praised,) = await stage.rewards()
    assert (praised.value, praised.actual, praised.dim_is) == ("li.na", Decimal(104), "person")
    assert (praised.team, praised.group, praised.ceo_channel) == (
        "content",
        "oc_content",
        "oc_ceo",
    )
    assert praised.people == ("li.na",)
    (award,) = await stage.awards()
    assert (award["state"], award["group"], award["people"]) == ("posted", "oc_content", ["li.na"])


async def test_without_consent_the_award_is_kept_and_nothing_is_posted(stage: Any) -> None:
    await stage.tell(TEAM, SETTINGS, AGREES, DECLINES)
    await author_rule(stage)
    await stage.feed(stage.gross((NINE, "tom", "150")))
    assert await stage.rewards() == []
    (award,) = await stage.awards()
    assert (award["value"], award["state"], award["group"], award["people"]) == (
        "tom",
        "no-consent",
        "",
        [],
    )


async def test_a_consent_given_later_posts_no_old_deed_and_a_withdrawal_holds_from_then_on(
    stage: Any,
) -> None:
    await stage.tell(TEAM, SETTINGS, DECLINES)
    await author_rule(stage)
    await stage.feed(stage.gross((NINE, "tom", "150")))
    await stage.tell(person("tom", 2, team="content", praise=True))
    await stage.feed(stage.gross((NINE, "tom", "150")))
    assert await stage.rewards() == []
    await stage.feed(stage.gross((NINE + 1440, "tom", "150")))
    assert [p.people for p in await stage.rewards()] == [("tom",)]
    await stage.tell(person("tom", 3, team="content", praise=False))
    await stage.feed(stage.gross((NINE + 2880, "tom", "150")))
    assert len(await stage.rewards()) == 1
    assert [a["state"] for a in await stage.awards()] == ["no-consent", "posted", "no-consent"]


async def test_the_highest_version_holds_whatever_the_order_of_arrival(stage: Any) -> None:
    withdrawn = person("li.na", 2, team="content", praise=False)
    await stage.tell(TEAM, withdrawn, AGREES, AGREES)
    await stage.restart()
    await stage.tell(AGREES)
    await author_rule(stage)
    await stage.feed(stage.gross((NINE, "li.na", "150")))
    assert await stage.rewards() == []


async def test_a_teams_deed_goes_to_the_team_and_needs_nobodys_consent(stage: Any) -> None:
    await stage.tell(TEAM, SETTINGS)
    await author_rule(stage, id="team-100", dim_is="team")
    await stage.feed(stage.gross((NINE, "content", "150")))
    (praised,) = await stage.rewards()
    found = (praised.team, praised.group, praised.ceo_channel, praised.people)
    assert found == ("content", "oc_content", "oc_ceo", ())


async def test_a_deed_of_nobody_in_particular_is_posted_as_ever(stage: Any) -> None:
    await stage.tell(SETTINGS)
    await stage.rule(threshold=Decimal(100))
    await stage.feed(stage.gross((NINE, "France", "150")))
    (praised,) = await stage.rewards()
    assert (praised.dim_is, praised.group, praised.ceo_channel) == ("other", "", "")


async def test_tenants_have_people_each(stage: Any) -> None:
    await stage.tell(TEAM, SETTINGS, AGREES)
    await author_rule(stage, tenant="rival")
    await stage.feed(stage.gross((NINE, "li.na", "150"), tenant="rival"))
    assert await stage.rewards() == []


async def test_an_entry_that_cannot_be_read_is_a_dead_letter_and_a_tombstone_nothing(
    stage: Any,
) -> None:
    await stage.tell(b"{", None, TEAM)
    assert [letter["cause"] for letter in await stage.dead_letters()] == ["undecodable"]
    assert stage.applier.next[stage.people] == 3


async def test_an_award_that_was_not_posted_is_seen_by_the_person_and_by_who_reads_all(
    stage: Any,
) -> None:
    await stage.tell(TEAM, SETTINGS, AGREES, DECLINES)
    await author_rule(stage)
    await stage.feed(stage.gross((NINE, "li.na", "150"), (NINE, "tom", "150")))
    broker: Any = NoBroker()
    settings = Settings("incentives", instance="incentives-0")
    runtime = await Runtime.over(settings, stage.store, broker, clock=stage.clock)
    runtime.tokens = FakeTokens()
    transport = httpx.ASGITransport(app=api.make(runtime))
    async with httpx.AsyncClient(transport=transport, base_url="http://incentives") as http:

        async def seen(who: str, role: str) -> list[str]:
            headers = bearer(role, tenant="shop", person=who)
            items = (await http.get("/v1/awards", headers=headers)).json()["items"]
            return sorted(item["value"] for item in items)

        assert await seen("tom", "member") == ["li.na", "tom"]
        assert await seen("li.na", "lead") == ["li.na"]
        assert await seen("fay", "finance") == ["li.na", "tom"]
