"""States without an as-of: what came later holds, and in one request what stands later."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

AT = "2011-05-06T12:00:00Z"


def source(**more: Any) -> dict[str, Any]:
    def door(at: str) -> dict[str, Any]:
        return {
            "id": [f"{at}id"],
            "type": [f"{at}type", "=deal"],
            "time": [f"{at}time", f"{at}timestamp"],
            "fields": {
                "deal": {"paths": [f"{at}data.deal", f"{at}traits.deal"], "required": True},
                "worth": {
                    "paths": [f"{at}data.worth", f"{at}traits.worth"],
                    "kind": "decimal",
                    "required": True,
                },
            },
        }

    calls = door("") | {"id": ["messageId"], "type": ["=deal"]}
    doors = {"http": door(""), "hook": door("item.") | {"each": "[]"}, "segment": calls}
    states = {"kind": "entity", "types": ["deal"], "key": ["deal"]}
    return {"name": "crm", "doors": doors, "contributions": [states | more]}


async def declare(stage: Any, **more: Any) -> None:
    await stage.done("POST", "/v1/sources", source(**more))
    metric = {"name": "worth", "source": "crm", "types": ["deal"], "value": "worth"}
    await stage.done("POST", "/v1/metrics", metric)


def deal(identity: str, worth: int, name: str = "d") -> dict[str, Any]:
    head = {"specversion": "1.0", "id": identity, "source": "/crm", "type": "deal", "time": AT}
    return head | {"data": {"deal": name, "worth": worth}}


async def sent(stage: Any, door: str, *events: dict[str, Any]) -> None:
    if door == "http":
        await stage.send(*events, source="crm")
    elif door == "hook":
        await stage.done("POST", "/v1/hooks/crm", list(events))
    else:
        calls = [
            {"type": "identify", "messageId": e["id"], "userId": "u", "timestamp": AT}
            | {"traits": e["data"]}
            for e in events
        ]
        headers = {"x_paceline_source": "crm"}
        await stage.done("POST", "/v1/batch", {"batch": calls}, **headers)
    await stage.pump()
    await stage.settle()


@pytest.mark.parametrize("door", ["http", "hook", "segment"])
@pytest.mark.parametrize("partial", [False, True])
async def test_of_two_states_in_one_request_the_later_holds(
    stage: Any, door: str, partial: bool
) -> None:
    await declare(stage, partial=partial)
    names = [f"{door}{n}" for n in range(8)]  # their partitions differ, and so does their order
    told = [deal(f"{name}-{worth}", worth, name) for name in names for worth in (10, 20, 3)]
    await sent(stage, door, *told)
    assert await stage.total("worth") == (Decimal(3 * len(names)), len(names))
    stage.clock.ms += 1
    await sent(stage, door, *[deal(f"{name}-late", 1, name) for name in names])
    assert await stage.total("worth") == (Decimal(1 * len(names)), len(names))


async def test_a_letter_that_is_sent_again_keeps_its_place_in_its_request(stage: Any) -> None:
    await declare(stage)
    first, second = deal("a", 10), deal("b", 20)
    second["data"]["amount"] = second["data"].pop("worth")  # renamed
    await sent(stage, "http", first, second)
    await stage.pump()
    assert await stage.total("worth") == (Decimal(10), 1)
    mended = source()
    for mapping in mended["doors"].values():
        paths = mapping["fields"]["worth"]["paths"]
        paths += [path.replace("worth", "amount") for path in paths]
    await stage.done("PUT", "/v1/sources/crm", mended | {"reason": "renamed"})
    await stage.done("POST", "/v1/dead-letters/replay", {"source": "crm"})
    await stage.pump()
    await stage.settle()
    assert await stage.total("worth") == (Decimal(20), 1)


async def test_only_a_source_that_needs_it_has_places_in_its_records(stage: Any) -> None:
    await declare(stage)
    versioned = source(as_of="worth")
    for mapping in versioned["doors"].values():
        mapping["fields"]["worth"]["kind"] = "integer"
    await stage.done("POST", "/v1/sources", versioned | {"name": "versioned"})
    events = [deal("a", 1), deal("b", 2)]
    await stage.send(*events, source="crm")
    await stage.send(*events, source="versioned")
    records = [msgspec.json.decode(r) for some in stage.log.records.values() for r in some]
    places = sorted((r["source"], r.get("place")) for r in records if r.get("place"))
    assert places == [("crm", 1)]
