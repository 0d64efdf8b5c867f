"""What a merged record lacks to count is a dead letter, closed or replayed once it is there."""

from decimal import Decimal
from typing import Any

import pytest

DAY = "2011-05-06"


@pytest.fixture
async def crm(ads: Any, stage: Any) -> Any:
    """Return how deals in any currency are told, by their changes."""
    changes = {"kind": "entity", "partial": True, "key": ["deal"], "as_of": "as_of"}
    source = ads.source(contributions=[changes])
    fields = source["doors"]["http"]["fields"]
    fields["spend"]["currency"] = "campaign"
    fields["tokens"] = {"paths": ["data.tokens"], "kind": "integer"}
    await stage.done("POST", "/v1/sources", source)
    for name, more in (("open", {}), ("won", {"where": ads.METRICS[2]["where"]})):
        metric = {"name": name, "source": "ads", "unit": "GBP", "value": "spend"}
        await stage.done("POST", "/v1/metrics", metric | {"currency": "GBP"} | more)

    async def told(as_of: int, **fields: Any) -> None:
        identity = f"{fields.get('deal', '7')}-{as_of}"
        await ads.send(stage, ads.event(identity, "deal", **{"deal": "7", "as_of": as_of} | fields))

    return told


async def causes(stage: Any, **query: str) -> list[tuple[str, str, int]]:
    return [(each["cause"], each["where"], each["count"]) for each in await stage.letters(**query)]


async def replay(stage: Any) -> Any:
    answer = await stage.done("POST", "/v1/dead-letters/replay", {"source": "ads"})
    await stage.pump()
    await stage.settle()
    return answer


async def load(stage: Any) -> None:
    rate = {"date": DAY, "base": "USD", "quote": "GBP", "rate": "0.5"}
    await stage.done("PUT", "/v1/rates", [rate])


async def test_an_amount_without_a_currency_is_a_letter_until_the_currency_is_told(
    crm: Any, stage: Any
) -> None:
    await crm(1, spend=100)
    assert await causes(stage) == [("currency-unknown", "data.campaign", 1)]
    (letter,) = await stage.letters()
    assert letter["event_id"] == "7-1"
    await crm(2, campaign="GBP")
    assert await stage.total("open") == (Decimal(100), 1)
    assert await causes(stage) == []
    assert await causes(stage, state="superseded") == [("currency-unknown", "data.campaign", 1)]


async def test_a_merged_amount_without_a_rate_counts_once_the_rate_is_loaded_and_it_is_replayed(
    crm: Any, stage: Any
) -> None:
    await crm(1, spend=100, campaign="GBP")
    await crm(2, campaign="USD")
    await crm(3, stage="won")
    assert await causes(stage) == [("rate-missing", "USD/GBP", 2)]
    assert await stage.total("open") == (Decimal(100), 1)
    assert await stage.total("won") == (0, 0)
    await load(stage)
    assert (await replay(stage))["replayed"] == 1
    assert await stage.total("open") == (Decimal(50), 1)
    assert await stage.total("won") == (Decimal(50), 1)
    assert await causes(stage) == []
    assert (await replay(stage))["replayed"] == 0
    await crm(4, stage="lost")
    assert await stage.total("won") == (0, 0)
    assert await stage.total("open") == (Decimal(50), 1)


async def test_what_a_letter_hides_as_a_secret_is_not_wanted_to_replay_it(
    crm: Any, stage: Any
) -> None:
    await crm(1, spend=100, campaign="GBP")
    await crm(2, campaign="USD", tokens=5)  # by its name it might be a secret, by its kind not
    await load(stage)
    assert (await replay(stage))["replayed"] == 1
    assert await stage.total("open") == (Decimal(50), 1)


async def test_a_letter_that_is_replayed_before_its_rate_is_there_is_new_again(
    crm: Any, stage: Any
) -> None:
    await crm(1, campaign="USD")
    await crm(2, spend=100)
    assert (await replay(stage))["replayed"] == 1
    (letter,) = await stage.letters()
    assert (letter["state"], letter["attempts"]) == ("new", 1)
    await load(stage)
    await crm(3, stage="won")
    assert await stage.total("won") == (Decimal(50), 1)
    assert await causes(stage) == []


async def test_every_record_that_lacks_something_has_a_letter_of_its_own(
    crm: Any, ads: Any, stage: Any
) -> None:
    await crm(1, spend=1)
    await crm(1, spend=2, deal="8")
    await stage.send(
        ads.event("9-1", "deal", deal="9", as_of=1, spend=3),
        ads.event("9-2", "deal", deal="9", as_of=2, campaign="GBP"),
        source="ads",
    )
    await stage.pump()
    await stage.settle()
    assert await stage.total("open") == (Decimal(3), 1)
    assert [each["event_id"] for each in await stage.letters()] == ["7-1", "8-1"]


async def test_a_worker_that_dies_tells_what_is_lacking_once(crm: Any, stage: Any) -> None:
    with stage.losing_commits():
        await crm(1, spend=1)
    await stage.start_subjects()
    await stage.settle()
    assert await causes(stage) == [("currency-unknown", "data.campaign", 1)]


async def test_many_records_get_what_they_lack_at_once_and_every_letter_is_closed(
    crm: Any, ads: Any, stage: Any
) -> None:
    deals = [str(number) for number in range(95)]  # of more than one portion of ids
    for as_of, told in ((1, {"spend": 1}), (2, {"campaign": "GBP"})):
        events = [ads.event(f"{d}-{as_of}", "deal", deal=d, as_of=as_of, **told) for d in deals]
        await ads.send(stage, *events)
        assert len(await stage.store.db["dead_letters"].find({"state": "new"}).to_list(None)) == (
            len(deals) if as_of == 1 else 0
        )
    assert await stage.total("open") == (Decimal(95), 95)
