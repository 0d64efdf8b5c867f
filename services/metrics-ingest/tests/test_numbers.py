"""Numbers that people type: their author is who called, and the first of two corrections counts."""

from typing import Any

import pytest

from service_kit.testing.tokens import FakeTokens, bearer

BATCH = "application/cloudevents-batch+json"
SOURCE = {
    "name": "by-hand",
    "zone": "Asia/Shanghai",
    "records": ["number.typed"],
    "doors": {
        "http": {
            "id": ["id"],
            "type": ["type"],
            "time": ["time"],
            "fields": {
                "metric": {"paths": ["data.metric"], "required": True},
                "amount": {"paths": ["data.amount"], "kind": "decimal", "required": True},
                "said": {"paths": ["data.said"], "kind": "decimal"},
                "author": {"paths": ["data.author"]},
            },
        }
    },
}


def typed(identity: str, day: str, said: Any, metric: str = "visits") -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": identity,
        "source": "/console",
        "type": "number.typed",
        "time": f"{day}T12:00:00",
        "data": {"metric": metric, "amount": said, "said": said, "author": "person:somebody-else"},
    }


@pytest.fixture
async def hands(stage: Any) -> Any:
    stage.runtime.tokens = FakeTokens()
    await stage.done("POST", "/v1/sources", SOURCE)
    return stage


async def post(stage: Any, *events: Any, **headers: str) -> Any:
    sent = {"Content-Type": BATCH} | bearer("member", tenant="acme", person="li.na")
    return await stage.http.post("/v1/numbers", json=list(events), headers=sent | headers)


async def numbers(stage: Any, query: str = "") -> list[Any]:
    found = await stage.done("GET", f"/v1/numbers?metric=visits{query}")
    return [(row["id"], row["fields"]["said"], row["fields"]["author"]) for row in found["items"]]


async def test_who_calls_is_the_author_whatever_the_event_says(hands: Any) -> None:
    answer = await post(hands, typed("a", "2011-05-05", 12))
    assert (answer.status_code, answer.json()) == (202, {"accepted": [0], "rejected": []})
    await hands.pump()
    assert await numbers(hands) == [("a", "12", "person:li.na")]


async def test_of_two_corrections_under_one_id_the_first_counts(hands: Any) -> None:
    await post(hands, typed("a", "2011-05-05", 12))
    await post(hands, typed("a", "2011-05-05", 13))
    await hands.pump()
    assert await numbers(hands) == [("a", "12", "person:li.na")]


async def test_numbers_are_listed_by_metric_and_by_the_days_of_their_zone(hands: Any) -> None:
    await post(
        hands,
        typed("a", "2011-05-05", 1),
        typed("b", "2011-05-06", 2),
        typed("c", "2011-05-06", 3, metric="calls"),
    )
    await hands.pump()
    assert [row[0] for row in await numbers(hands)] == ["a", "b"]
    assert [row[0] for row in await numbers(hands, "&from=2011-05-06&to=2011-05-06")] == ["b"]
    first = await hands.done("GET", "/v1/numbers?metric=visits&limit=1")
    assert [row[0] for row in await numbers(hands, f"&limit=1&after={first['next']}")] == ["b"]


async def test_what_is_no_event_is_refused_by_its_index(hands: Any) -> None:
    answer = await post(hands, {"specversion": "1.0"}, typed("a", "2011-05-05", 1), 7)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == [1]
    assert [each["index"] for each in answer.json()["rejected"]] == [0, 2]


async def test_without_the_source_there_are_no_numbers_and_none_are_taken(stage: Any) -> None:
    stage.runtime.tokens = FakeTokens()
    assert await numbers(stage) == []
    answer = await post(stage, typed("a", "2011-05-05", 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown-source")


async def test_a_key_of_another_source_types_no_numbers(hands: Any) -> None:
    key = await hands.key("acme", "numbers:write", source="shop")
    answer = await post(hands, typed("a", "2011-05-05", 1), **key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "source-forbidden")


async def test_a_viewer_types_nothing(hands: Any) -> None:
    viewer = bearer("viewer", tenant="acme")
    answer = await post(hands, typed("a", "2011-05-05", 1), **viewer)
    assert answer.status_code == 403
