"""Segment's calls: keys, limits, batches judged item by item, ids, what is kept."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from event_contracts.raw import RawEvent
from metrics_ingest.domain.doors import segment

NOON = "2011-05-06T11:15:27.903Z"


def mapping() -> dict[str, Any]:
    return {
        "id": ["messageId"],
        "type": ["type"],
        "time": ["timestamp", "originalTimestamp", "receivedAt"],
        "subject": ["userId", "anonymousId"],
        "fields": {
            "revenue": {"paths": ["properties.revenue"], "kind": "decimal"},
            "device": {"paths": ["context.device.type"]},
        },
    }


class Web:
    """A source with the segment door, and a write key bound to it."""

    def __init__(self, stage: Any, key: str) -> None:
        self.stage = stage
        self.key = key

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        pair = base64.b64encode(f"{self.key}:".encode()).decode()
        sent = {"authorization": f"Basic {pair}"} | headers
        return await self.send(path, body, **sent)

    async def send(self, path: str, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        found: httpx.Response = await self.stage.http.post(path, content=content, headers=named)
        return found

    def kept(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(event.body) for event in self.events()]

    def events(self) -> list[RawEvent]:
        records = [value for rows in self.stage.log.records.values() for value in rows]
        return [msgspec.json.decode(value, type=RawEvent) for value in records]


@pytest.fixture
async def web(stage: Any) -> Web:
    source = {"name": "web", "zone": "UTC", "doors": {"segment": mapping()}}
    await stage.done("POST", "/v1/sources", source)
    money = {"name": "revenue", "source": "web", "types": ["track"], "value": "revenue"}
    await stage.done("POST", "/v1/metrics", money | {"dims": ["device"]})
    return Web(stage, await stage.runtime.keys.create("acme", ["events:write"], source="web"))


def track(**more: Any) -> dict[str, Any]:
    return {"userId": "u1", "event": "Bought", "timestamp": NOON} | more


async def test_every_sample_call_is_taken_and_its_write_key_is_not_kept(
    web: Web, shared_samples: Path
) -> None:
    for name in ("track", "identify", "page"):
        body = json.loads((shared_samples / f"segment_{name}.json").read_text())
        taken = await web.post(f"/v1/{name}", body)
        assert (taken.status_code, taken.json()) == (202, {"accepted": [0], "rejected": []})
    assert [each["type"] for each in web.kept()].count("identify") == 1
    assert "writeKey" not in str(web.kept())
    assert "QINGHE_DEMO_WRITE_KEY" not in str(web.stage.log.records)


async def test_the_sample_batch_rejects_its_two_bad_times_alone(
    web: Web, shared_samples: Path
) -> None:
    body = json.loads((shared_samples / "segment_batch.json").read_text())
    body["writeKey"] = web.key
    taken = await web.send("/v1/batch", body)
    assert taken.status_code == 202, taken.text
    answer = taken.json()
    assert answer["accepted"] == [0, 1]
    assert [(r["index"], r["code"]) for r in answer["rejected"]] == [
        (2, "bad-time"),
        (3, "bad-time"),
    ]
    assert "timestamp" in answer["rejected"][0]["where"]
    for each in web.kept():  # the root's context is everybody's
        assert each["context"]["device"] == {"type": "tablet", "name": "Qinghe Kiosk 2"}
    assert web.key not in str(web.kept())


async def test_the_key_comes_as_basic_as_bearer_or_in_the_body(web: Web) -> None:
    assert (await web.post("/v1/track", track())).status_code == 202
    bearer = {"authorization": f"Bearer {web.key}"}
    assert (await web.send("/v1/track", track(), **bearer)).status_code == 202
    assert (await web.send("/v1/track", track(writeKey=web.key))).status_code == 202
    batch = {"batch": [track(type="track")], "writeKey": web.key}
    assert (await web.send("/v1/batch", batch)).status_code == 202


@pytest.mark.parametrize(
    "authorization", ["", "Basic ", "Basic !!!", "Basic cGs6", "Bearer pk_a_b", "Digest x"]
)
async def test_without_a_right_key_nothing_comes_in(web: Web, authorization: str) -> None:
    headers = {"authorization": authorization} if authorization else {}
    for body in (track(), track(writeKey="pk_x_y"), track(writeKey=7), b"[", b"7"):
        refused = await web.send("/v1/track", body, **headers)
        assert refused.status_code == 401, refused.text
    assert web.kept() == []


async def test_a_key_without_the_scope_or_of_another_source_is_refused(web: Web) -> None:
    reader = await web.stage.runtime.keys.create("acme", ["goals:read"], source="web")
    refused = await web.send("/v1/track", track(writeKey=reader))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "scope-missing")
    other = await web.post("/v1/track", track(), x_paceline_source="shop")
    assert (other.status_code, other.json()["error"]["code"]) == (403, "source-forbidden")
    stray = await web.stage.runtime.keys.create("acme", ["events:write"])
    unnamed = await web.send("/v1/track", track(writeKey=stray))
    assert (unnamed.status_code, unnamed.json()["error"]["code"]) == (422, "source-missing")


async def test_a_call_has_32_kb_and_a_batch_500(web: Web) -> None:
    just = track(properties={"text": "x" * (segment.CALL_BYTES - 104)})
    assert len(json.dumps(just)) == segment.CALL_BYTES
    assert (await web.post("/v1/track", just)).status_code == 202
    long = track(properties={"text": "x" * segment.CALL_BYTES})
    alone = await web.post("/v1/track", long)
    assert (alone.status_code, alone.json()["error"]["code"]) == (413, "body-too-large")
    both = await web.post("/v1/batch", {"batch": [long | {"type": "track"}, track(type="track")]})
    assert (both.json()["accepted"], both.json()["rejected"][0]["index"]) == ([1], 0)
    huge = await web.post("/v1/track", track(properties={"text": "x" * 100_000}))
    assert huge.status_code == 413
    batch = {"batch": [track(type="track", properties={"text": "x" * 512_000})]}
    refused = await web.post("/v1/batch", batch)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "body-too-large")
    wide = {"batch": [track(type="track")] * 1000, "context": {"text": "x" * 9_000}}
    assert (await web.post("/v1/batch", wide)).status_code == 413
    many = await web.post("/v1/batch", {"batch": [{}] * (segment.BATCH_ITEMS + 1)})
    assert many.status_code == 413


async def test_a_gzipped_batch_is_taken_and_a_bomb_is_not(web: Web) -> None:
    body = gzip.compress(json.dumps({"batch": [track(type="track")]}).encode())
    taken = await web.post("/v1/batch", body, content_encoding="gzip")
    assert taken.json() == {"accepted": [0], "rejected": []}
    bomb = gzip.compress(b'{"batch":[' + b" " * 10_000_000 + b"]}")
    assert len(bomb) < 20_000
    refused = await web.post("/v1/batch", bomb, content_encoding="gzip")
    assert refused.status_code == 413


async def test_one_hostile_item_refuses_itself_alone(web: Web) -> None:
    good = json.dumps(track(type="track", messageId="good"))
    for bad in (
        '{"type":"track","a":1,"a":2}',
        '{"type":"track","n":NaN}',
        '{"type":"track","n":1e400}',
        '{"type":"track","s":"\\ud800"}',
        '{"type":"track","d":' + "[" * 80 + "]" * 80 + "}",
        '"text"',
        "null",
        '{"type":"screem","userId":"u"}',
        '{"type":"track","userId":"u"}',
        '{"type":"group","userId":"u"}',
        '{"type":"page"}',
        json.dumps(track(type="track", messageId="x" * 101)),
        json.dumps(track(type="track", messageId=7)),
    ):
        text = f'{{"batch":[{good},{bad},{good}]}}'.encode()
        taken = await web.post("/v1/batch", text)
        answer = taken.json()
        assert (taken.status_code, answer["accepted"]) == (202, [0, 2]), bad
        assert [each["index"] for each in answer["rejected"]] == [1], bad


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"batch":7}', b'{"batch":[],"batch":[]}', b"[]", b'{"context":NaN,"batch":[]}'],
)
async def test_a_batch_that_is_none_is_refused_whole(web: Web, body: bytes) -> None:
    refused = await web.post("/v1/batch", body)
    assert refused.status_code == 422, refused.text
    assert "error" in refused.json()


async def test_a_call_without_an_id_gets_one_of_its_content(web: Web) -> None:
    for body in (track(), track(), track(properties={"n": 1}), track(userId="u2")):
        assert (await web.post("/v1/track", body)).status_code == 202
    identities = [each["messageId"] for each in web.kept()]
    assert (len(identities), len(set(identities))) == (4, 3)


async def test_the_same_calls_count_once(web: Web) -> None:
    batch = {
        "batch": [track(type="track", properties={"revenue": 19.99})],
        "context": {"device": {"type": "tablet"}},
    }
    for _ in range(3):
        assert (await web.post("/v1/batch", batch)).json()["accepted"] == [0]
    await web.stage.pump()
    total, count = await web.stage.total("revenue", device="tablet")
    assert (str(total), count) == ("19.99", 1)
    assert await web.stage.stats("web") == {"accepted": 1, "duplicates": 2}


async def test_an_items_own_context_stands_above_the_roots(web: Web) -> None:
    item = track(type="track", context={"ip": "203.0.113.1", "device": {"type": "phone"}})
    batch = {"batch": [item], "context": {"device": {"type": "tablet"}, "locale": "zh-CN"}}
    await web.post("/v1/batch", batch | {"sentAt": NOON})
    (kept,) = web.kept()
    wanted = {"ip": "203.0.113.1", "device": {"type": "phone"}, "locale": "zh-CN"}
    assert (kept["context"], kept["sentAt"]) == (wanted, NOON)


async def test_a_call_without_a_time_happened_when_it_came(web: Web) -> None:
    await web.post("/v1/screen", {"anonymousId": "a", "name": "Home"})
    (kept,) = web.kept()
    assert kept["type"] == "screen"
    assert kept["receivedAt"] == "2011-05-06T12:00:00.000Z"


async def test_a_source_without_the_door_is_404(web: Web) -> None:
    await web.stage.declare()
    key = await web.stage.runtime.keys.create("acme", ["events:write"], source="shop")
    refused = await web.send("/v1/track", track(writeKey=key))
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "unknown-source")


async def test_amounts_are_kept_to_the_digit(web: Web) -> None:
    text = '{"userId":"u","event":"e","timestamp":"%s","properties":{"revenue":%s}}'
    for amount in ("0.1", "1.10", "123456789012345.123456789012"):
        await web.post("/v1/track", (text % (NOON, amount)).encode())
    bodies = [bytes(event.body) for event in web.events()]
    for amount in (b":0.1}", b":1.10}", b":123456789012345.123456789012}"):
        assert any(amount in body for body in bodies)
