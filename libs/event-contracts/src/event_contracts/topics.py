"""Every topic on one page: who writes, who reads, how long it is kept, what it promises."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, get_args

from event_contracts.deeds import GoalEvent
from event_contracts.directory import DirectoryMessage
from event_contracts.facts import FactsMessage
from event_contracts.goals import GoalChanged
from event_contracts.metrics import MetricDefined
from event_contracts.progress import ProgressMessage
from event_contracts.raw import RawEvent
from event_contracts.rewards import Praised
from event_contracts.subjects import SubjectsMessage
from event_contracts.wire import Event


class Kind(StrEnum):
    """What makes a record of the topic count once."""

    INPUT = "input"  # the sender's id
    DELTA = "delta"  # lane and seq
    STATE = "state"  # a version per key
    DEED = "deed"  # a deterministic id


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's page. ``name`` is logical: the deployment's prefix (``paceline.``) comes before it.

    ``gapless`` topics are ours, not compacted and not transactional: every offset holds a record,
    so a missing one stops the partition. ``own_group`` is what a reader's name gets behind it where
    the topic is read by a loop of its own beside the service's first.
    """

    name: str
    kind: Kind
    key: str
    message: Any
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    retention_days: int
    compacted: bool
    promise: str
    dead_letters: str
    own_group: str = ""

    def group_of(self, service: str) -> str:
        """Return the consumer group under which the service reads the topic."""
        return service + self.own_group

    @property
    def types(self) -> tuple[type[Event], ...]:
        """The message types that stand in the topic."""
        return get_args(self.message) or (self.message,)

    @property
    def gapless(self) -> bool:
        """Whether a hole in the offsets means a lost record."""
        return not self.compacted


RAW = Topic(
    name="raw",
    kind=Kind.INPUT,
    key="tenant, source, id",
    message=RawEvent,
    producers=("metrics-ingest",),
    consumers=("metrics-ingest",),
    retention_days=7,
    compacted=False,
    promise="Every event answered with 202 is here; a re-sent id lands in the same partition.",
    dead_letters="metrics-ingest, collection dead_letters",
)
FACTS = Topic(
    name="facts",
    kind=Kind.DELTA,
    key="tenant (a goal control: tenant, metric; a watermark: empty, origin); by tenant, metric",
    message=FactsMessage,
    producers=("metrics-ingest", "goal-service"),
    consumers=("goal-service", "incentives"),
    retention_days=30,
    compacted=False,
    promise="One log sees everything of a metric: its facts, and the goals that begin to use it.",
    dead_letters="the reader's collection dead_letters",
)
SUBJECTS = Topic(
    name="subjects",
    kind=Kind.DELTA,
    key="tenant, source (a watermark: empty, origin); partitioned by tenant, source and subject",
    message=SubjectsMessage,
    producers=("metrics-ingest",),
    consumers=("metrics-ingest",),
    retention_days=7,
    compacted=False,
    promise="All events of one cell, slice, entity, unit or converting subject meet in one log.",
    dead_letters="metrics-ingest, collection dead_letters",
    own_group="-subjects",
)
METRIC_DEFINITIONS = Topic(
    name="metric-definitions",
    kind=Kind.STATE,
    key="tenant, metric",
    message=MetricDefined,
    producers=("metrics-ingest",),
    consumers=("goal-service", "incentives"),
    retention_days=-1,
    compacted=True,
    promise="The last version of every metric's definition.",
    dead_letters="the reader's collection dead_letters",
)
GOALS = Topic(
    name="goals",
    kind=Kind.STATE,
    key="tenant, goal",
    message=GoalChanged,
    producers=("goal-service",),
    consumers=("alerting",),
    retention_days=-1,
    compacted=True,
    promise="The last version of every goal, whole.",
    dead_letters="the reader's collection dead_letters",
)
DIRECTORY = Topic(
    name="directory",
    kind=Kind.STATE,
    key="tenant, person, team (empty where a kind has none); partitioned by tenant",
    message=DirectoryMessage,
    producers=("goal-service",),
    consumers=("alerting", "incentives"),
    retention_days=-1,
    compacted=True,
    promise="The last version of every person, every team and the organisation's settings.",
    dead_letters="the reader's collection dead_letters",
)
PROGRESS = Topic(
    name="progress",
    kind=Kind.STATE,
    key="tenant, goal, metric, part if it has a name, day (empty without one); by tenant, goal",
    message=ProgressMessage,
    producers=("goal-service",),
    consumers=("alerting",),
    retention_days=-1,
    compacted=True,
    promise="The value of every day of every goal; a watermark stands behind what it covers.",
    dead_letters="the reader's collection dead_letters",
)
GOAL_EVENTS = Topic(
    name="goal-events",
    kind=Kind.DEED,
    key="tenant, goal",
    message=GoalEvent,
    producers=("alerting",),
    consumers=("subscribers",),
    retention_days=30,
    compacted=False,
    promise="Each deed of a goal in its order, each once by its id; provisional lights never.",
    dead_letters="none: nothing of ours reads it",
)
REWARDS = Topic(
    name="rewards",
    kind=Kind.DEED,
    key="tenant, rule, value",
    message=Praised,
    producers=("incentives",),
    consumers=("subscribers",),
    retention_days=30,
    compacted=False,
    promise="Each praise once by its id.",
    dead_letters="none: nothing of ours reads it",
)

TOPICS: tuple[Topic, ...] = (
    RAW,
    SUBJECTS,
    FACTS,
    METRIC_DEFINITIONS,
    GOALS,
    DIRECTORY,
    PROGRESS,
    GOAL_EVENTS,
    REWARDS,
)
