"""Hostile records on the organisation's topics: the topic goes on, each is exact or a dead letter.

Told at the end like test_hostile; PACELINE_HOSTILE and PACELINE_HOSTILE_SHARD hold here as well.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_contracts.raw import RawEvent
from metrics_ingest.adapters.registry import Access, SchemaRegistry
from metrics_ingest.stream.rekeying import GROUP, RekeyHandler
from service_kit import offsets
from service_kit.batch import Bounds
from service_kit.records import Partition, Record, Slice
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

CASES: Counter[str] = Counter()
NOON = "2011-05-06T12:00:00Z"
MOST = 512 * 1024
ENVELOPE = 8 * 1024
Sent = tuple[bytes | None, dict[str, bytes]]
STRUCTURED = {"content-type": b"application/cloudevents+json"}


@pytest.fixture(scope="module", autouse=True)
def told(request: pytest.FixtureRequest) -> Iterator[None]:
    yield from telling("hostile records", CASES, request.config)


class Topics:
    """A topic for each way in which records come, all of one source."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.appliers: dict[str, Any] = {}
        self.taken = 0

    async def open(self) -> None:
        """Declare the source and take every topic."""
        field = {"n": {"paths": ["data", "item.data"], "kind": "decimal"}}
        own = {"id": ["id"], "type": ["type"], "time": [f"={NOON}"], "fields": field}
        each = own | {"each": "rows[]?", "id": ["item.id"], "type": ["item.type"]}
        change = own | {"each": "payload?", "id": ["item.id"], "type": ["item.type"]}
        mappings = {
            "bare": own,
            "structured": own,
            "binary": own,
            "rows": each | {"drop": ["secret", "rows[].secret"]},
            "wrapped": change,
            "confluent": own | {"wire": "confluent"},
            "shaped": own | {"schema": {"type": "object", "required": ["id"]}},
        }
        doors = {f"topic:{name}": mapping for name, mapping in mappings.items()}
        source = {"name": "wild", "doors": doors, "records": ["*"]}
        await self.stage.done("POST", "/v1/sources", source)
        await self.stage.done("POST", "/v1/metrics", {"name": "n", "source": "wild", "value": "n"})
        for name in mappings:
            await self._take(name)

    async def _take(self, name: str) -> None:
        partition = Partition(f"foreign:{name}", 0)
        schemas = SchemaRegistry(Access())
        handler = RekeyHandler(self.stage.clock, self.stage.raw, schemas, "acme", "wild", name)
        applier = await self.stage.runtime.applier(handler, group=GROUP)
        await offsets.seed(self.stage.store, GROUP, partition, 0, "t")

        async def bounds(partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
            return {p: Bounds("t", 0, 10**9) for p in partitions}

        applier._bounds = bounds
        await applier.take([partition])
        self.appliers[name] = applier

    def written(self, name: str, value: str) -> Sent:
        """Return a record of the topic that is sound, but for the value in it."""
        self.taken += 1
        event = f'{{"id":"c{self.taken}","type":"t","data":{value}}}'
        head = {"ce_specversion": b"1.0", "ce_id": b"c%d" % self.taken}
        match name:
            case "structured":
                return encoded(event[:-1] + ',"specversion":"1.0","source":"/s"}'), STRUCTURED
            case "binary":
                more = {"ce_source": b"/s", "ce_type": b"t", "content-type": b"application/json"}
                return encoded(value), head | more
            case "rows":
                return encoded(f'{{"secret":"s","rows":[{event}]}}'), {}
            case "wrapped":
                return encoded(f'{{"schema":{{}},"payload":{event}}}'), {}
            case "confluent":
                return b"\x00\x00\x00\x00\x07" + encoded(event), {}
        return encoded(event), {}

    async def send(self, name: str, *sent: Sent) -> list[RawEvent]:
        """Let the records come on the topic; return what stands in the raw log because of them."""
        mark = {number: len(rows) for number, rows in self.stage.log.records.items()}
        applier = self.appliers[name]
        partition = Partition(f"foreign:{name}", 0)
        start = applier.next[partition]
        read = tuple(
            Record(partition, start + n, None, value, 0, headers)
            for n, (value, headers) in enumerate(sent)
        )
        await applier.apply([Slice(partition, start, start + len(read), read)])
        assert applier.halted == {}
        assert applier.next[partition] == start + len(read)
        logs = self.stage.log.records.items()
        new = [value for number, rows in logs for value in rows[mark[number] :]]
        assert all(len(value) <= MOST for value in new)
        return [msgspec.json.decode(value, type=RawEvent) for value in new]

    async def finite(self) -> None:
        """Fold everything; look at every document for a number that is none, and go on."""
        await self.stage.pump()
        assert not self.stage.applier.halted
        await check_stored(self.stage.store)
        for name in self.appliers:
            (good,) = await self.send(name, self.written(name, "1"))
            assert good.error is None, name


@pytest.fixture
async def topics(stage: Any) -> Topics:
    opened = Topics(stage)
    await opened.open()
    return opened


NAMES = ("bare", "structured", "binary", "rows", "wrapped", "confluent", "shaped")


def value_of(event: RawEvent) -> Any:
    body = exact(bytes(event.body).decode())
    return body.get("item", body)["data"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_number_stays_exact_or_is_a_dead_letter(topics: Topics, name: str) -> None:
    """All in one slice: what cannot be read takes nothing of what stands beside it along."""
    sent = {text: topics.written(name, text) for text in NUMBERS}
    events = await topics.send(name, *sent.values())
    CASES["corpus"] += len(sent)
    assert len(events) == len(sent)
    sound = [plain(value_of(event)) for event in events if event.error is None]
    assert sorted(sound) == sorted(plain(each) for each in NUMBERS.values() if each is not None)
    await topics.finite()
    letters = await topics.stage.letters()
    refused = sum(each is None for each in NUMBERS.values())
    beyond = sum(each is not None and not is_amount(each) for each in NUMBERS.values())
    assert len(letters) == refused + beyond


def is_amount(number: Decimal) -> bool:
    """Whether a field of kind decimal takes it: 18 digits before the point, 12 behind."""
    return abs(number) < 10**18 and number == round(number, 12)


@pytest.mark.parametrize("name", NAMES)
async def test_what_cannot_stand_everywhere_is_a_dead_letter(topics: Topics, name: str) -> None:
    events = await topics.send(name, *[topics.written(name, text) for text in REFUSED])
    CASES["corpus"] += len(REFUSED)
    assert [event for event in events if event.error is None] == []
    assert len(events) == len(REFUSED)
    await topics.finite()


@pytest.mark.parametrize("name", NAMES)
async def test_what_only_looks_hostile_is_taken(topics: Topics, name: str) -> None:
    events = await topics.send(name, *[topics.written(name, text) for text in SOUND])
    CASES["corpus"] += len(SOUND)
    assert [event.error for event in events] == [None] * len(SOUND)
    await topics.finite()


@pytest.mark.parametrize("name", NAMES)
async def test_bytes_that_are_no_document_are_dead_letters(topics: Topics, name: str) -> None:
    texts = [encoded(text) for text in (*REFUSED, *NUMBERS, *SOUND)]
    bodies = [*RAW, *texts, b"\x00" * 5, b"\x00\x00\x00\x00\x07", b"\x01\x00\x00\x00\x07{}"]
    found = await topics.send(name, *[(body, {}) for body in bodies])
    CASES["corpus"] += len(bodies)
    # {} has no id, and null, [] and true are no objects: none of these may count.
    assert [event for event in found if event.error is None] == []
    assert await topics.send(name, (None, {})) == []  # a tombstone says nothing
    await topics.finite()


@pytest.mark.parametrize("name", NAMES)
async def test_what_does_not_fit_into_a_record_is_a_dead_letter_that_does(
    topics: Topics, name: str
) -> None:
    least, _ = topics.written(name, '""')
    for room in (-2, -1, 0, 1, 2, ENVELOPE, 10 * MOST):
        length = max(MOST - ENVELOPE + room - len(least or b""), 0)
        for letter in ("a", "\\u0001", "品"):
            text = letter * (length // len(encoded(letter)))
            events = await topics.send(name, topics.written(name, f'"{text}"'))
            CASES["corpus"] += 1
            assert len(events) == 1
    await topics.finite()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", NAMES)
async def test_generated_values_stay_exact_or_are_dead_letters(
    topics: Topics, name: str, seed: int
) -> None:
    wild = Wild(seed + 2 * SHARD)
    for _ in range(TIMES):
        values = {f"c{topics.taken + n}": wild.value() for n in range(1, 251)}
        sent = [topics.written(name, value) for value in values.values()]
        events = await topics.send(name, *sent)
        CASES["generated"] += len(values)
        assert len(events) == len(values)
        sound = [event for event in events if event.error is None]
        assert len(sound) > 50
        for event in sound:
            assert plain(value_of(event)) == plain(exact(values[event.id])), bytes(event.body)
        await topics.stage.pump()
    await topics.finite()


HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_data"),
            *("content-type", "ce_", "ce_Id", "ce_a.b", "ce_$gt", "ce_datacontenttype", "\ud800"),
        ]
    ),
    st.sampled_from([b"", b"1.0", b"\xff", b"\x00", b"application/json", b'","id":"y'])
    | st.binary(max_size=20),
    max_size=5,
)


@settings(
    max_examples=250 * TIMES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    name=st.sampled_from(NAMES),
    body=st.none()
    | st.binary(max_size=80)
    | st.integers(0, 10**9).map(lambda seed: encoded(Wild(seed).value())),
    cut=st.integers(0, 60),
    headers=HEADERS,
)
async def test_no_bytes_and_no_headers_stop_a_topic(
    topics: Topics, name: str, body: bytes | None, cut: int, headers: dict[str, bytes]
) -> None:
    sound, own = topics.written(name, '"x"')
    spliced = (sound or b"")[:cut] + (body or b"") + (sound or b"")[cut:]
    await topics.send(name, (body, headers), (spliced, headers), (spliced, own | headers))
    CASES["bytes"] += 3


async def test_a_record_of_many_rows_around_a_large_rest_is_bounded(topics: Topics) -> None:
    """Each row is kept with what stands around it: 10,000 rows in 500 KB would be 5 GB."""
    rows = ",".join(f'{{"id":"r{n}","type":"t","data":1}}' for n in range(3_000))
    body = f'{{"rest":"{"x" * 300_000}","rows":[{rows}]}}'.encode()
    (letter,) = await topics.send("rows", (body, {}))
    CASES["corpus"] += 1
    assert letter.error is not None
    assert "32 MiB" in letter.error
    await topics.finite()


async def test_names_and_texts_are_no_operators_and_no_paths(topics: Topics) -> None:
    rng = random.Random(SHARD)
    names = ["$set", "$where", "a.b", "__proto__", "", "\u202e", "constructor", "_id"]
    for _ in range(20 * TIMES):
        picked = {rng.choice(names): {rng.choice(names): rng.choice(names)} for _ in range(3)}
        events = await topics.send("bare", topics.written("bare", json.dumps(picked)))
        CASES["generated"] += 1
        assert [value_of(event) for event in events if event.error is None] == [picked]
    await topics.finite()
