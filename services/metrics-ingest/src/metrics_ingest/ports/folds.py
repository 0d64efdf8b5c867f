"""What the fold and the loop over subjects read, write and send in their transactions."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from event_contracts.facts import FactBatch
from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.definitions import Definitions
from metrics_ingest.domain.drift import Sampled
from metrics_ingest.domain.folding import BusinessRecord
from metrics_ingest.domain.letters import KeptLetter
from metrics_ingest.domain.seen.generations import Generation, Mask, Words
from metrics_ingest.domain.seen.window import Block
from metrics_ingest.domain.subjects.subject import State, Subject
from metrics_ingest.domain.tallies import Stripe
from service_kit.marks import Mark

SourceName = tuple[str, str]
DaySet = tuple[str, str, int]


class PlanStore(Protocol):
    """The definitions, and the dimension sets of metrics' days, in a transaction."""

    async def moves(self) -> int:
        """Return how often any tenant's head has been moved."""
        ...

    async def heads(self, tenants: Collection[str]) -> dict[str, int]:
        """Return the versions of the tenants' definitions; a tenant without any is left out."""
        ...

    async def definitions(self, tenants: Collection[str]) -> list[Definitions]:
        """Return all current definitions of these tenants."""
        ...

    async def day_sets(self, wanted: Collection[DaySet]) -> dict[DaySet, set[bytes]]:
        """Return the known dimension sets of (tenant, metric, day)."""
        ...

    async def write_day_sets(self, sets: Mapping[DaySet, Collection[bytes]]) -> None:
        """Write the whole sets of these days."""
        ...

    async def write_letters(self, letters: Sequence[KeptLetter]) -> None:
        """Keep dead letters: one that is there is counted and becomes new again."""
        ...

    async def write_tallies(self, stripes: Mapping[int, Stripe]) -> None:
        """Write what became of the sources' records: these stripes of them, whole."""
        ...


class FoldStore(PlanStore, Protocol):
    """What a fold reads and writes in its transaction."""

    async def write_seen(self, start: int, block: Block) -> None:
        """Keep the ids of the slice that begins at offset ``start``."""
        ...

    async def forget_seen(self, before_ms: int) -> None:
        """Delete the blocks that arrived before."""
        ...

    async def write_records(self, records: Sequence[BusinessRecord]) -> None:
        """Keep business records."""
        ...

    async def supersede(self, keys: Collection[bytes]) -> None:
        """Close the new letters of ids that have been accepted after all."""
        ...

    async def write_drift(self, sources: Mapping[SourceName, Sampled]) -> None:
        """Write what samples of these sources have shown."""
        ...

    async def pause(self, tenant: str, source: str, reason: str) -> None:
        """Pause a source, for all workers."""
        ...


class SubjectStore(PlanStore, Protocol):
    """What the loop over subjects reads and writes in its transaction."""

    async def states(self, subjects: Sequence[Subject]) -> dict[Subject, str]:
        """Return the states that are kept, as they were written."""
        ...

    async def write_states(self, states: Mapping[Subject, State]) -> None:
        """Keep these states."""
        ...

    async def close_letters(self, ids: Collection[str]) -> None:
        """Close the letters of these ids that are new."""
        ...


class OlderIds(Protocol):
    """Where the seen ids are looked up that memory has no room for."""

    def __len__(self) -> int: ...

    def find(self, ids: Words) -> tuple[Mask, Words]:
        """Return for each id whether it is known, and its stamp."""
        ...

    def add(self, generations: Sequence[Generation]) -> None:
        """Take generations over from memory, in the order of their age."""
        ...

    def prune(self, before_ms: int) -> None:
        """Drop what arrived before."""
        ...

    def close(self) -> None:
        """Drop everything."""
        ...


class Facts(Protocol):
    """Where facts go: each to the log of its metric, in the order in which they are given."""

    def publish(self, batches: Iterable[FactBatch]) -> None:
        """Send all facts of a slice with the transaction."""
        ...

    def complete(self, origin: str, mark: Mark) -> None:
        """Tell every log that all the mark promises of the origin stands before this."""
        ...


class FoldPost(Facts, Protocol):
    """Where a fold's facts go, and its events that need their subject's history."""

    def divert(
        self,
        source: SourceName,
        definitions: int,
        as_of_ms: int,
        events: Sequence[SubjectEvent],
    ) -> None:
        """Send each event of a source to the log of its subject, in their order."""
        ...
