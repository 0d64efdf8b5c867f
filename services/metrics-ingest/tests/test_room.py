"""The room for bodies on a real door: whoever fills it with slow bodies is told so, not others."""

import asyncio
import contextlib
import dataclasses
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge

from metrics_ingest.api.room import STRANGER, Room
from service_kit.errors import UserError

BATCH = "application/cloudevents-batch+json"
ROOM = 2 * 2**20
SLOW = 100_000  # so much comes of a slow body, and then nothing more
Headers = dict[str, str]


@pytest.fixture
async def stage(stage: Any) -> Any:
    """A stage with a small room, and its source."""
    stage.ingest = dataclasses.replace(stage.ingest, room_bytes=ROOM)
    stage.open()
    await stage.declare()
    return stage


class SlowSender:
    """Opens requests whose bodies stop half way, and knows what it was told."""

    def __init__(self, address: str, headers: Headers) -> None:
        self._host, _, self._port = address.removeprefix("http://").partition(":")
        lines = headers | {"Content-Type": BATCH, "X-Paceline-Source": "shop", "Host": "x"}
        self._head = "".join(f"{name}: {text}\r\n" for name, text in lines.items())
        self._reading: list[asyncio.Task[bytes]] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self, times: int, size: int = SLOW) -> None:
        """Open so many requests, each with a body of which so many bytes come."""
        for _ in range(times):
            reader, writer = await asyncio.open_connection(self._host, int(self._port))
            start = f"POST /v1/events HTTP/1.1\r\n{self._head}Content-Length: 4000000\r\n\r\n["
            writer.write(start.encode() + b" " * size)
            with contextlib.suppress(ConnectionError):  # whoever is refused may be cut off
                await writer.drain()
            self._reading.append(asyncio.create_task(reader.read()))
            self._writers.append(writer)
        await asyncio.sleep(0.2)

    def told(self) -> list[bytes]:
        """Return the answers so far; the other requests wait."""
        return [each.result() for each in self._reading if each.done()]

    async def close(self) -> None:
        """Leave."""
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._reading, return_exceptions=True)


@pytest.fixture
async def slow(stage: Any, address: str) -> AsyncIterator[Any]:
    """Return a maker of slow senders, each with the key given or one of its own."""
    made: list[SlowSender] = []

    async def make(key: Headers | None = None) -> SlowSender:
        made.append(SlowSender(address, key or await stage.key("acme")))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def post(address: str, headers: Headers, content: bytes) -> httpx.Response:
    named = headers | {"Content-Type": BATCH, "X-Paceline-Source": "shop"}
    async with httpx.AsyncClient(base_url=address) as http:
        return await http.post("/v1/events", content=content, headers=named)


def body(make: Any, size: int, events: int = 1) -> bytes:
    items = [make.cloud(make.order(f"{n}", 1)) | {"note": "x" * size} for n in range(events)]
    return json.dumps(items).encode()


async def test_whoever_fills_its_share_with_slow_bodies_is_told_and_another_key_is_taken(
    stage: Any, address: str, slow: Any, make: Any
) -> None:
    greedy = await slow()
    await greedy.open(40)
    told = greedy.told()
    assert len(told) > 25
    for answer in told:
        head = answer.lower()
        assert head.startswith(b"http/1.1 429 ")
        assert b"retry-after: 2\r\n" in head
        assert b"connection: close\r\n" in head
        assert b'"code":"share-used"' in head
    large = body(make, 400_000)
    assert (await post(address, await stage.key("acme"), large)).status_code == 202


async def test_something_is_left_after_several_slow_senders(
    stage: Any, address: str, slow: Any, make: Any
) -> None:
    for _ in range(3):
        await (await slow()).open(30)
    other = await stage.key("acme")
    assert (await post(address, other, body(make, 100_000))).status_code == 202


async def test_a_slow_senders_share_is_given_back_when_its_bodies_end(
    stage: Any, address: str, slow: Any, make: Any
) -> None:
    key = await stage.key("acme")
    greedy = await slow(key)
    await greedy.open(40)
    assert (await post(address, key, body(make, 400_000))).status_code == 429
    await greedy.close()
    await asyncio.sleep(0.1)
    assert (await post(address, key, body(make, 400_000))).status_code == 202


async def test_a_body_almost_as_large_as_the_room_is_taken_from_a_sender_that_is_alone(
    stage: Any, address: str, make: Any
) -> None:
    large = body(make, 410_000, events=5)
    assert 0.97 * ROOM < len(large) < ROOM
    for _ in range(3):
        assert (await post(address, await stage.key("acme"), large)).status_code == 202


async def test_a_key_in_the_body_counts_as_one_in_the_header(
    stage: Any, address: str, slow: Any
) -> None:
    mapping = {"id": ["messageId"], "type": ["type"], "time": ["receivedAt"]}
    await stage.done("POST", "/v1/sources", {"name": "web", "doors": {"segment": mapping}})
    key = await stage.key("acme")
    greedy = await slow(key)
    await greedy.open(40)
    call = {"batch": [{"type": "page", "userId": "u"}], "note": "x" * 300_000}
    statuses = []
    for other in (key, await stage.key("acme")):
        written = json.dumps(call | {"writeKey": other["Authorization"].split()[1]}).encode()
        async with httpx.AsyncClient(base_url=address) as http:
            named = {"X-Paceline-Source": "web"}
            found = await http.post("/v1/batch", content=written, headers=named)
            statuses.append(found.status_code)
    assert statuses == [429, 202]


_STEPS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", STRANGER]), st.integers(0, 4), st.integers(0, 40)),
    max_size=80,
)


@given(steps=_STEPS)
def test_a_room_holds_no_more_than_it_has_and_leaves_as_much_as_a_sender_holds(
    steps: list[tuple[str, int, int]],
) -> None:
    room = Room(100, Gauge("room", "", registry=CollectorRegistry()))
    bodies: Counter[tuple[str, int]] = Counter()
    for sender, number, size in steps:
        place = sender, number
        others = sum(n for (name, _), n in bodies.items() if name == sender) - bodies[place]
        if not size:
            room.give_back(bodies.pop(place, 0), sender)
            continue
        try:
            room.hold(size, sender, bodies[place])
        except UserError as error:
            if error.status == 429:
                assert others > 0
            continue
        bodies[place] += size
        assert room.held == bodies.total() <= 100
        if sender != STRANGER and others:
            assert others + bodies[place] <= 100 - room.held
