"""A restatement that cannot be read is a dead letter, not a copy: mended and replayed it holds."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import msgspec
import pytest

SOURCE = {
    "name": "ads",
    "doors": {
        "hook": {
            "id": ["cell"],
            "type": ["type"],
            "time": ["at"],
            "fields": {
                "cell": {"paths": ["cell"], "required": True},
                "spend": {"paths": ["spend"], "kind": "decimal", "required": True},
                "as_of": {"paths": ["as_of"], "kind": "integer"},
            },
        }
    },
    "contributions": [
        {"kind": "snapshot", "types": ["cell"], "key": ["cell"], "as_of": "as_of"},
        {"kind": "delta", "types": ["sale"]},
    ],
}
NOON = "2011-05-06T12:00:00Z"


async def told(stage: Any, kind: str, **fields: Any) -> None:
    body = {"type": kind, "cell": "c1", "at": NOON} | fields
    hook = (await stage.done("GET", "/v1/sources/ads/hook"))["url"].partition("example.com")[2]
    answer = await stage.http.post(hook, content=msgspec.json.encode(body))
    assert answer.json() == {"events": 1, "unreadable": 0}
    await stage.pump()


@pytest.fixture
async def ads(stage: Any) -> Any:
    await stage.done("POST", "/v1/sources", SOURCE)
    await stage.done("POST", "/v1/metrics", {"name": "spend", "source": "ads", "value": "spend"})
    return stage


async def letters(stage: Any) -> list[tuple[str, str]]:
    return [(each["cause"], each["where"]) for each in await stage.letters()]


async def test_a_restated_cell_that_cannot_be_read_is_a_dead_letter_and_counts_when_mended(
    ads: Any,
) -> None:
    await told(ads, "cell", spend="100.10", as_of=1)
    await told(ads, "cell", cost="88.88", as_of=2)  # the platform renamed its field
    assert await letters(ads) == [("missing-field", "spend")]
    await ads.settle()
    assert await ads.total("spend") == (Decimal("100.10"), 1)
    mended: dict[str, Any] = deepcopy(SOURCE)
    mended["doors"]["hook"]["fields"]["spend"]["paths"] = ["spend", "cost"]
    await ads.done("PUT", "/v1/sources/ads", mended)
    replayed = await ads.done("POST", "/v1/dead-letters/replay", {"source": "ads"})
    assert replayed["replayed"] == 1
    await ads.pump()
    await ads.settle()
    assert (await ads.total("spend"))[0] == Decimal("88.88")


async def test_what_a_paused_source_restates_waits_as_a_dead_letter(ads: Any) -> None:
    await told(ads, "cell", spend="100.10", as_of=1)
    await pause(ads)
    await told(ads, "cell", spend="88.88", as_of=2)
    assert await letters(ads) == [("source-paused", "ads")]


async def pause(stage: Any) -> None:
    from metrics_ingest.adapters.definitions import MongoDefinitions

    async def body(tx: Any) -> None:
        definitions = MongoDefinitions(tx, stage.clock.now_ms())
        source = await definitions.source("acme", "ads")
        await definitions.write_source("acme", msgspec.structs.replace(source, paused="too bad"))

    await (await stage.store.session()).run(body)


async def test_a_delta_that_comes_again_and_can_no_longer_be_read_is_a_copy(ads: Any) -> None:
    await told(ads, "sale", spend="5")
    await told(ads, "sale", cost="5")
    assert await letters(ads) == []
    stats = await ads.done("GET", "/v1/sources/ads/stats")
    assert (stats["duplicates"], stats["conflicts"]) == (1, 1)


async def test_a_copy_of_a_state_is_still_a_copy(ads: Any) -> None:
    for _ in range(3):
        await told(ads, "cell", spend="100.10", as_of=1)
    stats = await ads.done("GET", "/v1/sources/ads/stats")
    assert (stats["accepted"], stats["duplicates"], stats["dead_letters"]) == (1, 2, 0)
