"""Where each event goes: topic, key and partition."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from event_contracts import topics
from event_contracts.directory import OrganisationChanged, PersonChanged, TeamChanged
from event_contracts.facts import GoalControl, Watermark
from event_contracts.goals import GoalChanged
from event_contracts.progress import BackFilled, DayProgress, SourceAlive
from event_contracts.wire import Event, encode, key_of, partition_of
from goal_service.domain.parts import named
from service_kit.outbox import Message, Outbox
from service_kit.records import Partition

DIRECTORY = topics.DIRECTORY.name
GOALS, FACTS, PROGRESS = topics.GOALS.name, topics.FACTS.name, topics.PROGRESS.name


class Route(NamedTuple):
    """``place`` returns what decides the partition; None: to every partition, or that of the call.

    An empty part of a key stands where another kind of progress record has a name or a day, so
    that the kinds never share a key.
    """

    topic: str
    key: Callable[[Any], str]
    place: Callable[[Any], tuple[str, ...]] | None


ROUTES: dict[type, Route] = {
    GoalChanged: Route(GOALS, lambda e: key_of(e.tenant, e.goal), lambda e: (e.tenant, e.goal)),
    GoalControl: Route(FACTS, lambda e: key_of(e.tenant, e.metric), lambda e: (e.tenant, e.metric)),
    # A tenant's directory stands in one partition: whoever reads it sees its changes in order.
    PersonChanged: Route(
        DIRECTORY, lambda e: key_of(e.tenant, e.person, ""), lambda e: (e.tenant,)
    ),
    TeamChanged: Route(DIRECTORY, lambda e: key_of(e.tenant, "", e.team), lambda e: (e.tenant,)),
    OrganisationChanged: Route(
        DIRECTORY, lambda e: key_of(e.tenant, "", ""), lambda e: (e.tenant,)
    ),
    DayProgress: Route(
        PROGRESS,
        lambda e: key_of(e.tenant, e.goal, e.metric, *named(e.part), e.day.isoformat()),
        lambda e: (e.tenant, e.goal),
    ),
    BackFilled: Route(
        PROGRESS,
        lambda e: key_of(e.tenant, e.goal, e.metric, *named(e.part), ""),
        lambda e: (e.tenant, e.goal),
    ),
    SourceAlive: Route(PROGRESS, lambda e: key_of(e.tenant, "", e.metric, e.day.isoformat()), None),
    Watermark: Route(PROGRESS, lambda e: key_of("", e.origin), None),
}


class OutboxPost:
    """The Post port over the outbox of one transaction. ``partitions`` counts those of a topic."""

    def __init__(self, outbox: Outbox, partitions: int) -> None:
        self._outbox = outbox
        self._partitions = partitions

    def send(self, event: Event, place: int | None = None) -> None:
        """Append the event to its lane, or where no place decides, to that of every partition."""
        route = ROUTES[type(event)]
        key, value = route.key(event).encode(), encode(event)
        for number in self._numbers(route, event) if place is None else (place,):
            self._outbox.send(Message(Partition(route.topic, number), key, value))

    def place(self, tenant: str, goal: str) -> int:
        """Return the partition in which the goal's progress stands."""
        return _place(self._partitions, tenant, goal)

    def _numbers(self, route: Route, event: Event) -> range | tuple[int]:
        if route.place is None:
            return range(self._partitions)
        return (partition_of(self._partitions, *route.place(event)),)


# Of a metric with many goals each is asked for whenever one of them comes.
@lru_cache(maxsize=2**16)
def _place(partitions: int, tenant: str, goal: str) -> int:
    return partition_of(partitions, tenant, goal)
