"""What the handlers need of the world; adapters and doors give it."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from event_contracts.facts import FactBatch
from event_contracts.metrics import MetricDefined
from event_contracts.raw import RawEvent
from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.avro import AvroSchema
from metrics_ingest.domain.bulk.reading import Prepared
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.definitions import Definitions, Metric, Source
from metrics_ingest.domain.drift import Sampled
from metrics_ingest.domain.folding import Arrival, BusinessRecord
from metrics_ingest.domain.letters import KeptLetter
from metrics_ingest.domain.money.rates import Rate
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.seen.generations import Generation, Mask, Words
from metrics_ingest.domain.seen.window import Block
from metrics_ingest.domain.subjects.subject import State, Subject
from metrics_ingest.domain.tallies import Stripe
from service_kit.errors import Infrastructure
from service_kit.marks import Mark

SourceName = tuple[str, str]
DaySet = tuple[str, str, int]


class Sources(Protocol):
    """Finds the current version of a source."""

    async def source(self, tenant: str, name: str) -> Source | None:
        """Return the source, None when there is none."""
        ...


class RawRecord(NamedTuple):
    """An event as it will stand in the log of accepted events."""

    partition: int
    key: bytes
    value: bytes


class RawLog(Protocol):
    """The log of accepted events."""

    def record_of(self, event: RawEvent) -> RawRecord:
        """Return the event's record: its place follows from tenant, source and id."""
        ...

    async def append(self, records: Sequence[RawRecord]) -> None:
        """Return when all of them stand on all in-sync replicas; raises Infrastructure.

        Then any of them may stand there or not.
        """
        ...


class RegistryDown(Infrastructure):
    """The schema registry does not answer as one: wait for it, for nothing is wrong with records.

    ``wanted`` is the id of the schema that was asked for.
    """

    def __init__(self, wanted: int, why: str) -> None:
        super().__init__(f"the schema registry: {why}")
        self.wanted = wanted


class Schemas(Protocol):
    """The schema registry."""

    async def find(self, ids: Set[int]) -> Mapping[int, AvroSchema | Unfit]:
        """Return each schema, or why its records cannot be read; raises RegistryDown."""
        ...


class DefinitionStore(Sources, Protocol):
    """The definitions in one transaction. Each change moves the tenant's head."""

    async def metric(self, tenant: str, name: str) -> Metric | None:
        """Return the current version of a metric."""
        ...

    async def metrics_of(self, tenant: str, source: str) -> list[Metric]:
        """Return the current metrics folded from a source."""
        ...

    async def write_source(self, tenant: str, source: Source) -> None:
        """Write a version and make it the current one."""
        ...

    async def write_metric(self, tenant: str, metric: Metric) -> None:
        """Write a version and make it the current one."""
        ...

    async def claim_topics(self, tenant: str, source: str, topics: Collection[str]) -> str | None:
        """Make these, and no others, the topics of the source; return one that is not to be had."""
        ...

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Append to the audit trail."""
        ...


class RateStore(Protocol):
    """The rates of exchange in one transaction of a load."""

    async def year(self, tenant: str, base: str, quote: str, year: int) -> list[Rate]:
        """Return all versions of the pair's rates of a year."""
        ...

    async def write_year(
        self, tenant: str, base: str, quote: str, year: int, rates: Sequence[Rate]
    ) -> None:
        """Write all versions of the pair's rates of a year."""
        ...

    async def move_head(self, tenant: str) -> int:
        """Move the head of the tenant's definitions, so that every fold reads them anew.

        Returns where it stands then: the version of the load.
        """
        ...

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Append to the audit trail."""
        ...


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """A secret as it may be shown: not itself."""

    fingerprint: str
    created_ms: int


class HookStore(Sources, Protocol):
    """Addresses and secrets of webhooks in one transaction."""

    async def token(self, tenant: str, source: str) -> str | None:
        """Return the token of the address that does not end, None when there is none yet."""
        ...

    async def open_hook(self, tenant: str, source: str, overlap_seconds: int) -> str:
        """Make a new address and return its token; earlier ones end after the overlap."""
        ...

    async def secrets(self, tenant: str, source: str) -> Sequence[KnownSecret]:
        """Return the source's secrets, the oldest first."""
        ...

    async def write_secrets(
        self, tenant: str, source: str, new: Collection[str], kept: Collection[str]
    ) -> Sequence[KnownSecret]:
        """Make these, and of those that are there the kept, the source's secrets."""
        ...

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Append to the audit trail."""
        ...


class Declared(Sources, Protocol):
    """What is declared, outside of a transaction."""

    async def metric(self, tenant: str, name: str) -> Metric | None:
        """Return the current version of a metric."""
        ...

    async def rates(self, tenant: str, quotes: Collection[str]) -> Sequence[Rate]:
        """Return all versions of the tenant's rates into these currencies."""
        ...


class LetterStore(Sources, Protocol):
    """The dead letters in one transaction of a replay."""

    async def new_letters(
        self, tenant: str, ids: Sequence[str], group: Mapping[str, str], skip: int, limit: int
    ) -> list[KeptLetter]:
        """Return letters in state new, the oldest first, behind the first ``skip``.

        ``group``: source, cause and where.
        """
        ...

    async def mark_replayed(self, ids: Sequence[str], replay_id: str) -> None:
        """Move letters to the state replayed, and count the attempt."""
        ...

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Append to the audit trail."""
        ...


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


class RawRecords(Protocol):
    """The records of a slice of the raw log, to be read in bulk or one by one."""

    def tenants(self) -> set[str]:
        """Return the tenants that the records' keys name."""
        ...

    def read(self, plans: Mapping[str, TenantPlan]) -> Prepared:
        """Read in bulk what these plans allow."""
        ...

    def arrivals(self, rows: Sequence[int]) -> list[Arrival]:
        """Read these rows one by one."""
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


class Announcements(Protocol):
    """Where the definition of a metric goes."""

    def publish(self, definition: MetricDefined) -> None:
        """Send it with the transaction."""
        ...


class Replays(Protocol):
    """Where replayed events go."""

    def publish(self, event: RawEvent) -> None:
        """Send it with the transaction."""
        ...

    def touch(self, source: SourceName, event: SubjectEvent) -> None:
        """Send to its subject what that knows already: it is booked anew."""
        ...
