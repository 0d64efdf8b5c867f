"""What is done to the running stack, and what it must come to.

Load, journal and comparison are the drill's (paceline.trial): every record, fact, goal value,
light, goal event and praise against the driver's own book of acknowledged events.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec
from confluent_kafka import Consumer
from engine import Failed
from stack import Stack

from paceline.trial import clicks
from paceline.trial.api import Api
from paceline.trial.compare import Verdict, compare
from paceline.trial.declare import declare
from paceline.trial.events import WEB
from paceline.trial.killer import Killer
from paceline.trial.load import Load
from paceline.trial.system import until
from paceline.trial.world import World

Say = Callable[[str], None]

RATE = 100  # events a second
DAY_SECONDS = 4.0  # real time of a simulated day
TARGETS = (
    *("metrics-ingest", "goal-service", "alerting", "incentives", "relay", "kafka", "mongo"),
    *("console", "prometheus", "alertmanager"),
)
SEED = 7
TOPIC_SECONDS = 30.0
ACCEPTED = 'sum(paceline_ingest_http_events_total{outcome="accepted"})'


async def carry_out(stack: Stack, say: Say, events: int, kills: int, broken: str | None) -> int:
    """Load, kill, count; return the exit code. Raises Failed and TrialFailed."""
    world = World(SEED, events, max(7, round(events / RATE / DAY_SECONDS)))
    async with Api(stack, stack.facts()["api_key"]) as api:
        await declare(api, world)
        say("declared through published ports: three sources, five metrics, eleven goals, a rule")
        load = Load(stack, api, world, RATE, intact=broken is None)
        await _under_fire(stack, load, kills, say)
        await _spoil(load, api, broken)
        await load.drained(120 if broken is None else 20)
        verdict = await compare(api, world, load.journal)
        whole = _tell(verdict, load, say)
        if broken is None:
            await _topic(stack, api, say)
            await _scraped(stack, say)
            await _signed_in(stack, say)
    return 0 if whole else 1


async def _under_fire(stack: Stack, load: Load, kills: int, say: Say) -> None:
    killer = Killer(
        stack, SEED, kills, load.applied, lambda: not load.done, TARGETS, kill=stack.kill
    )
    firing = asyncio.create_task(killer.run())
    await load.run()
    say(f"load: {load.sent} events sent, {len(load.journal.events)} acknowledged once or more")
    done = await firing
    for each in stack.containers():
        if each.restarts < done.by_process[each.service]:
            raise Failed(f"not started again after every kill: {each}")
    killed = f"killed by SIGKILL: {', '.join(done.by_process)}"
    busy = f"{done.in_flight} of {done.total} with work in flight"
    back = f"all brought back by their restart policy, in {done.max_recovery_s:.0f} s at most"
    say(f"{killed}; {busy}; {back}")


async def _spoil(load: Load, api: Api, broken: str | None) -> None:
    """Let book and stack differ, so that the comparison has something to find."""
    some = clicks.counted(load.journal.of(WEB))[:3]
    others = [replace(click, id=f"{click.id}-again") for click in some]
    if broken == "lost":
        load.journal.add(others)  # noted, never sent
    elif broken == "doubled":
        await api.send([click.cloud_event() for click in others], WEB)  # sent, never noted


def _tell(verdict: Verdict, load: Load, say: Say) -> bool:
    lost, doubled = verdict.lost.total(), verdict.doubled.total()
    compared = ", ".join(f"{count} {kind}" for kind, count in sorted(verdict.compared.items()))
    say(f"compared with the book of {len(load.journal.events)} events: {compared}")
    say(f"lost {lost} {dict(verdict.lost)}, doubled {doubled} {dict(verdict.doubled)}")
    for note in verdict.notes:
        say(f"  {note}")
    return not lost and not doubled


async def _topic(stack: Stack, api: Api, say: Say) -> None:
    """Compare the goal events of the published Kafka with those of the API."""
    told = {deed["id"] for deed in await api.all("alerting", "/v1/goal-events")}
    found = await asyncio.to_thread(_read_topic, f"127.0.0.1:{stack.port('KAFKA_PORT')}", told)
    if found != told:
        raise Failed(f"the topic has {len(found)} goal events, the API {len(told)}")
    say(f"topic: paceline.goal-events at the published listener has the same {len(told)} ids")


def _read_topic(bootstrap: str, wanted: set[str]) -> set[str]:
    reader = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "check", "auto.offset.reset": "earliest"}
    )
    reader.subscribe(["paceline.goal-events"])
    found: set[str] = set()
    deadline = time.monotonic() + TOPIC_SECONDS
    try:
        while time.monotonic() < deadline and not wanted <= found:
            for record in reader.consume(500, 0.5):
                if record.error() is None:
                    found.add(msgspec.json.decode(record.value() or b"")["id"])
    finally:
        reader.close()
    return found


async def _scraped(stack: Stack, say: Say) -> None:
    """Ask Prometheus for what it has scraped."""
    url = f"http://127.0.0.1:{stack.port('PROMETHEUS_PORT')}/api/v1/query"
    async with httpx.AsyncClient() as http:

        async def query(text: str) -> list[dict[str, Any]]:
            answer = await http.get(url, params={"query": text})
            found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
            return found

        async def all_up() -> list[dict[str, Any]]:
            found = await query("up")
            return found if found and all(one["value"][1] == "1" for one in found) else []

        targets = await until(all_up, 90, "every target of Prometheus is up", every=1)
        accepted = await until(lambda: query(ACCEPTED), 60, "accepted events are scraped", every=1)
    jobs = ", ".join(sorted({one["metric"]["job"] for one in targets}))
    say(f"scraped: {len(targets)} targets up ({jobs}); accepted events {accepted[0]['value'][1]}")


async def _signed_in(stack: Stack, say: Say) -> None:
    """Sign in at the console as a browser does: to the issuer, and back with a code."""
    password = stack.read("/var/lib/paceline/issuer/password")
    console = stack.url("console")
    async with httpx.AsyncClient(follow_redirects=True, timeout=20) as http:
        page = await http.get(console)
        asked = dict(parse_qsl(urlsplit(str(page.url)).query))
        form = asked | {"username": "admin", "password": password}
        home = await http.post(str(page.url).partition("?")[0], data=form)
    if not str(home.url).startswith(console) or home.status_code != 200:
        raise Failed(f"signing in ended at {home.url} with {home.status_code}: {home.text[:500]}")
    say("signed in: the console's first page, by the local issuer with code and PKCE")
