"""Avro on a real broker, by the schemas of a real registry, to a goal's total."""

import asyncio
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from paceline.trial.stage import Stage, Tenant, noon
from paceline.trial.system import until

WEEK = timedelta(days=4)
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 4}
AT = {"type": "long", "logicalType": "timestamp-micros"}
CHANNEL = {"type": "enum", "name": "Channel", "symbols": ["SEM", "APP"]}


def order(*fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": "Order", "namespace": "com.acme", "fields": list(fields)}


FIRST = order(
    {"name": "number", "type": "long"},
    {"name": "at", "type": AT},
    {"name": "amount", "type": MONEY},
)
# Later the number is a text, the amount has another name, and a channel came first.
SECOND = order(
    {"name": "channel", "type": ["null", CHANNEL], "default": None},
    {"name": "total", "type": MONEY},
    {"name": "number", "type": "string"},
    {"name": "at", "type": AT},
)
THIRD = order(*SECOND["fields"], {"name": "note", "type": "string", "default": ""})

MAPPING = {
    "wire": "avro",
    "id": ["number"],
    "type": ["=order"],
    "time": ["at"],
    "fields": {
        "amount": {"paths": ["amount", "total"], "kind": "decimal", "required": True},
        "channel": {"paths": ["channel"]},
    },
}


def first(number: int, at: datetime, amount: str) -> dict[str, Any]:
    return {"number": number, "at": at, "amount": Decimal(amount)}


def later(number: int, at: datetime, amount: str, channel: str | None = None) -> dict[str, Any]:
    return {"number": str(number), "at": at, "total": Decimal(amount), "channel": channel}


async def opened(stage: Stage, writer: Any) -> tuple[Tenant, date, str, str]:
    """Open a tenant whose orders come by a topic; return it, its Monday, topic and goal."""
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    topic = f"orders.{team.name}"
    await writer.topic(topic)
    source = {"name": "orders", "zone": "UTC", "records": [], "doors": {f"topic:{topic}": MAPPING}}
    await team.api.call("POST", "metrics-ingest", "/v1/sources", source)
    await team.metric("revenue", source="orders", value="amount", dims=["channel"])
    goal = await team.goal(monday, monday + WEEK, 100, metric="revenue")
    return team, monday, topic, goal


async def waiting(stage: Stage) -> list[dict[str, Any]]:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{stage.system.url('metrics-ingest')}/readyz")
    return list(answer.json().get("waiting", []))


async def test_records_of_two_schemas_come_to_the_goal_exactly(stage: Stage, writer: Any) -> None:
    team, monday, topic, goal = await opened(stage, writer)
    at = noon(monday)
    old = writer.registry.register(f"{topic}-value", FIRST)
    new = writer.registry.register(f"{topic}-value", SECOND)
    assert old != new

    writer.send(
        topic,
        *(writer.written(old, FIRST, first(n, at, "0.1001")) for n in range(100)),
        *(writer.written(new, SECOND, later(n, at, "-0.0001", "SEM")) for n in range(100, 150)),
        writer.written(new, SECOND, later(7, at, "1000")),  # an id that counts already
        None,
    )

    await team.total_becomes(goal, "10.005")
    await team.counted("orders", accepted=150, duplicates=1, dead_letters=0)


async def test_what_does_not_fit_is_a_dead_letter_that_says_why(stage: Stage, writer: Any) -> None:
    team, monday, topic, goal = await opened(stage, writer)
    known = writer.registry.register(f"{topic}-value", FIRST)
    good = writer.written(known, FIRST, first(1, noon(monday), "12.34"))

    writer.send(topic, good[:-1], b"{}", b"\x00\x7f\xff\xff\xff" + good[5:], good)

    await team.total_becomes(goal, "12.34")

    async def kept() -> list[Any]:
        page = await team.api.get("metrics-ingest", "/v1/dead-letters/groups", source="orders")
        return list(page["items"]) if len(page["items"]) >= 3 else []

    found = await until(kept, 60, "three groups of dead letters")
    assert {(group["cause"], group["where"], group["letters"]) for group in found} == {
        ("avro-misfit", "$.amount", 1),
        ("unreadable", "byte 0", 1),
        ("schema-unknown", "schema 2147483647", 1),
    }


async def test_a_registry_that_is_killed_loses_nothing_and_stops_no_other_door(
    stage: Stage, writer: Any
) -> None:
    team, monday, topic, goal = await opened(stage, writer)
    leads = await team.goal(monday, monday + WEEK, 100)
    at, registry = noon(monday), writer.registry
    process = stage.system.facts()["pids"]["metrics-ingest"]
    old = registry.register(f"{topic}-value", FIRST)
    writer.send(topic, writer.written(old, FIRST, first(1, at, "1")))
    await team.total_becomes(goal, 1)
    new = registry.register(f"{topic}-value", THIRD)

    registry.kill()
    try:
        # What is known is read on, what is not waits, and so does what stands behind it.
        writer.send(topic, *(writer.written(old, FIRST, first(n, at, "1")) for n in range(2, 10)))
        await team.total_becomes(goal, 9)
        fresh = [later(n, at, "0.01") | {"note": "x"} for n in range(10, 60)]
        writer.send(topic, *(writer.written(new, THIRD, each) for each in fresh))
        writer.send(topic, *(writer.written(old, FIRST, first(n, at, "1")) for n in range(60, 70)))

        async def waits() -> bool:
            return any(each["what"] == f"topic {topic}" for each in await waiting(stage))

        await until(waits, 60, "the topic waits for the registry")
        await team.send(team.event(at, 5))
        await team.total_becomes(leads, 5)
        await asyncio.sleep(2)
    finally:
        registry.start()

    await team.total_becomes(goal, "19.5")
    await until(lambda: _not(waits()), 60, "the topic waits no longer")
    await team.settled()
    assert await team.total(goal) == Decimal("19.5")
    stats = await team.api.get("metrics-ingest", "/v1/sources/orders/stats")
    assert (stats["accepted"], stats["dead_letters"]) == (69, 0)
    # It waited, and was not ended and started again (PACELINE_LOOP=aiokafka: the same).
    assert stage.system.facts()["pids"]["metrics-ingest"] == process


async def _not(found: Any) -> bool:
    return not await found


DEAL = {
    "type": "record",
    "name": "Value",
    "namespace": "crm.public.deals",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "stage", "type": ["null", "string"], "default": None},
        {"name": "amount", "type": ["null", MONEY], "default": None},
        {"name": "currency", "type": ["null", "string"], "default": None},
        {"name": "owner", "type": ["null", "string"], "default": None},
        {"name": "updated_at", "type": "string"},
    ],
}
ENVELOPE = {
    "type": "record",
    "name": "Envelope",
    "namespace": "crm.public.deals",
    "fields": [
        {"name": "before", "type": ["null", DEAL], "default": None},
        {"name": "after", "type": ["null", "Value"], "default": None},
        {
            "name": "source",
            "type": {
                "type": "record",
                "name": "Source",
                "namespace": "io.debezium.connector.postgresql",
                "fields": [
                    {"name": "name", "type": "string"},
                    {"name": "schema", "type": "string"},
                    {"name": "table", "type": "string"},
                    {"name": "lsn", "type": ["null", "long"], "default": None},
                ],
            },
        },
        {"name": "op", "type": "string"},
        {"name": "ts_ms", "type": ["null", "long"], "default": None},
    ],
}


async def test_debeziums_change_events_in_avro_come_by_its_connector(
    stage: Stage, writer: Any
) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    topic = f"crm.{team.name}.deals"
    await writer.topic(topic)
    shipped = await team.api.get("metrics-ingest", "/v1/connectors/debezium-deals")
    (door,) = shipped["sources"][0]["doors"].values()
    doors = {f"topic:{topic}": door | {"wire": "avro"}}
    source = shipped["sources"][0] | {"doors": doors, "zone": "UTC"}
    await team.api.call("POST", "metrics-ingest", "/v1/sources", source)
    await team.metric(
        "won",
        source="debezium-deals",
        types=["deals"],
        value="amount",
        where=[{"field": "stage", "op": "eq", "value": "won"}],
        currency="CNY",
    )
    goal = await team.goal(monday, monday + WEEK, 100, metric="won")
    known = writer.registry.register(f"{topic}-value", ENVELOPE)
    now = noon(monday).isoformat()

    def change(lsn: int, op: str, deal: int, state: str, amount: str) -> bytes:
        row = {
            "id": deal,
            "stage": state,
            "amount": Decimal(amount),
            "currency": "CNY",
            "owner": "ada",
            "updated_at": now,
        }
        told = {"before": None, "after": row} if op != "d" else {"before": row, "after": None}
        place = {"name": "crm", "schema": "public", "table": "deals", "lsn": lsn}
        value = told | {"source": place, "op": op, "ts_ms": 0}
        written: bytes = writer.written(known, ENVELOPE, value)
        return written

    writer.send(
        topic,
        change(1, "c", 1, "open", "100.0000"),
        change(2, "u", 1, "won", "100.5000"),
        change(3, "u", 1, "won", "99.2500"),
        change(4, "c", 2, "won", "0.0001"),
        change(5, "c", 3, "won", "7"),
    )
    await team.total_becomes(goal, "106.2501")
    writer.send(topic, change(6, "u", 1, "lost", "99.2500"), change(7, "d", 3, "won", "7"), None)
    await team.total_becomes(goal, "0.0001")
