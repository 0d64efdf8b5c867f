"""`paceline doctor`: what stands still and why, what is missing, and what to do about each."""

import asyncio
import contextlib
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.table import Table
from rich.text import Text

from paceline import connection, guest, running
from paceline.finding import Finding
from paceline.held import HeldTenant, held_findings, held_tenants
from paceline.positions import REMEDIES, Positions, positions
from paceline.show import console, fail
from paceline.words import either
from service_kit.embedded.jars import JarsError, jars
from service_kit.embedded.java import java

FREE_GIGABYTES = 2.0
VERSIONS = ("paceline", "faust-streaming", "aiokafka", "confluent-kafka", "pymongo", "fastapi")


def doctor(
    json: connection.JsonFile = None,
    service: Annotated[
        str | None,
        typer.Option(help="Come to the broker as this service does, and look at its rights alone."),
    ] = None,
) -> None:
    """Look at this machine, the broker and the running system; exit 1 when something is to do."""
    findings = list(everything(json) if service is None else alone(json, service))
    table = Table("looked at", "found", "to do")
    for finding in findings:
        colour = "green" if finding.well else "red"
        table.add_row(finding.what, Text(finding.state, colour), Text(finding.do))
    console.print(table)
    for command in dict.fromkeys(finding.command for finding in findings if finding.command):
        typer.echo(command)  # as it is: a table would break the line
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def everything(json: Path | None) -> Iterator[Finding]:
    """Look at this machine, then at the broker, then at the running system."""
    yield from machine()
    path = connection.find_file(json)
    if path is None and "PACELINE_KAFKA" not in os.environ:
        yield Finding("running system", "none", "paceline up")
        return
    foreign = [] if path is None else foreign_topics(path)
    way, *rest = guest.cluster(connection.settings_of(json), foreign)
    yield from (way, *rest)
    if path is not None:
        yield from system(path, broker=way.well)


def foreign_topics(path: Path) -> list[str]:
    """Return which topics of the organisation the tenant's sources read, as far as one can ask."""
    with contextlib.suppress(OSError, ValueError, connection.ApiError):
        found = running.read(path)
        door = connection.Connection(found.services.get("metrics-ingest", ""), found.api_key)
        doors = {each for source in door.items("/v1/sources") for each in source.get("doors", ())}
        return sorted(each.removeprefix("topic:") for each in doors if each.startswith("topic:"))
    return []


def alone(json: Path | None, service: str) -> Iterator[Finding]:
    """Look at the broker with one service's user."""
    if not guest.known(service):
        fail(either(f"no service {service}", f"没有服务 {service}"))
    return guest.of_service(connection.settings_of(json, service))


def machine() -> Iterator[Finding]:
    """Look at what a system needs of this machine."""
    yield Finding("python", platform.python_version(), _python())
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in VERSIONS)
    yield Finding("versions", versions)
    yield Finding("java", java())
    try:
        yield Finding("broker's jars", str(jars()))
    except JarsError as error:
        yield Finding("broker's jars", str(error), "make setup")
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    room = "" if free >= FREE_GIGABYTES else f"free at least {FREE_GIGABYTES:g} GB"
    yield Finding("disk", f"{free:.1f} GB free", room)


def system(path: Path, *, broker: bool = True) -> Iterator[Finding]:
    """Look at the running system that the file names; ``broker``: whether it can be reached."""
    try:
        found = running.read(path)
    except (OSError, ValueError) as error:
        yield Finding("running system", str(error), "name its file by --json")
        return
    if not psutil.pid_exists(found.supervisor):
        yield Finding("supervisor", f"pid {found.supervisor} is gone", "paceline up")
    else:
        yield Finding("supervisor", f"pid {found.supervisor}, {path}")
    yield from _services(found)
    yield from _positions(found) if broker else ()
    yield from _sources(found)


def _services(found: running.Running) -> Iterator[Finding]:
    for name, url in found.services.items():
        door = connection.Connection(url, found.api_key)
        try:
            door.get("/healthz")
        except connection.ApiError as error:
            log = Path(found.data) / "services" / f"{name}.log"
            yield Finding(name, str(error), f"read the end of {log}")
        else:
            yield Finding(name, f"{url}, pid {found.pids.get(name, '?')}")


def _positions(found: running.Running) -> Iterator[Finding]:
    try:
        all_of_them, held = asyncio.run(_looked_up(found))
    except Exception as error:
        yield Finding("positions", f"{type(error).__name__}: {error}", "look at kafka, documents")
        return
    for each in all_of_them:
        yield _position(each)
    for tenant in held:
        yield from held_findings(tenant, all_of_them)


async def _looked_up(found: running.Running) -> tuple[list[Positions], list[HeldTenant]]:
    return await positions(found), await held_tenants(found)


def _position(each: Positions) -> Finding:
    what = f"{each.group} {each.partition}"
    state = f"next {each.next}, end {each.end}, lag {each.lag}"
    if each.unseen:
        state = either(f"next {each.next}; no end is told", f"next {each.next}；broker 未给出末尾")
    if each.halted:
        reason = each.halted["reason"]
        return Finding(what, f"{state}; halted: {each.halted['detail']}", REMEDIES[reason])
    return Finding(what, state)


def _sources(found: running.Running) -> Iterator[Finding]:
    door = connection.Connection(found.services.get("metrics-ingest", ""), found.api_key)
    try:
        for source in door.items("/v1/sources"):
            yield _source(source)
    except connection.ApiError as error:
        yield Finding("sources", str(error), "look at metrics-ingest")


def _source(source: dict[str, Any]) -> Finding:
    name = source.get("name", "?")
    if source.get("paused"):
        do = f"mend its mapping (that resumes it), then paceline deadletters replay --source {name}"
        return Finding(f"source {name}", "paused: most of its records were bad", do)
    return Finding(f"source {name}", f"version {source.get('version', '?')}")


def _python() -> str:
    return "" if (3, 11) <= sys.version_info[:2] <= (3, 13) else "use Python 3.11 to 3.13"
