"""Ten times what the door can sustain: memory stays bounded, and 202 means: it is in the log.

The driver opens a connection for every batch and waits for nobody, as a crowd does. The room is
made small, so that it is full however slow the driver is beside others: somebody has to be told.
PACELINE_OVERLOAD is for how many seconds (default 15); docs/limits.md has a table of a run.
"""

import asyncio
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition

from paceline.trial.system import System

SECONDS = int(os.environ.get("PACELINE_OVERLOAD", "15"))
PORT = int(os.environ.get("PACELINE_OVERLOAD_PORT", "8760"))
BATCH = 250
MOST_OPEN = 1_500
MORE_MB = 300  # what the producer holds, 64 KB a connection, and a few times the room
# Who is refused before its body is read may find the connection closed before the answer.
CLOSED = {"ConnectionResetError", "BrokenPipeError"}
ROOM = {
    "PACELINE_SENDER_EVENTS": "0",
    "PACELINE_SENDER_BYTES": "0",
    "PACELINE_ROOM_BYTES": str(2**20),  # 16 bodies
}


@dataclass
class Crowd:
    """Sends batches, and knows of each what it was told."""

    host: str
    port: int
    key: str
    numbers: "count[int]" = field(default_factory=count)
    told: Counter[str] = field(default_factory=Counter)
    accepted: set[int] = field(default_factory=set)
    late: list[str] = field(default_factory=list)
    longest: dict[str, float] = field(default_factory=dict)
    open: int = 0

    async def send(self) -> None:
        """Send one batch on a connection of its own."""
        number = next(self.numbers)
        self.open += 1
        began = time.monotonic()
        try:
            async with asyncio.timeout(180):
                status = await self._exchange(number)
            self.told[status] += 1
            taken = time.monotonic() - began
            self.longest[status] = max(taken, self.longest.get(status, 0.0))
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            self.told[type(error).__name__] += 1
        finally:
            self.open -= 1

    async def _exchange(self, number: int) -> str:
        body = b"[" + b",".join(_event(number, n) for n in range(BATCH)) + b"]"
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n"
            "Content-Type: application/cloudevents-batch+json\r\nX-Paceline-Source: crowd\r\n"
            f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(head.encode() + body)
            status = (await reader.readline()).split()[1].decode()
            rest = await reader.read()
        finally:
            writer.close()
        if status == "202":
            assert b'"rejected":[]' in rest
            self.accepted.add(number)
        elif status in ("429", "503") and b"retry-after:" not in rest.lower():
            self.late.append(status)
        return status


def _event(number: int, item: int) -> bytes:
    return (
        b'{"specversion":"1.0","id":"%d-%d","source":"/crowd","type":"lead",'
        b'"time":"2026-01-05T12:00:00Z","data":{"amount":"19.99","channel":"sem","note":"%s"}}'
        % (number, item, b"x" * 100)
    )


async def _sustained(crowd: Crowd, seconds: float) -> float:
    """Return how many batches a second the door takes from four who wait for their answers."""
    end, before = time.monotonic() + seconds, len(crowd.accepted)

    async def patient() -> None:
        while time.monotonic() < end:
            await crowd.send()

    began = time.monotonic()
    await asyncio.gather(*(patient() for _ in range(4)))
    return (len(crowd.accepted) - before) / (time.monotonic() - began)


async def _overload(crowd: Crowd, rate: float, process: psutil.Process) -> list[tuple[float, ...]]:
    """Send ``rate`` batches a second, whatever is answered; return rows of the table."""
    began = time.monotonic()
    tasks: set[asyncio.Task[None]] = set()
    rows = []
    sent = 0
    while (passed := time.monotonic() - began) < SECONDS:
        due = min(int(passed * rate) - sent, MOST_OPEN - crowd.open)
        for _ in range(max(0, due)):
            task = asyncio.create_task(crowd.send())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            sent += 1
        if len(rows) < passed:
            told = crowd.told
            rows.append((passed, _mb(process), sent * BATCH, crowd.open, *_of(told)))
        await asyncio.sleep(0.01)
    await asyncio.gather(*tasks)
    rows.append((time.monotonic() - began, _mb(process), sent * BATCH, 0, *_of(crowd.told)))
    return rows


def _of(told: Counter[str]) -> tuple[int, int, int]:
    refused = told["503"] + told["429"]
    return told["202"] * BATCH, refused * BATCH, (told.total() - told["202"] - refused) * BATCH


def _mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20


def _logged(kafka: str, partitions: int) -> set[str]:
    """Return the ids of every event in the log."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "x", "enable.auto.commit": False})
    found: set[str] = set()
    try:
        for number in range(partitions):
            place = TopicPartition("paceline.raw", number, 0)
            _, end = consumer.get_watermark_offsets(place, timeout=30)
            consumer.assign([place])
            read = 0
            while read < end:
                for message in consumer.consume(10_000, 10):
                    found.add(msgspec.json.decode(message.value() or b"{}")["id"])
                    read += 1
    finally:
        consumer.close()
    return found


async def test_ten_times_the_rate_stays_in_memory_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with System(tmp_path / "up", PORT, environment=ROOM) as system:
        facts = system.facts()
        process = psutil.Process(facts["pids"]["metrics-ingest"])
        host, _, port = facts["services"]["metrics-ingest"].removeprefix("http://").partition(":")
        crowd = Crowd(host, int(port), facts["api_key"])
        await _declare(crowd)
        steady = await _sustained(crowd, 8)
        calm = _mb(process)
        rows = await _overload(crowd, 10 * steady, process)
        logged = await asyncio.to_thread(_logged, facts["kafka"], facts["partitions"])
        wanted = {f"{number}-{item}" for number in crowd.accepted for item in range(BATCH)}
        highest = max(row[1] for row in rows)
        with capsys.disabled():
            print(
                f"\nsustained: {steady * BATCH:,.0f} events/s, {calm:.0f} MB; then ten times that"
            )
            print("seconds      MB      sent   waiting     202  429/503   other")
            for row in rows:
                print("{:7.1f} {:7.0f} {:9,} {:9,} {:9,} {:9,} {:7,}".format(*row))
            print(f"highest {highest:.0f} MB; {len(wanted):,} accepted; told {dict(crowd.told)}")
            print("the longest wait:", {k: round(v, 1) for k, v in crowd.longest.items()})
        assert wanted <= logged
        assert crowd.late == []
        assert crowd.told["202"] > 0
        assert crowd.told["503"] + crowd.told["429"] > 0
        assert highest < calm + MORE_MB
        assert set(crowd.told) <= {"202", "429", "503", *CLOSED}


async def _declare(crowd: Crowd) -> None:
    mapping = {"id": ["id"], "type": ["type"], "time": ["time"]}
    fields = {"amount": {"paths": ["data.amount"], "kind": "decimal"}}
    source = {"name": "crowd", "doors": {"http": mapping | {"fields": fields}}}
    metric = {"name": "crowd", "source": "crowd", "value": "amount"}
    headers = {"Authorization": f"Bearer {crowd.key}"}
    async with httpx.AsyncClient(
        base_url=f"http://{crowd.host}:{crowd.port}", headers=headers
    ) as http:
        for path, body in (("/v1/sources", source), ("/v1/metrics", metric)):
            (await http.post(path, json=body)).raise_for_status()
