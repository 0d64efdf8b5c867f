"""`paceline up`: everything on this machine, started in order, kept running, ended in order."""

import fcntl
import os
from pathlib import Path
from typing import IO, Annotated

import msgspec
import psutil
import typer

from paceline import prometheus as prometheus_program
from paceline import running
from paceline.access import environment_settings
from paceline.show import console, fail
from paceline.system import Plan, System
from paceline.words import say
from service_kit.embedded import end_leftovers
from service_kit.embedded.process import Record

LEAVE_SECONDS = 60.0


def up(
    data: Annotated[Path, typer.Option(help="The folder of this system: data, logs, keys.")] = Path(
        ".paceline"
    ),
    base_port: Annotated[
        int, typer.Option(help="Services listen from here on, the servers from 20 further on.")
    ] = 8100,
    seconds: Annotated[
        float | None, typer.Option("--for", help="End by itself after so many seconds.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Where to write addresses, pids and the key.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="The tenant that gets a key.")] = "demo",
    clock: Annotated[
        Path | None, typer.Option(help="The shared clock's file; made when it is not there.")
    ] = None,
    prometheus: Annotated[
        bool, typer.Option(help="Start Prometheus, too, where it is installed.")
    ] = True,
) -> None:
    """Start everything and keep it running until Ctrl-C."""
    settings = environment_settings()
    if settings.security.protocol != "PLAINTEXT" and "PACELINE_KAFKA" not in os.environ:
        fail(say("security without kafka"))
    program = prometheus_program.installed() if prometheus else None
    if prometheus and program is None:
        console.print("Prometheus is not installed: going on without it")
    plan = Plan(
        data=data.absolute(),
        base_port=base_port,
        tenant=tenant,
        clock=(clock or _path(os.environ.get("PACELINE_CLOCK"))),
        file=(json_file or data / running.FILE_NAME).absolute(),
        settings=settings,
        kafka=os.environ.get("PACELINE_KAFKA"),
        mongodb=os.environ.get("PACELINE_MONGODB"),
        prometheus=program,
    )
    plan.data.mkdir(parents=True, exist_ok=True)
    with take_folder(plan.data):
        System(plan).run(seconds)


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def take_folder(data: Path) -> IO[str]:
    """Make this process the only one that keeps a system in the folder.

    Another `up` there is ended first, and so is whatever a killed one left behind.
    """
    own = data / "supervisor"
    own.mkdir(exist_ok=True)
    for pid in end_leftovers(own, LEAVE_SECONDS):
        console.print(f"ended the `paceline up` that ran here, pid {pid}")
    lock = (own / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fail(f"another `paceline up` has just begun in {data}")
    record = Record(os.getpid(), psutil.Process().create_time())
    (own / "supervisor.pid.json").write_bytes(msgspec.json.encode(record))
    ended = end_leftovers(data / "services") + end_leftovers(data / "servers")
    if ended:
        console.print(f"ended what was left running here: {', '.join(map(str, ended))}")
    return lock
