"""Sources of metrics: when they delivered, and up to when all that they brought is here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alerting.domain.silence import fresh_quarters
from alerting.handlers.heads import alive_head
from alerting.ports import Books, MetricDay, Quarters
from event_contracts.wire import partition_of
from service_kit.marks import Mark


@dataclass(frozen=True, slots=True)
class NoteAlive:
    """Metrics' sources have delivered in these quarter hours."""

    quarters: Mapping[MetricDay, Quarters]
    partition: int


@dataclass(frozen=True, slots=True)
class NoteWatermarks:
    """All that an origin's mark promises stands before this."""

    partition: int
    marks: Mapping[str, Mark]


def origins_of(partitions: int, tenant: str, metrics: Iterable[str]) -> set[str]:
    """Return the origins whose watermarks have to pass before the metrics are complete."""
    return {f"facts/{partition_of(partitions, tenant, metric)}" for metric in metrics}


async def note_alive(command: NoteAlive, books: Books) -> None:
    """Keep the quarter hours; goals that judged their day without them are judged again."""
    if not command.quarters:
        return
    places = command.quarters
    await books.heads.touch([alive_head(place.tenant, place.metric) for place in places])
    before = await books.values.join_alive(places)
    late: dict[MetricDay, int] = {}
    for place, now in places.items():
        fresh = fresh_quarters(before.get(place, 0), now.bits, place.day)
        if fresh:
            late[place] = min(fresh)
    await books.dockets.correct_silent(late, command.partition)


async def note_watermarks(command: NoteWatermarks, books: Books) -> None:
    """Raise the watermarks."""
    await books.values.note_watermarks(command.partition, command.marks)
