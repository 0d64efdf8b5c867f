"""`paceline topics`: what the register of topics asks of the broker, and the first positions.

Partition counts are fixed when a topic is made. `apply` may run again at any time: it makes what
is missing and never moves a position that exists.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Annotated

import typer
from rich.table import Table

from event_contracts.topics import TOPICS, Topic
from paceline.connection import JsonFile, settings_of
from paceline.show import console, fail
from service_kit import offsets
from service_kit.broker import Broker, TopicSpec
from service_kit.errors import Infrastructure
from service_kit.records import Partition
from service_kit.settings import Settings
from service_kit.store import Store

DAY_MS = 24 * 3600 * 1000
SERVICES = ("metrics-ingest", "goal-service", "alerting", "incentives")

app = typer.Typer(help="The topics on the broker.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class Standing:
    """A topic as wanted and as it is; ``partitions`` None: it is not there."""

    topic: Topic
    partitions: int | None


def spec_of(topic: Topic, partitions: int) -> TopicSpec:
    """Return what the broker is asked for."""
    days = topic.retention_days
    return TopicSpec(topic.name, partitions, days * DAY_MS if days >= 0 else -1, topic.compacted)


async def apply_topics(settings: Settings) -> None:
    """Make all topics and the first positions of all groups; raises Infrastructure."""
    broker = broker_of(settings)
    await broker.create([spec_of(topic, settings.partitions) for topic in TOPICS])
    for service in SERVICES:
        read = [topic for topic in TOPICS if service in topic.consumers]
        await _seed(replace(settings, service=service), broker, read)


def broker_of(settings: Settings) -> Broker:
    """Return the broker; a connection that breaks is no news to a command's reader."""
    return Broker(settings.access, settings.prefix, {"log_level": 0})


async def standings(settings: Settings) -> list[Standing]:
    """Return every topic of the register with its partition count on the broker."""
    broker = broker_of(settings)
    return [Standing(topic, await _count(broker, topic)) for topic in TOPICS]


async def _seed(settings: Settings, broker: Broker, topics: list[Topic]) -> None:
    """Let the service begin each partition that it has never read at the log's start."""
    partitions = [Partition(t.name, n) for t in topics for n in range(settings.partitions)]
    bounds = await broker.bounds(partitions)
    store = Store.connect(settings.mongodb, settings.database)
    try:
        await store.check()
        for partition in partitions:
            at = bounds[partition]
            await offsets.seed(store, settings.service, partition, at.low, at.topic_id)
    finally:
        await store.close()


async def _count(broker: Broker, topic: Topic) -> int | None:
    try:
        return await broker.partition_count(topic.name)
    except Infrastructure as error:
        if "UNKNOWN_TOPIC_OR_PART" in str(error):
            return None
        raise


@app.command()
def plan(json: JsonFile = None) -> None:
    """Show what `apply` would do; nothing is changed."""
    settings = settings_of(json)
    try:
        found = asyncio.run(standings(settings))
    except Infrastructure as error:
        fail(str(error))
    table = Table("topic on the broker", "partitions", "kept", "written by", "read by", "to do")
    for standing in found:
        topic = standing.topic
        kept = "last of each key" if topic.compacted else f"{topic.retention_days} days"
        table.add_row(
            settings.prefix + topic.name,
            str(settings.partitions),
            kept,
            ", ".join(topic.producers),
            ", ".join(topic.consumers),
            _to_do(standing, settings.partitions),
        )
    console.print(table)


def _to_do(standing: Standing, wanted: int) -> str:
    if standing.partitions is None:
        return "[yellow]create[/]"
    if standing.partitions != wanted:
        return f"[red]has {standing.partitions} partitions: the count cannot be changed[/]"
    return "[green]nothing[/]"


@app.command()
def apply(
    json: JsonFile = None,
    partitions: Annotated[
        int | None, typer.Option(help="Partitions of each topic; fixed once it is made.")
    ] = None,
) -> None:
    """Make the topics that are missing and the first positions of all groups."""
    settings = settings_of(json)
    settings = replace(settings, partitions=partitions or settings.partitions)
    try:
        asyncio.run(apply_topics(settings))
    except Infrastructure as error:
        fail(str(error))
    console.print(f"{len(TOPICS)} topics with {settings.partitions} partitions each: in order")
