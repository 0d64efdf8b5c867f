"""Hostile input at every HTTP door: never a 500, never NaN kept, the exact value or a refusal.

How many cases were run is told at the end; PACELINE_HOSTILE multiplies the generated ones,
PACELINE_HOSTILE_SHARD (0, 1, ...) makes others of them, beside pytest's --hypothesis-seed.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_contracts.raw import RawEvent
from metrics_ingest.domain.doors import signing
from service_kit.testing.hostile import (
    NUMBERS,
    RAW,
    REFUSED,
    SHARD,
    SOUND,
    TIMES,
    Wild,
    check_stored,
    encoded,
    exact,
    plain,
    telling,
)

EVENTS = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NOON = "2011-05-06T12:00:00Z"
SECRET = "hostile, too"
CASES = {"corpus": 0, "generated": 0, "bytes": 0, "described": 0}


class Doors:
    """Every door that takes a body, each with a place for a value in a body that is sound."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.headers: dict[str, str] = {}
        self.hook = ""
        self.taken = 0
        self.operations: list[Any] = []

    async def open(self) -> None:
        stage = self.stage
        await stage.declare()
        field = {"n": {"paths": ["properties", "data"], "kind": "decimal"}}
        call = {"id": ["messageId"], "type": ["type"], "time": ["receivedAt"], "fields": field}
        hook = {"id": ["id"], "type": ["type"], "time": ["at"], "fields": field}
        event = {"id": ["id"], "type": ["type"], "time": [f"={NOON}"], "fields": field}
        doors = {"http": event, "segment": call, "hook": hook}
        source = {"name": "wild", "doors": doors, "signature": "hub-sha256", "records": ["*"]}
        await stage.done("POST", "/v1/sources", source)
        await stage.done("POST", "/v1/metrics", {"name": "n", "source": "wild", "value": "n"})
        await stage.done("PUT", "/v1/sources/wild/secrets", {"secrets": [SECRET]})
        url = (await stage.done("GET", "/v1/sources/wild/hook"))["url"]
        self.hook = url.removeprefix("https://in.example.com")
        hand = {"name": "by-hand", "doors": {"http": event}}
        await stage.done("POST", "/v1/sources", hand)
        described = schemathesis.openapi.from_dict(stage.app.openapi())
        self.operations = [found.ok() for found in described.get_all_operations()]
        self.headers = await stage.key("acme") | {"X-Paceline-Source": "wild"}

    async def post(self, path: str, body: bytes, method: str = "POST", **more: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        found = await self.stage.http.request(
            method, path, content=body, headers=self.headers | named
        )
        assert found.status_code < 500, (path, found.status_code, body[:300], found.text)
        return found

    async def structured(self, value: str) -> httpx.Response:
        text = (
            f'{{"specversion":"1.0","id":"{self.next()}","source":"/s","type":"t","data":{value}}}'
        )
        return await self.post("/v1/events", encoded(text), content_type=EVENTS)

    async def batched(self, value: str) -> httpx.Response:
        text = (
            f'{{"specversion":"1.0","id":"{self.next()}","source":"/s","type":"t","data":{value}}}'
        )
        return await self.post("/v1/events", encoded(f"[{text}]"), content_type=BATCH)

    async def binary(self, value: str) -> httpx.Response:
        attributes = {"ce_specversion": "1.0", "ce_id": self.next(), "ce_source": "/s"}
        more = attributes | {"ce_type": "t", "content_type": "application/json"}
        return await self.post("/v1/events", encoded(value), **more)

    async def track(self, value: str) -> httpx.Response:
        text = f'{{"userId":"{self.next()}","event":"e","properties":{value}}}'
        return await self.post("/v1/track", encoded(text))

    async def batch(self, value: str) -> httpx.Response:
        item = f'{{"type":"track","userId":"{self.next()}","event":"e","properties":{value}}}'
        return await self.post("/v1/batch", encoded(f'{{"batch":[{item}]}}'))

    async def hooked(self, value: str) -> httpx.Response:
        body = encoded(f'{{"id":"{self.next()}","type":"t","at":"{NOON}","data":{value}}}')
        return await self.signed(body)

    async def signed(self, body: bytes) -> httpx.Response:
        return await self.post(
            self.hook, body, x_hub_signature_256=signing.hub_sha256(SECRET, body)
        )

    async def numbers(self, value: str) -> httpx.Response:
        text = (
            f'{{"specversion":"1.0","id":"{self.next()}","source":"/s","type":"t","data":{value}}}'
        )
        named = {"content_type": EVENTS, "x_paceline_source": "by-hand"}
        return await self.post("/v1/numbers", encoded(text), **named)

    def next(self) -> str:
        self.taken += 1
        return f"c{self.taken}"

    def kept(self) -> list[RawEvent]:
        """Return every event in the log."""
        return self.since({})

    def mark(self) -> dict[int, int]:
        """Return where the log ends."""
        return {number: len(rows) for number, rows in self.stage.log.records.items()}

    def since(self, mark: dict[int, int]) -> list[RawEvent]:
        """Return the events that came after the mark."""
        logs = self.stage.log.records.items()
        rows = [value for number, rows in logs for value in rows[mark.get(number, 0) :]]
        return [msgspec.json.decode(value, type=RawEvent) for value in rows]


@pytest.fixture(scope="module", autouse=True)
def told(request: pytest.FixtureRequest) -> Iterator[None]:
    yield from telling("hostile input", CASES, request.config)


ENTRIES = ("structured", "batched", "binary", "track", "batch", "hooked", "numbers")


@pytest.fixture
async def doors(stage: Any) -> Doors:
    opened = Doors(stage)
    await opened.open()
    return opened


def value_of(event: RawEvent) -> Any:
    body = json.loads(bytes(event.body), parse_float=Decimal, parse_int=Decimal)
    return body.get("properties", body.get("data"))


def was_refused(found: httpx.Response) -> bool:
    """Whether nothing was taken; a webhook is told so by a dead letter."""
    if found.status_code == 200:
        return bool(found.json()["unreadable"])
    return found.status_code >= 400


async def finite(doors: Doors) -> None:
    """Fold everything, and look at every document for a number that is none."""
    await doors.stage.pump()
    assert not doors.stage.applier.halted
    await check_stored(doors.stage.store)


@pytest.mark.parametrize("entry", ENTRIES)
async def test_a_number_stays_exact_or_is_refused(doors: Doors, entry: str) -> None:
    for text, wanted in NUMBERS.items():
        before = doors.mark()
        found = await getattr(doors, entry)(text)
        CASES["corpus"] += 1
        new = [event for event in doors.since(before) if event.error is None]
        if wanted is None:
            assert was_refused(found), (entry, text[:50], found.text)
            assert new == []
        else:
            assert found.status_code in (200, 202), (entry, text, found.text)
    sound = [event for event in doors.kept() if event.error is None]
    values = sorted(value_of(event) for event in sound)
    assert values == sorted(wanted for wanted in NUMBERS.values() if wanted is not None)
    await finite(doors)


@pytest.mark.parametrize("entry", ENTRIES)
async def test_what_cannot_stand_everywhere_is_refused(doors: Doors, entry: str) -> None:
    for text in REFUSED:
        found = await getattr(doors, entry)(text)
        CASES["corpus"] += 1
        assert was_refused(found), (entry, text[:50], found.text)
    assert [event for event in doors.kept() if event.error is None] == []
    await finite(doors)


@pytest.mark.parametrize("entry", ENTRIES)
async def test_what_only_looks_hostile_is_taken(doors: Doors, entry: str) -> None:
    for text in SOUND:
        found = await getattr(doors, entry)(text)
        CASES["corpus"] += 1
        assert found.status_code in (200, 202), (entry, text[:50], found.text)
    await finite(doors)


BODIES = {
    "POST /v1/events": EVENTS,
    "POST /v1/events batch": BATCH,
    "POST /v1/events binary": "application/octet-stream",
    "POST /v1/numbers": EVENTS,
    **{
        f"POST /v1/{name}": "application/json"
        for name in (
            *("track", "page", "screen", "identify", "group", "alias", "batch"),
            *("sources", "metrics", "dead-letters/replay", "sources/wild/hook/rotate"),
            *("sources/wild/resume",),
        )
    },
    "PUT /v1/sources/wild": "application/json",
    "PUT /v1/sources/wild/secrets": "application/json",
    "PUT /v1/metrics/n": "application/json",
}


async def sent(doors: Doors, name: str, body: bytes, **headers: str) -> httpx.Response:
    """Send a body as it is to one of BODIES."""
    method, path = name.split(" ")[:2]
    more = {"content_type": BODIES[name]} | headers
    if name.endswith("binary"):
        more |= {"ce_specversion": "1.0", "ce_id": "b", "ce_source": "/s", "ce_type": "t"}
    found: httpx.Response = await doors.post(path, body, method, **more)
    return found


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_no_document_is_refused(doors: Doors, name: str) -> None:
    for raw in (*RAW, *(encoded(text) for text in (*REFUSED, *NUMBERS, *SOUND))):
        await sent(doors, name, raw)
        CASES["corpus"] += 1
    await finite(doors)


DEFINITIONS = {
    "POST /v1/sources": [
        '{"name":#,"doors":{"http":{"id":["id"],"type":["type"],"time":["time"]}}}',
        '{"name":"s","doors":#}',
        '{"name":"s","doors":{"hook":#}}',
        '{"name":"s","doors":{"http":{"id":#,"type":["type"],"time":["time"]}}}',
        '{"name":"s","doors":{"hook":{"id":["id"],"type":["t"],"time":["t"],"each":#}}}',
        '{"name":"s","doors":{"http":{"id":["id"],"type":["t"],"time":["t"],"fields":#}}}',
        '{"name":"s","doors":{"http":{"id":["id"],"type":["t"],"time":["t"],'
        '"fields":{"a":{"paths":["x"],"kind":"decimal","scale":#}}}}}',
        '{"name":"s","zone":#,"doors":{"http":{"id":["id"],"type":["type"],"time":["time"]}}}',
        '{"name":"s","signature":#,"doors":{"hook":{"id":["id"],"type":["t"],"time":["t"]}}}',
    ],
    "POST /v1/metrics": [
        '{"name":#,"source":"wild"}',
        '{"name":"m","source":#}',
        '{"name":"m","source":"wild","where":[{"field":"n","op":"gt","value":#}]}',
        '{"name":"m","source":"wild","where":#}',
        '{"name":"m","source":"wild","threshold":#}',
        '{"name":"m","source":"wild","quantile":#}',
        '{"name":"m","source":"wild","budget":{"USD":#}}',
        '{"name":"m","source":"wild","window_days":#}',
    ],
    "POST /v1/dead-letters/replay": ['{"ids":#}', '{"ids":[#]}', '{"source":#}', '{"cause":#}'],
    "PUT /v1/sources/wild/secrets": ['{"secrets":#}', '{"secrets":[#]}', '{"keep":[#]}'],
    "POST /v1/sources/wild/hook/rotate": ['{"overlap_seconds":#}', "#"],
}


@pytest.mark.parametrize("name", DEFINITIONS)
async def test_a_definition_is_sound_or_refused(doors: Doors, name: str) -> None:
    for template in DEFINITIONS[name]:
        for value in (
            *NUMBERS,
            *SOUND,
            *REFUSED,
            '{"$gt":""}',
            '["\\u0000"]',
            '"' + "a" * 99999 + '"',
        ):
            await sent(doors, name, encoded(template.replace("#", value)))
            CASES["corpus"] += 1
    await finite(doors)


@pytest.mark.parametrize("seed", range(4))
async def test_generated_values_stay_exact_or_are_refused(doors: Doors, seed: int) -> None:
    wild = Wild(seed + 4 * SHARD)
    for _ in range(3 * TIMES):
        values = [wild.value() for _ in range(250)]
        items = [
            f'{{"specversion":"1.0","id":"{doors.next()}","source":"/s","type":"t","data":{v}}}'
            for v in values
        ]
        before = doors.mark()
        found = await doors.post("/v1/events", encoded(f"[{','.join(items)}]"), content_type=BATCH)
        judge(doors.since(before), found, values)
        # A batch of calls is one JSON text: what is no JSON at all would refuse it whole.
        written = [value for value in values if is_json(value)]
        calls = [
            f'{{"type":"track","userId":"{doors.next()}","event":"e","properties":{v}}}'
            for v in written
        ]
        before = doors.mark()
        found = await doors.post("/v1/batch", encoded(f'{{"batch":[{",".join(calls)}]}}'))
        judge(doors.since(before), found, written)
        for value in values[:25]:
            await doors.hooked(value)
        CASES["generated"] += len(values) + len(written) + 25
        await doors.stage.pump()
    await finite(doors)


def is_json(text: str) -> bool:
    """Whether Python reads it, which takes NaN and keys that occur twice."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def judge(events: list[RawEvent], found: httpx.Response, values: list[str]) -> None:
    """Every item was taken or refused; what was taken is what was written, to the digit."""
    answer = found.json()
    refused = {each["index"] for each in answer["rejected"]}
    assert sorted([*answer["accepted"], *refused]) == list(range(len(values)))
    by_text = {plain(value_of(event)) for event in events}
    for index in answer["accepted"]:
        assert plain(exact(values[index])) in by_text, values[index]


HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("content-type", "content-encoding", "accept-language", "x-paceline-source"),
            *("ce-specversion", "ce-id", "ce-type", "ce-source", "ce-time", "ce-subject"),
            *("x-hub-signature-256", "authorization", "content-length"),
        ]
    ),
    st.sampled_from(
        ["", "1.0", "gzip", "wild", EVENTS, BATCH, "application/json", "Basic cGs6", "-1"]
    )
    | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30),
    max_size=4,
)


@settings(
    max_examples=250 * TIMES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    name=st.sampled_from(sorted(BODIES)),
    body=st.binary(max_size=80)
    | st.integers(0, 10**9).map(lambda seed: encoded(Wild(seed).value()))
    | st.tuples(st.integers(0, 10**9), st.integers(0, 60), st.binary(max_size=3)).map(
        lambda t: spliced(encoded(Wild(t[0]).value()), t[1], t[2])
    ),
    headers=HEADERS,
)
async def test_no_bytes_and_no_headers_give_500(
    doors: Doors, name: str, body: bytes, headers: dict[str, str]
) -> None:
    method, path = name.split(" ")[:2]
    sending = doors.headers | headers
    request = doors.stage.http.build_request(
        method, path, content=body, headers={k: v.encode("latin-1") for k, v in sending.items()}
    )
    found = await doors.stage.http.send(request)
    CASES["bytes"] += 1
    assert found.status_code < 500, (name, body, headers, found.text)


def spliced(body: bytes, at: int, with_bytes: bytes) -> bytes:
    return body[:at] + with_bytes + body[at + 1 :]


async def test_queries_and_paths_are_no_operators(doors: Doors) -> None:
    values = ("{$gt:''}", "$ne", "a%00b", "%ff", "..%2f..", "a" * 5000, "1e9", "-1", "NaN", "é")
    paths = (
        *("/v1/sources/{}", "/v1/sources/{}/stats", "/v1/metrics/{}", "/v1/dead-letters/{}"),
        *("/v1/sources?after={}", "/v1/sources?limit={}", "/v1/dead-letters?source={}"),
        *("/v1/dead-letters?state={}", "/v1/dead-letters?after={}", "/v1/hooks/{}"),
        *("/v1/dead-letters?source[$ne]={}", "/v1/records?source={}", "/v1/hooks/wild.{}"),
        *("/v1/records?source=wild&from={}", "/v1/numbers?metric={}", "/v1/sources/{}/hook"),
        *("/v1/sources/{}/secrets", "/v1/numbers?metric=n&after={}"),
    )
    for path in paths:
        for value in values:
            await doors.post(path.format(value), b"", "GET")
            CASES["corpus"] += 1


@settings(
    max_examples=200 * TIMES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
async def test_whatever_the_description_allows_is_answered(
    doors: Doors, data: st.DataObject
) -> None:
    operation = data.draw(st.sampled_from(doors.operations))
    case = data.draw(operation.as_strategy())
    asked = case.as_transport_kwargs(base_url="http://ingest")
    seed = data.draw(st.integers(0, 10**9))
    body = None if case.method == "GET" else encoded(Wild(seed).value())
    headers = doors.headers | {
        "Content-Type": data.draw(st.sampled_from(sorted(set(BODIES.values()))))
    }
    found = await doors.stage.http.request(
        case.method, asked["url"], params=asked.get("params"), content=body, headers=headers
    )
    CASES["described"] += 1
    assert found.status_code < 500, (case.method, asked, body, found.text)
