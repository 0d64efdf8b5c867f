"""The stream's door: what it hears becomes commands, each batch one transaction."""

import asyncio
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from alerting import metrics
from alerting.adapters.books import MongoBooks
from alerting.adapters.goals import goal_of
from alerting.adapters.stripes import MOST
from alerting.domain.goal import Goal, GoalKey, Source
from alerting.domain.stripes import DayPlace, DayState
from alerting.domain.sums import DayValue
from alerting.handlers import handle
from alerting.handlers.days import KeepDays
from alerting.handlers.directory import KeepEntry
from alerting.handlers.goals import KeepGoal, NoteBackFilled
from alerting.handlers.sources import NoteAlive, NoteWatermarks
from alerting.ports import MetricDay, Quarters
from alerting.settings import SERVICE
from event_contracts import topics
from event_contracts.directory import (
    DirectoryMessage,
    OrganisationChanged,
    PersonChanged,
    TeamChanged,
)
from event_contracts.facts import Watermark
from event_contracts.goals import GoalChanged
from event_contracts.progress import BackFilled, DayProgress, ProgressMessage, SourceAlive
from event_contracts.wire import decoder_of
from service_kit import dead_letters
from service_kit.clock import Clock
from service_kit.errors import BadRecord
from service_kit.guards import Guards
from service_kit.marks import UNKNOWN, Mark
from service_kit.outbox import Outbox
from service_kit.records import Partition, Record, Slice
from service_kit.store import Tx

GROUP = SERVICE
GOALS = topics.GOALS.name
PROGRESS = topics.PROGRESS.name
DIRECTORY = topics.DIRECTORY.name
TOPICS = (GOALS, PROGRESS, DIRECTORY)

Decode = Callable[[bytes], Any]
DECODERS: dict[str, Decode] = {
    GOALS: decoder_of(GoalChanged),
    PROGRESS: decoder_of(ProgressMessage),
    DIRECTORY: decoder_of(DirectoryMessage),
}
Days = dict[DayPlace, DayState]


class Stream:
    """The handler of all topics. MongoDB is the truth; only for a gauge is something remembered."""

    def __init__(self, clock: Clock, guards: Guards, partitions: int, most: int = MOST) -> None:
        """``most``: how many days a stripe holds."""
        self._clock = clock
        self._guards = guards
        self._partitions = partitions
        self._most = most
        self._marks: dict[Partition, dict[str, int]] = {}
        self.moved = asyncio.Event()  # wakes the judge

    async def load(self, partition: Partition) -> None:
        """Nothing is remembered."""

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> dict[str, Mark]:
        """Apply the records; days are kept together, ahead of what stands behind them."""
        now_ms, number = self._clock.now_ms(), batch.partition.number
        books = MongoBooks(
            tx,
            outbox,
            self._guards,
            partition=number,
            partitions=self._partitions,
            now_ms=now_ms,
            most=self._most,
        )
        days: Days = {}
        alive: dict[MetricDay, Quarters] = {}
        marks: dict[str, Mark] = {}
        others: list[Any] = []
        letters = []
        for record in batch.records:
            if record.value is None:
                continue  # a tombstone: nothing of this is ever taken back
            try:
                message = _read(record)
            except BadRecord as bad:
                letters.append(_letter(record, bad, now_ms))
                continue
            match message:
                case DayProgress():
                    _newest(days, message)
                case SourceAlive():
                    _join(alive, message)
                case Watermark():
                    mark = Mark(message.at_ms, message.held)
                    marks[message.origin] = marks.get(message.origin, UNKNOWN).joined(mark)
                case _:
                    others.append(message)
        await handle(KeepDays(days), books)
        await handle(NoteAlive(alive, number), books)
        for message in others:
            if isinstance(message, GoalChanged):
                await books.goals.put(message)
            await handle(_command(message, number, now_ms), books)
        await handle(NoteWatermarks(number, marks), books)
        await dead_letters.write(tx, letters)
        return marks

    def committed(self, batch: Slice, effect: dict[str, Mark]) -> None:
        """Wake the judge, and show how complete the partition is: origins tell it every second."""
        if batch.records:
            self.moved.set()
        if effect:
            known = self._marks.setdefault(batch.partition, {})
            known |= {origin: mark.at_ms for origin, mark in effect.items()}
            metrics.WATERMARK.labels(batch.partition.number).set(min(known.values()) / 1000)

    def forget(self, partition: Partition) -> None:
        """Say no more of the partition."""
        if self._marks.pop(partition, None) is not None:
            metrics.WATERMARK.remove(partition.number)


def _newest(days: Days, message: DayProgress) -> None:
    source = Source(message.part, message.metric)
    place = DayPlace(GoalKey(message.tenant, message.goal), source, message.day)
    if place not in days or days[place].version < message.version:
        value = DayValue(message.value, message.count)
        days[place] = DayState(value, message.version, message.as_of_ms)


def _join(alive: dict[MetricDay, Quarters], message: SourceAlive) -> None:
    place = MetricDay(message.tenant, message.metric, message.day)
    before = alive.get(place, Quarters(0, -1))
    bits = int(message.quarters, 16) | before.bits
    alive[place] = Quarters(bits, max(message.version, before.version))


def _command(message: Any, number: int, now_ms: int) -> Any:
    match message:
        case GoalChanged():
            return KeepGoal(_judgeable(message), number, now_ms)
        case BackFilled():
            key = GoalKey(message.tenant, message.goal)
            source = Source(message.part, message.metric)
            return NoteBackFilled(key, source, message.goal_version)
        case PersonChanged() | TeamChanged() | OrganisationChanged():
            return KeepEntry(message)
    raise TypeError(f"no command for {message!r}")


def _read(record: Record) -> Any:
    try:
        message = DECODERS[record.partition.topic](record.value or b"")
        if isinstance(message, GoalChanged):
            _judgeable(message)
        if isinstance(message, SourceAlive):
            int(message.quarters, 16)
        return message
    except msgspec.ValidationError as error:
        raise BadRecord("wrong-shape", str(error)) from None
    except msgspec.DecodeError as error:
        raise BadRecord("no-json", str(error)) from None
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise BadRecord("wrong-value", str(error)) from None


def _judgeable(message: GoalChanged) -> Goal:
    """Return the goal; raises ValueError or ZoneInfoNotFoundError when nobody could judge it."""
    goal = goal_of(message)
    ZoneInfo(goal.zone)
    return goal


def _letter(record: Record, bad: BadRecord, now_ms: int) -> dict[str, Any]:
    tenant = (record.key or b"").decode(errors="replace").partition("|")[0]
    return dead_letters.row(
        record,
        tenant=tenant,
        source=record.partition.topic,
        cause=bad.cause,
        detail=bad.detail,
        at_ms=now_ms,
    )
