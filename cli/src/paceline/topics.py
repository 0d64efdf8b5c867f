"""`paceline topics`: what the register of topics asks of the broker, the first positions, the ACLs.

Partition counts are fixed when a topic is made. `apply` may run again at any time: it makes what
is missing, sets what differs and never moves a position that exists.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table

from event_contracts.topics import TOPICS
from paceline.acls import commands, grants, principals
from paceline.connection import JsonFile, settings_of
from paceline.show import console, fail
from paceline.topic_plan import (
    Standing,
    apply_standings,
    seed_positions,
    standings,
    unseeded,
)
from paceline.words import either
from service_kit.errors import Infrastructure
from service_kit.settings import Settings

TO_DO = 2
DIFFERS = 3

Partitions = Annotated[
    int | None, typer.Option(min=1, help="Partitions of each topic; fixed once it is made.")
]
Replication = Annotated[
    int | None, typer.Option(min=1, help="Replicas of a new topic; else the cluster's default.")
]

T = TypeVar("T")

app = typer.Typer(help="The topics on the broker.", no_args_is_help=True)


async def apply_topics(settings: Settings) -> list[Standing]:
    """Make all topics and the first positions of all groups; return how the topics were before.

    Raises Infrastructure, also when a topic has another partition count than wanted.
    """
    found = await standings(settings)
    wrong = [f"{each.name}: {each.wrong_count}" for each in found if each.wrong_count]
    if wrong:
        raise Infrastructure("; ".join(wrong))
    await apply_standings(settings, found)
    await seed_positions(settings)
    return found


@app.command()
def plan(
    json: JsonFile = None, partitions: Partitions = None, replication: Replication = None
) -> None:
    """Show what `apply` would do; nothing is changed.

    Exit code 0: nothing to do; 2: `apply` has something to do; 3: something differs that `apply`
    may not change; 1: the broker could not be asked.
    """
    settings = _settings(json, partitions, replication)
    found = _run(standings(settings))
    positions = asyncio.run(unseeded(settings))
    console.print(_table(found, settings))
    console.print(_about_positions(positions))
    if any(each.differs for each in found):
        raise typer.Exit(DIFFERS)
    if positions or not all(each.in_order for each in found):
        raise typer.Exit(TO_DO)


@app.command()
def apply(
    json: JsonFile = None, partitions: Partitions = None, replication: Replication = None
) -> None:
    """Make the topics that are missing, set what differs, and make the groups' first positions.

    Exit code 3: something differs that may not be changed; 1: it could not be done.
    """
    settings = _settings(json, partitions, replication)
    before = _run(apply_topics(settings))
    for each in before:
        done = either("created", "已创建") if each.found is None else _changes(each)
        if done:
            console.print(f"{each.name}: {done}", markup=False, soft_wrap=True)
    console.print(f"{len(TOPICS)} topics with {settings.partitions} partitions each: in order")
    left = [f"{each.name}: {text}" for each in before for text in each.differs]
    for text in left:
        console.print(text, style="yellow", markup=False, soft_wrap=True)
    if left:
        raise typer.Exit(DIFFERS)


@app.command()
def acls(
    json: JsonFile = None,
    foreign: Annotated[
        list[str] | None, typer.Option(help="A topic of the organisation that is read.")
    ] = None,
    table: Annotated[bool, typer.Option("--table", help="A table instead of commands.")] = False,
    command_config: Annotated[
        str, typer.Option(help="The administrator's file that the commands name.")
    ] = "admin.properties",
) -> None:
    """Print the least that each service needs on a guarded cluster; nothing is changed."""
    settings = settings_of(json, broker=False)  # whoever asks may not have them yet
    needed = grants(settings, foreign or ())
    if not table:
        for line in commands(needed, settings.kafka, command_config):
            typer.echo(line)
        return
    who = principals(needed)
    shown = Table("service", "principal", "may", "resource", "pattern")
    for grant in needed:
        pattern = "prefixed" if grant.prefixed else "literal"
        resource = f"{grant.kind} {grant.name}"
        shown.add_row(grant.service, who[grant.service], grant.operation, resource, pattern)
    console.print(shown)


def _settings(json: Any, partitions: int | None, replication: int | None) -> Settings:
    settings = settings_of(json)
    return replace(
        settings,
        partitions=partitions or settings.partitions,
        replication=replication or settings.replication,
    )


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except Infrastructure as error:
        hint = either("`paceline doctor` looks for the cause", "可用 `paceline doctor` 查找原因")
        fail(f"{error}; {hint}")


def _table(found: list[Standing], settings: Settings) -> Table:
    table = Table("topic on the broker", "partitions", "kept", "written by", "read by", "to do")
    for standing in found:
        topic = standing.topic
        kept = "last of each key" if topic.compacted else f"{topic.retention_days} days"
        table.add_row(
            standing.name,
            str(settings.partitions),
            kept,
            ", ".join(topic.producers),
            ", ".join(topic.consumers),
            _to_do(standing),
        )
    return table


def _to_do(standing: Standing) -> str:
    if standing.found is None:
        return f"[yellow]{either('create', '创建')}[/]"
    lines = [f"[red]{text}[/]" for text in standing.differs]
    if standing.changes:
        lines.append(f"[yellow]{_changes(standing)}[/]")
    return "\n".join(lines) or f"[green]{either('nothing', '无')}[/]"


def _changes(standing: Standing) -> str:
    told = [f"{key}: {old} -> {new}" for key, (old, new) in standing.changes.items()]
    return ", ".join(told)


def _about_positions(count: int | None) -> str:
    if count is None:
        return either(
            "first positions: not looked at, the document server does not answer",
            "起始位置：未检查，文档数据库无应答",
        )
    return either(f"first positions to make: {count}", f"待建立的起始位置：{count}")
