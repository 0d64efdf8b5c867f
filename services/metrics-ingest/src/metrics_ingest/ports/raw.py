"""The log of accepted events, and the schemas that the records of foreign topics are read by."""

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple, Protocol

from event_contracts.raw import RawEvent
from metrics_ingest.domain.avro import AvroSchema
from metrics_ingest.domain.bulk.reading import Prepared
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.folding import Arrival
from metrics_ingest.domain.plans import TenantPlan
from service_kit.errors import Infrastructure


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
