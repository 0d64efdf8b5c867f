"""Rows M1 to M3: events in, whichever door, each counted once, in its own minute."""

import asyncio
import hmac
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from paceline.trial.api import Refused
from paceline.trial.stage import Stage, Tenant, noon
from paceline.trial.system import until


async def _series(team: Tenant, metric: str, **params: str) -> list[dict[str, str]]:
    return await team.api.all("goal-service", f"/v1/metrics/{metric}/series", zone="UTC", **params)


@pytest.mark.row("M1", "additive")
async def test_a_filtered_value_is_summed_and_counted_by_its_dimension(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    big = [{"field": "amount", "op": "ge", "value": 10}]
    await team.metric("big_leads", value="amount", where=big, dims=["channel"])
    at = noon(monday)
    await team.send(
        team.event(at, "10.005", channel="sem"),
        team.event(at, "0.1", channel="sem"),  # below the filter
        team.event(at, "20.2", channel="sem"),
        team.event(at, 30, channel="content"),
    )
    goal = await team.goal(monday, monday + timedelta(days=4), 100, metric="big_leads")
    await team.total_becomes(goal, "60.205")

    span = {"from": str(monday), "to": str(monday)}
    points = await _series(team, "big_leads", grain="day", by="channel", **span)

    assert {(p["by"], Decimal(p["value"]), p["count"]) for p in points} == {
        ("sem", Decimal("30.205"), 2),
        ("content", Decimal(30), 1),
    }


@pytest.mark.row("M2", "cloudevents-structured")
@pytest.mark.row("M2", "cloudevents-binary")
@pytest.mark.row("M3", "resent-counts-once")
async def test_the_same_event_structured_and_binary_counts_once(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    goal = await team.goal(monday, monday + timedelta(days=4), 100)
    event = team.event(noon(monday), "7.25")
    structured = {"Content-Type": "application/cloudevents+json", "X-Paceline-Source": "crm"}
    attributes = {
        f"ce-{name}": event[name] for name in ("specversion", "id", "source", "type", "time")
    }
    binary = {"Content-Type": "application/json", "X-Paceline-Source": "crm"} | attributes

    for headers, body in ((structured, event), (binary, event["data"]), (structured, event)):
        await team.api.call("POST", "metrics-ingest", "/v1/events", body, headers=headers)
    await team.send(team.event(noon(monday), 1))  # comes after them: when it counts, they have

    await team.counted("crm", duplicates=2, accepted=2)
    await team.total_becomes(goal, "8.25")


@pytest.mark.row("M2", "cloudevents-batch")
async def test_a_batch_is_judged_item_by_item(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    goal = await team.goal(monday, monday + timedelta(days=4), 100)
    good = team.event(noon(monday), 5)
    bad = {key: value for key, value in team.event(noon(monday), 6).items() if key != "type"}

    with pytest.raises(Refused) as refused:
        await team.send(good, bad)

    assert "'index': 1" in refused.value.text
    assert "type" in refused.value.text
    await team.total_becomes(goal, 5)


@pytest.mark.row("M2", "existing-topic")
async def test_a_topic_that_is_already_there_is_read_from_its_beginning(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    topic = f"legacy.{team.name}.leads"
    kafka = {"bootstrap.servers": stage.system.facts()["kafka"]}
    admin = AdminClient(kafka)
    await asyncio.to_thread(admin.create_topics([NewTopic(topic, 2, 1)])[topic].result)
    producer = Producer(kafka)
    for number in range(10):
        lead = {"uid": f"L{number % 9}", "kind": "lead", "when": f"{monday} 09:00:00", "n": 1.5}
        producer.produce(topic, value=msgspec.json.encode(lead), key=b"ignored")
    assert producer.flush(30) == 0

    fields = {"amount": {"paths": ["n"], "kind": "decimal", "required": True}}
    mapping = {"id": ["uid"], "type": ["kind"], "time": ["when"], "fields": fields}
    legacy = {"name": "legacy", "zone": "Asia/Shanghai", "records": [], "doors": {"http": mapping}}
    await team.api.call("POST", "metrics-ingest", "/v1/sources", legacy)
    await team.metric("old_leads", source="legacy", value="amount")
    goal = await team.goal(monday, monday + timedelta(days=4), 100, metric="old_leads")
    doors = {"http": mapping, f"topic:{topic}": mapping}
    opened = legacy | {"doors": doors, "reason": "the topic is there"}
    await team.api.call("PUT", "metrics-ingest", "/v1/sources/legacy", opened)
    for number in range(20, 24):
        late = {"uid": f"L{number}", "kind": "lead", "when": f"{monday} 09:00:00", "n": 2}
        producer.produce(topic, value=msgspec.json.encode(late))
    assert producer.flush(30) == 0

    # Nine different leads of 1.5, one of them twice, and four of 2.
    await team.total_becomes(goal, "21.5")
    await team.counted("legacy", accepted=13, duplicates=1)


@pytest.mark.row("M3", "late-lands-in-its-minute")
async def test_an_event_of_yesterday_moves_yesterdays_minute(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    goal = await team.goal(monday, monday + timedelta(days=4), 100)
    at = noon(monday) + timedelta(minutes=17, seconds=59)
    stage.clock(at + timedelta(days=1))

    await team.send(team.event(at, 3), team.event(at + timedelta(seconds=1), 4))
    await team.total_becomes(goal, 7)

    span = {"from": str(monday), "to": str(monday)}
    points = await _series(team, "leads", grain="minute", **span)
    found = {int(p["minute"]): Decimal(p["value"]) for p in points if int(p["count"])}
    minute = int(at.timestamp()) // 60
    assert found == {minute: 3, minute + 1: 4}


@pytest.mark.row("M3", "rejected-kept-and-replayed")
async def test_a_dead_letter_keeps_its_reason_and_counts_after_the_mapping_is_mended(
    stage: Stage,
) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    goal = await team.goal(monday, monday + timedelta(days=4), 100)
    renamed = team.event(noon(monday), 0)
    renamed["data"] = {"total": "12.5", "channel": "sem"}
    await team.send(renamed, team.event(noon(monday), 1))
    await team.total_becomes(goal, 1)

    async def kept() -> list[Any]:
        return await team.api.all("metrics-ingest", "/v1/dead-letters")

    (letter,) = await until(kept, 60, "a dead letter")
    assert "amount" in letter["detail"]
    source = await team.api.get("metrics-ingest", "/v1/sources/crm")
    source["doors"]["http"]["fields"]["amount"]["paths"].append("data.total")
    body = {key: source[key] for key in ("name", "zone", "records", "doors")}
    await team.api.call("PUT", "metrics-ingest", "/v1/sources/crm", body | {"reason": "renamed"})
    for _ in range(2):  # the second replay finds nothing left
        await team.api.call("POST", "metrics-ingest", "/v1/dead-letters/replay", {"source": "crm"})

    await team.total_becomes(goal, "13.5")
    await team.settled()
    assert await team.total(goal) == Decimal("13.5")


@pytest.mark.row("M2", "limit-per-key")
async def test_a_key_is_held_to_its_own_limit_until_that_is_raised(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    wanted = {"name": "feed", "source": "crm", "events_per_second": 5}
    made = await team.api.call("POST", "metrics-ingest", "/v1/keys", wanted)
    url = stage.system.facts()["services"]["metrics-ingest"] + "/v1/events"
    head = {"Content-Type": "application/cloudevents-batch+json"}
    head["Authorization"] = f"Bearer {made['key']}"

    async def send(number: int) -> httpx.Response:
        events = [team.event(noon(monday), 1) for _ in range(number)]
        async with httpx.AsyncClient() as http:
            return await http.post(url, json=events, headers=head)

    # Five seconds' worth and far more, so that a crowded machine has not paid for it meanwhile.
    assert (await send(500)).status_code == 202
    refused = await send(1)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate-limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 96
    path = f"/v1/keys/{made['id']}"
    await team.api.call("PUT", "metrics-ingest", path, {"events_per_second": 100_000})
    assert (await send(100)).status_code == 202
    assert (await send(100)).status_code == 202


def _web_source() -> dict[str, Any]:
    """Return a source with Segment's door and a signed hook, as somebody would declare it."""
    fields = {"amount": {"paths": ["properties.amount"], "kind": "decimal"}}
    segment = {"id": ["messageId"], "type": ["type"], "time": ["timestamp"], "fields": fields}
    hook = {"id": ["id"], "type": ["kind"], "time": ["at"]} | {
        "fields": {"amount": {"paths": ["amount"], "kind": "decimal"}}
    }
    doors = {"segment": segment, "hook": hook}
    return {"name": "web", "zone": "UTC", "doors": doors, "signature": "timestamped"}


@pytest.mark.row("M2", "segment-call")
async def test_a_call_of_segments_counts_once_and_a_bad_one_is_named(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    await team.api.call("POST", "metrics-ingest", "/v1/sources", _web_source())
    await team.metric("bought", source="web", types=["track"], value="amount")
    goal = await team.goal(monday, monday + timedelta(days=4), 100, metric="bought")
    at = noon(monday).isoformat()
    call = {"type": "track", "userId": "u1", "event": "Bought", "timestamp": at}
    late = call | {"timestamp": "2026-11-4T01:15:22Z"}
    batch = {"batch": [call | {"properties": {"amount": 19.99}}, late]}
    named = {"X-Paceline-Source": "web"}

    for _ in range(2):  # a library that heard nothing sends it again
        answer = await team.api.call("POST", "metrics-ingest", "/v1/batch", batch, headers=named)
        assert (answer["accepted"], answer["rejected"][0]["index"]) == ([0], 1)

    await team.total_becomes(goal, "19.99")


@pytest.mark.row("M2", "signed-hook")
@pytest.mark.row("M2", "bad-signature")
async def test_a_signed_webhook_counts_and_another_signature_does_not(stage: Stage) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    api = team.api
    await api.call("POST", "metrics-ingest", "/v1/sources", _web_source())
    await api.call("PUT", "metrics-ingest", "/v1/sources/web/secrets", {"secrets": ["s3cret"]})
    await team.metric("won", source="web", types=["deal.won"], value="amount")
    goal = await team.goal(monday, monday + timedelta(days=4), 100, metric="won")
    hook = await api.get("metrics-ingest", "/v1/sources/web/hook")
    deal = {"id": "d1", "kind": "deal.won", "at": noon(monday).isoformat(), "amount": "1250.50"}
    body = msgspec.json.encode(deal)

    async def post(secret: str, sent: bytes = body, age: int = 0) -> int:
        stamp = str(int(time.time()) - age)  # a vendor's clock, not the organisation's
        digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, "sha256").hexdigest()
        headers = {"X-Timestamp": stamp, "X-Signature": digest}
        async with httpx.AsyncClient() as vendor:
            return (await vendor.post(hook["url"], content=sent, headers=headers)).status_code

    assert await post("another") == 401
    assert await post("s3cret", body.replace(b"1250", b"9250")) == 401
    assert await post("s3cret", age=330) == 401
    assert await post("s3cret", age=-330) == 401
    assert [await post("s3cret"), await post("s3cret")] == [200, 200]

    await team.total_becomes(goal, "1250.50")
    stats = await api.get("metrics-ingest", "/v1/sources/web/stats")
    assert (stats["accepted"], stats["dead_letters"]) == (1, 0)
