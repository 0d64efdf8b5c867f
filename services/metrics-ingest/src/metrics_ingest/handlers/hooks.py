"""What signed webhooks bring is taken in.

Whoever calls has proven itself before. Nothing that follows is refused: a vendor that hears no
often enough stops sending for good. What cannot be read becomes a dead letter.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import msgspec
import xxhash

from event_contracts.raw import RawEvent
from metrics_ingest.domain import definitions
from metrics_ingest.domain.causes import UNREADABLE, Unfit, error_text
from metrics_ingest.domain.commands import AcceptHook
from metrics_ingest.domain.definitions import HOOK_DOOR, Source
from metrics_ingest.domain.mapping import Reader, items_of
from metrics_ingest.handlers.events import RECORD_BYTES, append_all, too_large
from metrics_ingest.ports.definitions import Sources
from metrics_ingest.ports.raw import RawLog
from service_kit import strict_json
from service_kit.errors import UserError

ENVELOPE_BYTES = 8 * 1024
KEPT_OF_UNREADABLE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Hooked:
    """How many events a webhook brought, and how many things that are no sound events."""

    events: int
    unreadable: int


async def accept_hook(command: AcceptHook, sources: Sources, log: RawLog, now_ms: int) -> Hooked:
    """Take in everything; return when it stands on all in-sync replicas.

    Raises UserError 404 when the source has no hook, and Infrastructure when the log does not
    answer. The same request again has the same ids: the window of seen ids drops it.
    """
    source = await sources.source(command.tenant, command.source)
    mapping = mapping_of(source)
    by_arrival = source is not None and source.by_arrival
    door = _Door(command, mapping, _zone(source), now_ms, by_arrival)
    events = list(door.events())
    await append_all(log, [log.record_of(event) for event in events])
    unreadable = sum(event.error is not None for event in events)
    return Hooked(len(events) - unreadable, unreadable)


def mapping_of(source: Source | None) -> definitions.Mapping:
    """Return the mapping of a source's webhooks; raises UserError 404."""
    mapping = source.doors.get(HOOK_DOOR) if source is not None else None
    if mapping is None:
        raise unknown_hook()
    return mapping


def unknown_hook() -> UserError:
    """Return the refusal of an address that is none, which tells nothing of why."""
    return UserError(
        "unknown-hook",
        "path.hook",
        "there is no webhook at this address; GET /v1/sources/NAME/hook shows it",
        "此地址没有回调入口；GET /v1/sources/NAME/hook 可查看地址",
        status=404,
    )


def _zone(source: Source | None) -> ZoneInfo:
    return ZoneInfo(source.zone if source is not None else "UTC")


class _Door:
    """Makes the raw events of one request."""

    def __init__(
        self,
        command: AcceptHook,
        mapping: definitions.Mapping,
        zone: ZoneInfo,
        now_ms: int,
        by_arrival: bool,
    ) -> None:
        self._command = command
        self._mapping = mapping
        self._reader = Reader(mapping, zone)
        self._now_ms = now_ms
        self._by_arrival = by_arrival

    def events(self) -> Iterator[RawEvent]:
        """Yield the events; all that could not be read is one event with its cause."""
        body = self._command.body
        refused: list[UserError] = []
        for place, item in enumerate(self._items(body, self._command.query)):
            try:
                event = self._event(item)
                yield msgspec.structs.replace(event, place=place) if self._by_arrival else event
            except UserError as error:
                refused.append(error)
        if refused:
            yield self._unreadable(body, refused)

    def _items(self, body: bytes, query: Mapping[str, str]) -> list[bytes | UserError]:
        try:
            return items_of(self._mapping, body, query)
        except UserError as error:
            return [error]

    def _event(self, item: bytes | UserError) -> RawEvent:
        """Return an item as an event, with its cause if it has no id; raises UserError."""
        if isinstance(item, UserError):
            raise item
        if len(item) > RECORD_BYTES - ENVELOPE_BYTES:
            raise too_large()
        value = strict_json.loads(item)
        if not isinstance(value, dict):
            raise UserError("not-an-object", "$", "a JSON object is wanted", "需要 JSON 对象")
        try:
            return self._raw(self._reader.id_of(value, self._now_ms), item)
        except Unfit as unfit:
            error = error_text(unfit.cause, unfit.where, unfit.detail)
            return self._raw(f"unnamed/{_digest(item)}", item, error)

    def _unreadable(self, body: bytes, refused: list[UserError]) -> RawEvent:
        first = refused[0]
        more = f", and {len(refused) - 1} more like it" if len(refused) > 1 else ""
        error = error_text(UNREADABLE, first.where, f"{first.code}, {first.en}{more}")
        # Where in it stands what must not be kept, nobody can say.
        whole = b"" if self._mapping.drop else body[:KEPT_OF_UNREADABLE]
        kept = base64.b64encode(whole).decode()
        return self._raw(f"unreadable/{_digest(body)}", msgspec.json.encode(kept), error)

    def _raw(self, identity: str, body: bytes, error: str | None = None) -> RawEvent:
        return RawEvent(
            tenant=self._command.tenant,
            source=self._command.source,
            id=identity,
            door=HOOK_DOOR,
            received_ms=self._now_ms,
            body=msgspec.Raw(body),
            error=error,
        )


def _digest(data: bytes) -> str:
    return xxhash.xxh3_128_hexdigest(data)
