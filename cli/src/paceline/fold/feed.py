"""The events of a job, written into the topic that all peers read, with their truth."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from confluent_kafka import Producer

from event_contracts.wire import key_of, partition_of
from paceline.fold.job import (
    BEGIN,
    DOOR,
    SOURCE,
    Job,
    Truth,
    campaign_name,
    channel_name,
    tenant_name,
    type_name,
)
from service_kit.broker import physical_name
from service_kit.security import KafkaAccess

RECENT = 20_000  # a re-sent event follows its first within so many
PRODUCER = {
    "acks": "all",
    "linger.ms": 50,
    "batch.num.messages": 10_000,
    "queue.buffering.max.messages": 200_000,
    "partitioner": "consistent",
}


class Made(NamedTuple):
    """One record. ``group`` is its place in the truth, None for one that counts nothing."""

    partition: int
    key: bytes
    value: bytes
    group: int | None
    cents: int
    resent: bool


def make(job: Job, received_ms: int) -> Iterator[Made]:
    """Yield the records of a job, the same ones for the same seed: raw events, as a door writes."""
    rng = random.Random(job.seed)
    dice, bits = rng.random, rng.getrandbits
    campaigns = [(campaign_name(c), channel_name(c, job.channels)) for c in range(job.campaigns)]
    recent: list[Made] = []
    minute, clock = -1, ""
    for number in range(job.events):
        roll = dice()
        if roll < job.resent and recent:
            yield recent[int(dice() * len(recent))]._replace(group=None, resent=True)
            continue
        if number * job.minutes // job.events != minute:
            minute = number * job.minutes // job.events
            clock = f"{BEGIN + timedelta(minutes=minute):%Y-%m-%dT%H:%M:}"
        tenant, kind = int(dice() * job.tenants), int(dice() * job.types)
        place, cents = int(dice() * job.campaigns), 1 + int(dice() * 99_999)
        who, name = tenant_name(tenant), f"{bits(64):016x}"
        campaign, channel = campaigns[place]
        malformed = roll > 1 - job.malformed
        amount = '"n/a"' if malformed and number % 2 else f"{cents // 100}.{cents % 100:02}"
        text = (
            f'{{"type":"raw.event.v1","tenant":"{who}","source":"{SOURCE}","id":"{name}",'
            f'"door":"{DOOR}","received_ms":{received_ms},"body":{{"id":"{name}",'
            f'"type":"{type_name(kind)}","time":"{clock}{int(dice() * 60):02}Z",'
            f'"channel":"{channel}","campaign":"{campaign}","amount":{amount}}}}}'
        )
        if malformed and not number % 2:
            text = text[:-3]  # cut off
        made = Made(
            partition_of(job.partitions, who, SOURCE, name),
            key_of(who, SOURCE, name).encode(),
            text.encode(),
            None if malformed else job.index(minute, tenant, kind, place),
            cents,
            False,
        )
        if not malformed:
            _keep(recent, made, number)
        yield made


def _keep(recent: list[Made], made: Made, number: int) -> None:
    if len(recent) < RECENT:
        recent.append(made)
    else:
        recent[number % RECENT] = made


def note(truth: Truth, made: Made) -> None:
    """Take a record into the truth."""
    truth.records += 1
    truth.bytes += len(made.value)
    truth.by_partition[made.partition] = truth.by_partition.get(made.partition, 0) + 1
    if made.group is not None:
        truth.add(made.group, made.cents)
    elif made.resent:
        truth.duplicates += 1
    else:
        truth.malformed += 1


@dataclass(slots=True)
class Filled:
    """A topic with its job; ``name`` is the topic's on the broker.

    ``samples`` are one event in a thousand: a window that knows them already has to drop them.
    """

    job: Job
    prefix: str
    name: str
    truth: Truth
    samples: list[Made]

    def without_samples(self) -> Truth:
        """Return the truth of a run whose window has seen the samples before."""
        truth = self.truth.copy()
        for made in self.samples:
            assert made.group is not None
            truth.add(made.group, -made.cents, -1)
            truth.duplicates += 1
        return truth


def fill(job: Job, kafka: KafkaAccess, prefix: str, topic: str, received_ms: int) -> Filled:
    """Write the job's records into the topic (a logical name) and return it with its truth."""
    producer = Producer({**kafka.librdkafka(), **PRODUCER})
    filled = Filled(job, prefix, physical_name(prefix, topic), Truth.empty(job), [])
    for number, made in enumerate(make(job, received_ms)):
        note(filled.truth, made)
        if made.group is not None and number % 1000 == 7:
            filled.samples.append(made)
        while True:
            try:
                producer.produce(filled.name, made.value, made.key, made.partition)
                break
            except BufferError:
                producer.poll(0.1)
    left = producer.flush(60)
    if left:
        raise RuntimeError(f"{left} records could not be written into {filled.name}")
    return filled
