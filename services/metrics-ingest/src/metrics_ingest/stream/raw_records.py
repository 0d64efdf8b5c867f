"""The records of a slice of the raw log, read in bulk or one by one (ports.raw.RawRecords)."""

import base64
from collections.abc import Mapping, Sequence

import msgspec

from event_contracts.raw import RawEvent
from event_contracts.wire import decoder_of, hash16, parts_of
from metrics_ingest.domain.bulk.reading import BulkReader, Prepared
from metrics_ingest.domain.causes import UNREADABLE, error_text
from metrics_ingest.domain.folding import Arrival
from metrics_ingest.domain.plans import TenantPlan
from service_kit.records import Record, Slice, columns_of, keys_of

Plans = Mapping[str, TenantPlan]

_decode = decoder_of(RawEvent)


class PlannedReader:
    """Reads in bulk, and remembers the reader of the plans that it was last given."""

    def __init__(self) -> None:
        self._plans: dict[str, TenantPlan] = {}
        self._reader = BulkReader({})

    def read(self, records: Sequence[Record], plans: Plans) -> Prepared:
        """Read records with these plans."""
        if plans.keys() != self._plans.keys() or any(
            plans[tenant] is not self._plans[tenant] for tenant in plans
        ):
            self._plans = dict(plans)
            self._reader = BulkReader(self._plans)
        keys, values = columns_of(records)
        return self._reader.read(keys, values)


class SliceRecords:
    """One slice's records. What was read once is not read again, should the fold run again."""

    def __init__(self, batch: Slice, reader: PlannedReader, now_ms: int) -> None:
        self._records = batch.records
        self._reader = reader
        self._now_ms = now_ms
        self._prepared: Prepared | None = batch.prepared
        self._arrivals: dict[int, Arrival] = {}

    def tenants(self) -> set[str]:
        """Return the tenants that the records' keys name."""
        if self._prepared is None:
            return _tenants(keys_of(self._records, range(len(self._records))))
        rest = keys_of(self._records, self._prepared.rest)
        return self._prepared.tenants | _tenants(rest)

    def read(self, plans: Plans) -> Prepared:
        """Read in bulk what these plans allow, unless it has been read with them."""
        if self._prepared is None or self._prepared.plans != plans:
            self._prepared = self._reader.read(self._records, plans)
        return self._prepared

    def arrivals(self, rows: Sequence[int]) -> list[Arrival]:
        """Read these rows one by one."""
        for row in rows:
            if row not in self._arrivals:
                self._arrivals[row] = _arrival(self._records[row], self._now_ms)
        return [self._arrivals[row] for row in rows]


def _tenants(keys: Sequence[bytes]) -> set[str]:
    return {parts_of(first)[0] for first in {key[: key.find(b"|") + 1] for key in keys}}


def _arrival(record: Record, now_ms: int) -> Arrival:
    try:
        event: RawEvent = _decode(record.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        event = _garbled(record, str(error), now_ms)
    return Arrival(record.offset, hash16(event.tenant, event.source, event.id), event)


def _garbled(record: Record, detail: str, now_ms: int) -> RawEvent:
    """Nothing of ours writes such a record; it is kept under no tenant and stops nothing."""
    body = msgspec.json.encode(base64.b64encode(record.value or b"").decode())
    return RawEvent(
        tenant="",
        source="",
        id=f"{record.partition}/{record.offset}",
        door="",
        received_ms=now_ms,
        body=msgspec.Raw(body),
        error=error_text(UNREADABLE, str(record.partition), detail),
    )
