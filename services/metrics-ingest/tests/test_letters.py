"""Dead letters: why an event cannot count, kept, told, and sent again once."""

import base64
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from event_contracts.raw import RawEvent
from event_contracts.wire import partition_of
from metrics_ingest.api.pages import token_of
from metrics_ingest.domain.causes import error_text
from service_kit.testing.fake_mongo import Fault


def without(event: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in names}


@pytest.mark.parametrize(
    ("change", "cause", "where"),
    [
        ({"gross": None}, "missing-field", "data.gross"),
        ({"gross": "ten"}, "wrong-kind", "data.gross"),
        ({"gross": True}, "wrong-kind", "data.gross"),
        ({"gross": 10**18}, "out-of-range", "data.gross"),
        ({"gross": "0.0000000000001"}, "out-of-range", "data.gross"),
        ({"dims": {"country": ["x"]}}, "wrong-kind", "data.dims.country"),
        ({"dims": {"country": "x" * 1025}}, "out-of-range", "data.dims.country"),
        ({"occurred_at": "2011-02-30T10:00:00"}, "bad-time", "data.occurred_at"),
        ({"occurred_at": "2011-05-06"}, "bad-time", "data.occurred_at"),
        ({"occurred_at": 1304683200}, "bad-time", "data.occurred_at"),
        ({"occurred_at": None}, "missing-field", "data.occurred_at"),
    ],
)
async def test_an_event_that_cannot_be_mapped_is_kept_with_its_cause_and_place(
    stage: Any, make: Any, change: dict[str, Any], cause: str, where: str
) -> None:
    await stage.declare()
    secret = make.order("s", 1) | {"gross": "hunter2"} if cause == "wrong-kind" else None
    await stage.send(make.cloud(make.order("a", 10) | change), make.cloud(make.order("b", 5)))
    await stage.pump()

    (letter,) = await stage.letters()
    assert (letter["cause"], letter["where"], letter["event_id"]) == (cause, where, "a")
    assert where in letter["message"]
    assert await stage.total("gross_revenue") == (Decimal(5), 1)
    assert await stage.stats() == {"accepted": 1, "dead_letters": 1}
    if secret:
        await stage.send(make.cloud(secret))
        await stage.pump()
        assert "hunter2" not in (await stage.call("GET", "/v1/dead-letters")).text


async def test_the_message_is_in_the_language_asked_for(stage: Any, make: Any) -> None:
    await stage.declare()
    await stage.send(make.cloud(make.order("a", None, 1)))
    await stage.pump()
    chinese = await stage.done("GET", "/v1/dead-letters", accept_language="zh-CN")
    assert "缺少 data.gross" in chinese["items"][0]["message"]


async def test_a_mended_mapping_and_a_replay_count_the_event_once(stage: Any, make: Any) -> None:
    await stage.declare()
    renamed = without(make.order("a", 0, 9), "gross") | {"total": "12.5"}
    await stage.send(make.cloud(renamed))
    stage.clock.ms += 1000
    await stage.pump()
    (letter,) = await stage.letters()

    done = await stage.done("POST", "/v1/dead-letters/replay", {"ids": [letter["id"]]})
    replay = done.pop("replay_id")
    assert done == {"replayed": 1, "unmendable": 0, "more": False}
    await stage.pump()
    (again,) = await stage.letters()
    assert (again["id"], again["count"]) == (letter["id"], 2)
    assert (again["attempts"], again["replay_id"]) == (1, replay)

    source = make.shop()
    for at, door in (("data.", "http"), ("", "topic:shop.orders")):
        source["doors"][door]["fields"]["gross"]["paths"].append(f"{at}total")
    await stage.done("PUT", "/v1/sources/shop", source | {"reason": "renamed"})
    for expected in (1, 0):
        done = await stage.done(
            "POST", "/v1/dead-letters/replay", {"source": "shop", "cause": "missing-field"}
        )
        assert done["replayed"] == expected
    await stage.pump()
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal("12.5"), 1)
    assert await stage.letters() == []
    assert [r["state"] for r in await stage.letters(state="replayed")] == ["replayed"]
    sent = [msgspec.json.decode(row["value"], type=RawEvent) for row in await stage.rows("raw")]
    assert {(e.id, e.received_ms, e.replay_of) for e in sent} == {
        ("a", letter["received_ms"], letter["id"])
    }
    record = (await stage.done("GET", "/v1/records?source=shop"))["items"][0]
    assert (record["id"], record["received_ms"]) == ("a", letter["received_ms"])


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("where", ["bulkWrite:", "commit:"])
async def test_a_replay_that_is_cut_off_anywhere_sends_each_event_once(
    stage: Any, make: Any, fault: Fault, where: str
) -> None:
    await stage.declare()
    source = make.shop()
    for n in range(5):
        await stage.send(make.cloud(make.order(f"e{n}", None, 1) | {"total": 2}))
    await stage.pump()
    for at, door in (("data.", "http"), ("", "topic:shop.orders")):
        source["doors"][door]["fields"]["gross"]["paths"].append(f"{at}total")
    await stage.done("PUT", "/v1/sources/shop", source)
    cut = 0

    async def point(what: str) -> Fault | None:
        nonlocal cut
        if what == where and not cut:
            cut += 1
            return fault
        return None

    stage.mongo.point = point
    first = await stage.call("POST", "/v1/dead-letters/replay", {"source": "shop"})
    stage.mongo.point = None
    assert cut == 1
    assert first.status_code in (202, 503)
    await stage.done("POST", "/v1/dead-letters/replay", {"source": "shop"})
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal(10), 5)
    assert len(await stage.rows("raw")) == 5
    assert {each["attempts"] for each in await stage.letters(state="replayed")} == {1}


async def test_a_bad_event_sent_again_is_one_letter_with_a_count(stage: Any, make: Any) -> None:
    await stage.declare()
    bad = make.cloud(make.order("a", None, 1))
    await stage.send(bad, bad)
    await stage.pump()
    await stage.send(bad)
    await stage.pump()
    (letter,) = await stage.letters()
    assert letter["count"] == 3
    assert await stage.stats() == {"dead_letters": 3}
    groups = (await stage.done("GET", "/v1/dead-letters"))["groups"]
    assert groups == [
        {
            "source": "shop",
            "cause": "missing-field",
            "where": "data.gross",
            "letters": 1,
            "occurrences": 3,
            "first_ms": letter["received_ms"],
            "last_ms": letter["at_ms"],
            "example": letter["id"],
        }
    ]
    assert (await stage.done("GET", "/v1/dead-letters/groups?source=shop"))["items"] == groups
    assert (await stage.done("GET", "/v1/dead-letters/groups?source=other"))["items"] == []


async def test_an_event_mended_by_its_sender_counts_and_closes_its_letter(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    await stage.send(make.cloud(make.order("a", None, 1)))
    await stage.pump()
    await stage.start()
    await stage.send(make.cloud(make.order("a", 7)))
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal(7), 1)
    assert await stage.letters() == []
    done = await stage.done("POST", "/v1/dead-letters/replay", {"source": "shop"})
    assert done["replayed"] == 0
    assert len(await stage.letters(state="superseded")) == 1


async def test_events_of_an_undeclared_source_or_door_wait_for_it(stage: Any, make: Any) -> None:
    await stage.append(make.raw_event(make.cloud(make.order("a", 1))))
    await stage.pump()
    source = make.shop()
    del source["doors"]["http"]
    await stage.done("POST", "/v1/sources", source)
    await stage.append(make.raw_event(make.cloud(make.order("b", 1))))
    await stage.pump()
    causes = {letter["event_id"]: letter["cause"] for letter in await stage.letters()}
    assert causes == {"a": "unknown-source", "b": "unknown-door"}

    await stage.done("PUT", "/v1/sources/shop", make.shop())
    assert (await stage.done("POST", "/v1/dead-letters/replay", {"source": "shop"}))[
        "replayed"
    ] == 2
    await stage.pump()
    assert await stage.stats() == {"accepted": 2, "dead_letters": 2}


async def test_a_source_whose_last_thousand_were_mostly_bad_is_paused_and_resumed(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    names = [f"b{n}" for n in range(6000) if partition_of(2, "acme", "shop", f"b{n}") == 0]
    await stage.send(*[make.cloud(make.order(name, None, 1)) for name in names[:1000]])
    await stage.pump()
    source = await stage.done("GET", "/v1/sources/shop")
    assert source["paused"].endswith("records were bad")

    await stage.send(make.cloud(make.order("good", 3)))
    await stage.pump()
    (letter,) = await stage.letters(cause="source-paused")
    assert letter["event_id"] == "good"
    await stage.send(*[make.cloud(make.order(name, 0)) for name in names[1000:2300]])
    await stage.pump()

    assert (await stage.done("POST", "/v1/sources/shop/resume"))["paused"] is None
    await stage.send(make.cloud(make.order(names[-1], None, 1)))
    await stage.pump()
    assert (await stage.done("GET", "/v1/sources/shop"))["paused"] is None
    wanted = {"source": "shop", "cause": "source-paused"}
    done = await stage.done("POST", "/v1/dead-letters/replay", wanted)
    assert (done["replayed"], done["more"]) == (1000, True)
    done = await stage.done("POST", "/v1/dead-letters/replay", wanted)
    assert (done["replayed"], done["more"]) == (301, False)
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal(3), 1301)
    actions = [
        e["action"]
        for e in await stage.store.db["audit"]
        .find({"tenant": "acme", "action": {"$exists": True}})
        .to_list(None)
    ]
    assert actions.count("source.paused") == 1
    assert actions[-3:] == ["source.resumed", *["dead-letters.replayed"] * 2]


async def test_a_replay_of_large_letters_stops_at_a_bounded_size(stage: Any, make: Any) -> None:
    await stage.declare()
    for number in range(60):
        event = make.order(f"b{number}", None, 1) | {"note": "x" * 400_000}
        await stage.append(make.raw_event(make.cloud(event), id=f"b{number}"))
    await stage.pump()
    done = await stage.done("POST", "/v1/dead-letters/replay", {"source": "shop"})
    assert done["more"]
    assert done["replayed"] == 50  # a page: 20 MB
    done = await stage.done("POST", "/v1/dead-letters/replay", {"source": "shop"})
    assert (done["replayed"], done["more"]) == (10, False)


async def test_half_bad_is_not_mostly_bad(stage: Any, make: Any) -> None:
    await stage.declare()
    await stage.send(
        *[make.cloud(make.order(f"b{n}", None if n % 9 < 4 else 1, 1)) for n in range(2400)]
    )
    for number in (0, 1):
        assert len(stage.log.records[number]) > 1000
    await stage.pump(at_once=2)
    assert (await stage.done("GET", "/v1/sources/shop"))["paused"] is None


async def test_what_cannot_be_read_at_all_is_kept_but_not_sent_again(stage: Any, make: Any) -> None:
    await stage.declare()
    body = base64.b64encode(b"\xff{").decode()
    error = error_text("unreadable", "byte 0", "json-utf8, the text is not valid UTF-8")
    await stage.append(
        make.raw_event(body, id="shop.orders/0/7", door="topic:shop.orders", error=error)
    )
    await stage.pump()
    done = await stage.done("POST", "/v1/dead-letters/replay", {"source": "shop"})
    assert (done["replayed"], done["unmendable"], done["more"]) == (0, 1, False)
    (letter,) = await stage.letters()
    assert letter["cause"] == "unreadable"


async def test_a_record_without_a_readable_id_gets_it_from_the_mended_mapping(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    event = without(make.order("a", 4), "event_id") | {"order_no": "a"}
    error = error_text("missing-field", "event_id", "every event needs its id")
    await stage.append(
        make.raw_event(event, id="shop.orders/0/7", door="topic:shop.orders", error=error)
    )
    await stage.pump()
    (letter,) = await stage.letters()
    assert (letter["cause"], letter["where"]) == ("missing-field", "event_id")

    source = make.shop()
    source["doors"]["topic:shop.orders"]["id"].append("order_no")
    await stage.done("PUT", "/v1/sources/shop", source)
    await stage.done("POST", "/v1/dead-letters/replay", {"source": "shop"})
    await stage.send(make.cloud(make.order("a", 4)))
    await stage.pump()
    assert await stage.total("gross_revenue") == (Decimal(4), 1)
    assert await stage.stats() == {"accepted": 1, "dead_letters": 1, "duplicates": 1}


async def test_secrets_are_taken_out_before_a_body_is_kept(stage: Any, make: Any) -> None:
    await stage.declare()
    event = make.order("a", None, 1) | {"api_key": "hunter2", "list": [{"Password": "hunter2"}]}
    await stage.send(make.cloud(event))
    await stage.pump()
    (letter,) = await stage.letters()
    shown = await stage.call("GET", f"/v1/dead-letters/{letter['id']}")
    assert "hunter2" not in shown.text
    assert shown.json()["body"]["data"]["api_key"] == "***"
    assert shown.json()["body"]["data"]["event_id"] == "a"
    kept = await stage.store.db["dead_letters"].find_one({"_id": letter["id"]})
    assert b"hunter2" not in bytes(kept["body"])


async def test_letters_come_in_pages_and_another_tenant_sees_none(stage: Any, make: Any) -> None:
    await stage.declare()
    await stage.send(*[make.cloud(make.order(f"b{n}", None, 1)) for n in range(7)])
    await stage.pump()
    seen, after = [], ""
    while True:
        found = await stage.done("GET", f"/v1/dead-letters?limit=3{after}")
        seen += [letter["event_id"] for letter in found["items"]]
        if found["next"] is None:
            break
        after = f"&after={found['next']}"
    assert sorted(seen) == [f"b{n}" for n in range(7)]
    identity = found["items"][0]["id"]
    assert (await stage.done("GET", "/v1/dead-letters", tenant="other"))["items"] == []
    assert (
        await stage.call("GET", f"/v1/dead-letters/{identity}", tenant="other")
    ).status_code == 404
    done = await stage.done("POST", "/v1/dead-letters/replay", {"ids": [identity]}, tenant="other")
    assert done["replayed"] == 0


@pytest.mark.parametrize("path", ["/v1/dead-letters?", "/v1/records?source=shop&"])
async def test_a_token_beyond_what_the_store_counts_is_refused(stage: Any, path: str) -> None:
    await stage.declare()
    for at_ms in (2**63, -(2**63)):
        answer = await stage.call("GET", f"{path}after={token_of(at_ms, 'x')}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad-token")
