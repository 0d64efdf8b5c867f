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


@pytest.fixture(params=[False, True], ids=["whole", "partial"])
async def deals(request: Any, ads: Any, stage: Any) -> Any:
    """Return how versions of deals in any currency are told; dollars have no rate before the 6th.

    Each counts since it was won, at the rate of that day.
    """
    deal = {"kind": "entity", "types": ["deal"], "key": ["deal"], "as_of": "as_of"}
    source = ads.source(contributions=[deal | {"partial": request.param}], zone="UTC")
    source["doors"]["http"]["fields"]["spend"]["currency"] = "campaign"
    await stage.done("POST", "/v1/sources", source)
    won = {"name": "won", "source": "ads", "unit": "GBP", "value": "spend", "currency": "GBP"}
    won |= {"where": ads.METRICS[2]["where"]}
    await stage.done("POST", "/v1/metrics", won)
    await stage.done("POST", "/v1/metrics", won | {"name": "count", "value": None})
    await rate(stage, "06", "0.5")

    async def told(as_of: int, day: str, spend: int, **more: str) -> None:
        fields = {"deal": "7", "stage": "won", "spend": spend} | more
        at = f"2011-05-{day}T12:00:00"
        identity = f"{fields['deal']}-{as_of}"
        await ads.send(stage, ads.event(identity, "deal", as_of=as_of, at=at, **fields))

    return told


async def rate(stage: Any, day: str, value: str) -> None:
    row = {"date": f"2011-05-{day}", "base": "USD", "quote": "GBP", "rate": value}
    await stage.done("PUT", "/v1/rates", [row])


async def by_day(stage: Any, metric: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for batch in await stage.facts():
        for cell in batch.cells if batch.metric == metric else ():
            day = f"{cell.minute // 1440 - 15094:02}"  # of May 2011
            found[day] = found.get(day, Decimal(0)) + cell.sum
    return {day: total for day, total in found.items() if total}


RATE = ("rate-missing", "USD/GBP")


async def test_a_rate_missing_on_the_day_a_run_began_is_a_letter_and_no_other_days_rate_counts(
    deals: Any, stage: Any
) -> None:
    await deals(1, "03", 100, campaign="GBP")
    await deals(2, "06", 200, campaign="USD")
    assert await by_day(stage, "won") == {"03": 100}
    assert await by_day(stage, "count") == {"03": 1}
    assert await causes(stage) == [(*RATE, 1)]
    (letter,) = await stage.letters()
    assert letter["event_id"] == "7-2"
    await rate(stage, "03", "0.4")
    assert (await replay(stage))["replayed"] == 1
    assert await by_day(stage, "won") == {"03": 80}
    assert await by_day(stage, "count") == {"03": 1}
    assert await causes(stage) == []
    assert (await replay(stage))["replayed"] == 0
    await deals(3, "08", 300, campaign="USD")
    assert await by_day(stage, "won") == {"03": 120}


async def test_such_a_letter_that_is_replayed_before_its_rate_is_there_is_new_again(
    deals: Any, stage: Any
) -> None:
    await deals(1, "03", 100, campaign="GBP")
    await deals(2, "06", 200, campaign="USD")
    assert (await replay(stage))["replayed"] == 1
    (letter,) = await stage.letters()
    assert (letter["state"], letter["attempts"]) == ("new", 1)
    assert await by_day(stage, "won") == {"03": 100}
    await rate(stage, "03", "0.4")
    assert (await replay(stage))["replayed"] == 1
    assert await by_day(stage, "won") == {"03": 80}


async def test_such_a_letter_closes_itself_when_the_next_version_finds_the_rate_or_needs_none(
    deals: Any, stage: Any
) -> None:
    for deal in ("7", "8"):
        await deals(1, "03", 100, campaign="GBP", deal=deal)
        await deals(2, "06", 200, campaign="USD", deal=deal)
    await deals(3, "07", 200, campaign="USD", deal="8", stage="lost")
    assert await by_day(stage, "won") == {"03": 100}
    assert await causes(stage) == [(*RATE, 1)]
    await rate(stage, "03", "0.4")
    await deals(3, "07", 250, campaign="USD")
    assert await by_day(stage, "won") == {"03": 100}  # at 0.4, and the other one lost
    assert await causes(stage) == []
    assert await causes(stage, state="superseded") == [(*RATE, 1), (*RATE, 1)]


async def test_an_older_version_that_moves_a_run_to_a_day_without_a_rate_moves_no_money(
    deals: Any, stage: Any
) -> None:
    await deals(2, "06", 200, campaign="USD")
    assert await by_day(stage, "won") == {"06": 100}
    await deals(1, "03", 100, campaign="GBP")
    assert await by_day(stage, "won") == {"06": 100}
    assert await by_day(stage, "count") == {"03": 1}
    assert await causes(stage) == [(*RATE, 1)]
    await rate(stage, "03", "0.4")
    assert (await replay(stage))["replayed"] == 1
    assert await by_day(stage, "won") == {"03": 80}
    assert await causes(stage) == []


async def test_a_copy_of_the_newest_version_does_not_stand_for_what_it_lacked(
    deals: Any, ads: Any, stage: Any
) -> None:
    await deals(1, "03", 100, campaign="GBP")
    await deals(2, "06", 200, campaign="USD")
    await rate(stage, "03", "0.4")
    again = {"deal": "7", "stage": "won", "spend": 200, "campaign": "USD"}
    at = "2011-05-06T12:00:00"
    await ads.send(stage, ads.event("7-2b", "deal", as_of=2, at=at, **again))
    assert await by_day(stage, "won") == {"03": 80}
    assert await causes(stage) == []


@pytest.mark.parametrize("partial", [False, True])
async def test_replayed_without_an_as_of_such_a_letter_tells_nothing_newer(
    ads: Any, stage: Any, partial: bool
) -> None:
    deal = {"kind": "entity", "types": ["deal"], "key": ["deal"], "partial": partial}
    source = ads.source(contributions=[deal], zone="UTC")
    source["doors"]["http"]["fields"]["spend"]["currency"] = "campaign"
    await stage.done("POST", "/v1/sources", source)
    won = ads.METRICS[2] | {"source": "ads", "unit": "GBP", "currency": "GBP"}
    await stage.done("POST", "/v1/metrics", won)
    await rate(stage, "06", "0.5")
    for day, spend, currency in (("03", 100, "GBP"), ("06", 200, "USD")):
        told = {"deal": "7", "stage": "won", "spend": spend, "campaign": currency}
        await ads.send(stage, ads.event(day, "deal", at=f"2011-05-{day}T12:00:00", **told))
        stage.clock.ms += 1000
    assert await by_day(stage, "won") == {"03": 100}
    for left in (1, 0):
        assert (await replay(stage))["replayed"] == 1
        assert len(await causes(stage)) == left
        assert await by_day(stage, "won") == {"03": 100 if left else 80}
        await rate(stage, "03", "0.4")


async def test_a_deal_was_won_when_it_was_though_its_currency_came_later(
    ads: Any, stage: Any
) -> None:
    deal = {"kind": "entity", "types": ["deal"], "key": ["deal"], "as_of": "as_of"}
    source = ads.source(contributions=[deal | {"partial": True}], zone="UTC")
    source["doors"]["http"]["fields"]["spend"]["currency"] = "campaign"
    await stage.done("POST", "/v1/sources", source)
    won = ads.METRICS[2] | {"source": "ads", "unit": "GBP", "currency": "GBP"}
    await stage.done("POST", "/v1/metrics", won)
    for as_of, day, told in ((1, "03", {"stage": "won", "spend": 9}), (2, "06", {})):
        at = f"2011-05-{day}T12:00:00"
        more = told or {"campaign": "GBP"}
        await ads.send(stage, ads.event(day, "deal", deal="7", as_of=as_of, at=at, **more))
    assert await by_day(stage, "won") == {"03": 9}
