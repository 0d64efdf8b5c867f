"""What is remembered of a partition of the subjects log, and what a transaction adds to it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.memory import MOST_SETS
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.subjects.subject import State, Subject
from metrics_ingest.domain.tallies import Stripe, Tallies
from metrics_ingest.ports.folds import DaySet, SourceName

K = TypeVar("K")
V = TypeVar("V")
MOST_STATES = 20_000
MOST_PARTS = 100  # of a state that is remembered
MOST_PARTS_OF_ALL = 100_000  # about 90 MB: a version of a record takes nearly 1 kB


@dataclass(slots=True)
class SubjectMemory:
    """What is remembered of one partition: it alone writes the states of its subjects."""

    plans: dict[str, TenantPlan] = field(default_factory=dict)
    states: dict[Subject, State] = field(default_factory=dict)
    parts: int = 0  # of all states together
    day_sets: dict[DaySet, set[bytes]] = field(default_factory=dict)
    tallies: Tallies = field(default_factory=Tallies)


class Refused(NamedTuple):
    """An event that was accepted, and cannot count by the definitions as they are by now."""

    subject: Subject
    event: SubjectEvent
    unfit: Unfit


@dataclass(slots=True)
class SubjectsEffect:
    """What memory takes over once the transaction is committed."""

    plans: dict[str, TenantPlan] = field(default_factory=dict)
    states: dict[Subject, State] = field(default_factory=dict)
    day_sets: dict[DaySet, set[bytes]] = field(default_factory=dict)
    sets_found: dict[DaySet, set[bytes]] = field(default_factory=dict)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    conflicts: Counter[SourceName] = field(default_factory=Counter)
    tallies: dict[int, Stripe] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    lacking: dict[Subject, list[Refused]] = field(default_factory=dict)
    mended: list[str] = field(default_factory=list)
    others: int = 0

    @property
    def short(self) -> list[Refused]:
        """What cannot count of records as they are now."""
        return [each for told in self.lacking.values() for each in told]

    @property
    def letters(self) -> list[Refused]:
        """All that there is a letter of."""
        return self.refused + self.short


def remember(effect: SubjectsEffect, memory: SubjectMemory) -> None:
    """Take the effect of a committed slice into memory; what is forgotten is read again."""
    memory.plans.update(effect.plans)
    memory.tallies.take(effect.tallies)
    _learn_states(memory, effect.states)
    _learn(memory.day_sets, effect.sets_found | effect.day_sets)
    if sum(map(len, memory.day_sets.values())) > MOST_SETS:
        memory.day_sets.clear()


def _learn_states(memory: SubjectMemory, learnt: Mapping[Subject, State]) -> None:
    if len(memory.states) > MOST_STATES or memory.parts > MOST_PARTS_OF_ALL:
        memory.states.clear()
        memory.parts = 0
    for subject, state in learnt.items():
        before = memory.states.pop(subject, None)
        memory.parts -= before.parts if before is not None else 0
        if (parts := state.parts) <= MOST_PARTS:
            memory.states[subject] = state
            memory.parts += parts


def _learn(kept: dict[K, V], learnt: Mapping[K, V]) -> None:
    if len(kept) > MOST_STATES:
        kept.clear()
    kept.update(learnt)
