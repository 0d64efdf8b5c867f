"""Limits: a sender's rate, the room for what waits, and a broker that does not answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_ingest.api import gate, make_api, room
from metrics_ingest.domain.doors.buckets import Bucket, Rate
from metrics_ingest.handlers import events
from metrics_ingest.settings import IngestSettings
from service_kit.errors import SettingError
from service_kit.settings import Settings
from service_kit.testing.tokens import FakeTokens, bearer
from service_kit.testing.waiting import PATIENCE, until
from service_kit.web import bodies

BATCH = "application/cloudevents-batch+json"


class Limited:
    """A door with its own limits, on the stage's store and log."""

    def __init__(self, stage: Any, headers: dict[str, str], **limits: int) -> None:
        raw = make_api(stage.runtime, stage.raw, stage.counts, IngestSettings(**limits))
        transport = httpx.ASGITransport(raw, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://ingest")
        self.headers = headers | {"Content-Type": BATCH, "X-Paceline-Source": "shop"}

    async def send(self, *items: Any, **headers: str) -> httpx.Response:
        content = json.dumps(items).encode()
        return await self.http.post("/v1/events", content=content, headers=self.headers | headers)


@pytest.fixture
async def door(stage: Any) -> Any:
    await stage.declare()
    headers = await stage.key("acme")

    def make(**limits: int) -> Limited:
        return Limited(stage, headers, **limits)

    return make


def event(make: Any, identity: str = "a", note: str = "") -> dict[str, Any]:
    made: dict[str, Any] = make.cloud(make.order(identity, 1)) | {"note": note}
    return made


async def test_a_sender_beyond_its_rate_is_told_when_to_come_again(door: Any, make: Any) -> None:
    limited = door(sender_events=2)
    burst = [event(make, str(n)) for n in range(200)]
    assert (await limited.send(*burst)).status_code == 202  # five seconds' worth, and then some
    refused = await limited.send(event(make))
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate-limited")
    wait = int(refused.headers["retry-after"])
    assert 60 <= wait <= 96  # 190 events too many at two a second; some are paid for meanwhile
    assert refused.headers["x-ratelimit-reset"] == str(wait)


async def test_bytes_are_limited_as_events_are(door: Any, make: Any) -> None:
    limited = door(sender_bytes=1000)
    assert (await limited.send(event(make, note="x" * 60_000))).status_code == 202
    assert (await limited.send(event(make))).status_code == 429


async def test_one_senders_limit_is_nobody_elses(stage: Any, door: Any, make: Any) -> None:
    limited = door(sender_events=1)
    await limited.send(*[event(make, str(n)) for n in range(90)])
    assert (await limited.send(event(make))).status_code == 429
    other = await stage.key("acme")
    assert (await limited.send(event(make), **other)).status_code == 202


async def test_a_persons_limit_is_not_that_of_a_namesake_in_another_organisation(
    stage: Any, door: Any, make: Any
) -> None:
    await stage.declare("globex")
    stage.runtime.tokens = FakeTokens()
    limited = door(sender_events=1)
    acme, globex = (bearer("admin", tenant=name, person="li.na") for name in ("acme", "globex"))
    await limited.send(*[event(make, str(n)) for n in range(90)], **acme)
    assert (await limited.send(event(make), **acme)).status_code == 429
    assert (await limited.send(event(make), **globex)).status_code == 202


async def test_a_body_that_nobody_can_read_is_paid_for_like_any_other(door: Any, make: Any) -> None:
    limited = door(sender_bytes=1000)
    named = limited.headers
    unread = await limited.http.post("/v1/events", content=b"[" + b"x" * 80_000, headers=named)
    assert unread.status_code == 422
    assert (await limited.send(event(make))).status_code == 429


async def test_whoever_sends_without_a_key_leaves_room_for_those_who_have_one(
    door: Any, make: Any
) -> None:
    limited = door(room_bytes=4 * 2**20)
    over = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"{" + b" " * 450_000
        await over.wait()
        yield b"}"

    strangers = [
        asyncio.create_task(limited.http.post("/v1/batch", content=slow())) for _ in range(12)
    ]
    await until(lambda: any(each.done() for each in strangers))  # refused: their part is full
    assert (await limited.send(event(make, note="x" * 200_000))).status_code == 202
    over.set()
    found = sorted([(await each).status_code for each in strangers])
    assert (found[0], found[-1]) == (401, 503)
    early = json.dumps({"writeKey": "pk_a_b", "text": "x" * 400_000}).encode()
    for _ in range(12):  # what they held is given back
        assert (await limited.http.post("/v1/batch", content=early)).status_code == 401


async def test_a_key_is_held_to_its_own_limit_wherever_that_of_all_lies(
    stage: Any, door: Any, make: Any
) -> None:
    limited = door(sender_events=1_000)
    made = await stage.done("POST", "/v1/keys", {"scopes": ["*"], "events_per_second": 2})
    own = {"Authorization": f"Bearer {made['key']}"}
    burst = [event(make, str(n)) for n in range(200)]
    assert (await limited.send(*burst, **own)).status_code == 202
    refused = await limited.send(event(make), **own)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate-limited")
    assert 60 <= int(refused.headers["retry-after"]) <= 96  # 190 too many at two a second
    assert (await limited.send(event(make))).status_code == 202  # the others are not meant


async def test_a_limit_that_is_raised_or_taken_away_holds_for_a_key_that_was_refused(
    stage: Any, door: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = door(sender_events=1_000)
    made = await stage.done("POST", "/v1/keys", {"scopes": ["*"], "events_per_second": 1})
    own = {"Authorization": f"Bearer {made['key']}"}
    for limit in (100_000, None):
        await limited.send(*[event(make, f"{limit}{n}") for n in range(60)], **own)
        if limit == 100_000:
            assert (await limited.send(event(make), **own)).status_code == 429
        await stage.done("PUT", f"/v1/keys/{made['id']}", {"events_per_second": limit})
        assert (await limited.send(event(make), **own)).status_code == 202


async def test_a_machine_that_calls_a_hook_with_its_key_has_the_keys_limit(
    stage: Any, door: Any
) -> None:
    mapping = {"id": ["id"], "type": ["type"], "time": ["at"]}
    await stage.done("POST", "/v1/sources", {"name": "pull", "doors": {"hook": mapping}})
    made = await stage.done("POST", "/v1/keys", {"source": "pull", "events_per_second": 1})
    limited = door()
    headers = {"Authorization": f"Bearer {made['key']}"}
    body = {"id": "a", "type": "t", "at": "2011-05-06T12:00:00Z"}
    found = [
        (await limited.http.post("/v1/hooks/pull", json=body, headers=headers)).status_code
        for _ in range(60)
    ]
    assert (found[0], found[-1]) == (200, 429)


async def test_segments_calls_and_hooks_have_the_same_limits(stage: Any, door: Any) -> None:
    mapping = {"id": ["messageId"], "type": ["type"], "time": ["receivedAt", "at"]}
    doors = {"segment": mapping, "hook": mapping | {"id": ["id"]}}
    await stage.done("POST", "/v1/sources", {"name": "web", "doors": doors})
    limited = door(sender_events=1)
    named = limited.headers | {"X-Paceline-Source": "web"}
    call = {"batch": [{"type": "page", "userId": "u"}] * 90}
    url = (await stage.done("GET", "/v1/sources/web/hook"))["url"]
    hook = url.removeprefix("https://in.example.com")
    sealed = door(sender_events=1, secrets_keys=stage.ingest.secrets_keys)
    for status in (202, 429):
        found = await limited.http.post("/v1/batch", json=call, headers=named)
        assert found.status_code == status
    body = {"id": "a", "type": "t", "at": "2011-05-06T12:00:00Z"}
    found = [(await sealed.http.post(hook, json=body)).status_code for _ in range(60)]
    assert (found[0], found[-1]) == (200, 429)


async def test_no_more_waits_for_the_broker_than_there_is_room_for(
    stage: Any, door: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(gate, "AT_ONCE", 10_000)
    limited = door()
    stage.log.slow = asyncio.Event()
    waiting = [asyncio.create_task(limited.send(event(make, f"{n}", "x" * 4000))) for n in (1, 2)]
    await asyncio.sleep(0.05)
    refused = await limited.send(event(make, "3", "x" * 4000))
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "no-room")
    assert int(refused.headers["retry-after"]) >= 1
    stage.log.slow.set()
    assert [(await each).status_code for each in waiting] == [202, 202]
    assert (await limited.send(event(make, "3", "x" * 4000))).status_code == 202


async def test_room_is_given_back_however_a_request_ends(stage: Any, door: Any, make: Any) -> None:
    limited = door(room_bytes=10_000)
    for _ in range(5):
        assert (await limited.send({"bad": "x" * 8000})).status_code == 422
        unauthorised = {"Authorization": "Bearer pk_a_b"}
        assert (await limited.send("x" * 8000, **unauthorised)).status_code == 401
        early = json.dumps({"writeKey": "pk_a_b", "text": "x" * 8000}).encode()
        assert (await limited.http.post("/v1/batch", content=early)).status_code == 401
        assert (await limited.send("x" * 20_000)).status_code == 503
    assert (await limited.send(event(make, "3", "x" * 8000))).status_code == 202


async def test_whoever_waits_is_let_in_in_its_turn(
    stage: Any, door: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "WAIT_SECONDS", PATIENCE)
    monkeypatch.setattr(gate, "AT_ONCE", 10_000)
    limited = door()
    stage.log.slow = asyncio.Event()
    sends = [limited.send(event(make, f"{n}", "x" * 6000)) for n in range(8)]
    waiting = [asyncio.create_task(each) for each in sends]
    await asyncio.sleep(0.05)
    assert sum(map(len, stage.log.records.values())) == 0
    stage.log.slow.set()
    assert [(await each).status_code for each in waiting] == [202] * 8


async def test_a_body_larger_than_what_is_served_at_once_goes_alone(
    door: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "WAIT_SECONDS", PATIENCE)
    monkeypatch.setattr(gate, "AT_ONCE", 10_000)
    limited = door()
    large = [limited.send(event(make, f"{n}", "x" * 60_000)) for n in range(3)]
    assert [each.status_code for each in await asyncio.gather(*large)] == [202] * 3


@given(
    steps=st.lists(st.tuples(st.integers(1, 120), st.floats(0, 0.004), st.booleans()), max_size=25)
)
@settings(max_examples=60, deadline=None)
async def test_nobody_is_served_when_everybody_has_left(
    steps: list[tuple[int, float, bool]],
) -> None:
    line = room.Line(200)

    async def visit(size: int, stay: float, gives_up: bool) -> None:
        async with asyncio.timeout(stay / 2 if gives_up else None):
            await line.enter(size)
            try:
                assert line.served <= 200
                await asyncio.sleep(stay)
            finally:
                line.leave(size)

    await asyncio.gather(*(visit(*step) for step in steps), return_exceptions=True)
    assert line.served == 0
    await line.enter(200)


async def test_a_broker_that_does_not_answer_is_503_in_time(
    stage: Any, door: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "ACK_SECONDS", 0.05)
    stage.log.slow = asyncio.Event()
    refused = await door().send(event(make))
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
    assert int(refused.headers["retry-after"]) >= 1


async def test_whoever_sends_a_body_drop_by_drop_is_sent_away_and_others_are_served(
    stage: Any, address: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.3)
    await stage.declare()
    key = (await stage.key("acme"))["Authorization"]
    named = {"Authorization": key, "Content-Type": BATCH, "X-Paceline-Source": "shop"}
    head = "".join(f"{name}: {text}\r\n" for name, text in named.items())
    slow = [await _opened(address, head) for _ in range(50)]

    async with httpx.AsyncClient(base_url=address, headers=named) as http:
        assert (await http.post("/v1/events", json=[event(make)])).status_code == 202
    for reader, writer in slow:
        assert b" 408 " in await reader.readline()
        assert b"connection: close" in (await reader.read()).lower()  # to its end
        writer.close()


async def _opened(address: str, head: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    start = f"POST /v1/events HTTP/1.1\r\nHost: x\r\n{head}Content-Length: 4000000\r\n\r\n["
    writer.write(start.encode())
    return reader, writer


@settings(deadline=None)
@given(
    per_second=st.integers(1, 1000),
    sent=st.lists(st.tuples(st.floats(0, 3), st.integers(0, 500)), max_size=30),
)
def test_a_bucket_lets_no_more_through_than_burst_and_rate(
    per_second: int, sent: list[tuple[float, int]]
) -> None:
    rate = Rate(per_second)
    bucket = Bucket(rate, 0.0)
    now = taken = 0.0
    for pause, amount in sent:
        now += pause
        if bucket.wait(now):
            assert bucket.wait(now + bucket.wait(now) + 1e-6) == 0
            continue
        bucket.take(amount, now)
        taken += amount
        # One request may go beyond, and is paid for before the next is let in.
        assert taken <= rate.most + now * per_second + amount + 1e-6


def test_no_rate_is_no_limit() -> None:
    bucket = Bucket(Rate(0), 0.0)
    for _ in range(10):
        bucket.take(10**9, 0.0)
        assert bucket.wait(0.0) == 0


def test_settings_come_from_the_environment() -> None:
    env = {
        "PACELINE_PUBLIC_URL": "https://in.example.com/",
        "PACELINE_SECRETS_KEY": f"{'n' * 24}, {'o' * 24}",
        "PACELINE_SENDER_EVENTS": "0",
        "PACELINE_ROOM_BYTES": "2000000",
    }
    found = IngestSettings.from_environment(Settings("metrics-ingest", port=8101), env)
    assert found.public_url == "https://in.example.com"
    assert found.secrets_keys == ("n" * 24, "o" * 24)
    assert (found.sender_events, found.room_bytes) == (0, 2_000_000)
    plain = IngestSettings.from_environment(Settings("metrics-ingest", port=8101), {})
    assert (plain.public_url, plain.secrets_keys) == ("http://127.0.0.1:8101", ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PACELINE_PUBLIC_URL", "in.example.com"),
        ("PACELINE_PUBLIC_URL", "https://x/?a=1"),
        ("PACELINE_SECRETS_KEY", "short"),
        ("PACELINE_SENDER_EVENTS", "-1"),
        ("PACELINE_ROOM_BYTES", "1"),
    ],
)
def test_a_setting_that_cannot_be_used_ends_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingError):
        IngestSettings.from_environment(Settings("metrics-ingest"), {name: value})
