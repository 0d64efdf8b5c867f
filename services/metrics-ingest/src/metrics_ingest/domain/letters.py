"""A dead letter as it is kept: what arrived, why it cannot count, and what became of it."""

import re
from decimal import Decimal
from typing import Any

import msgspec
import xxhash

from event_contracts.raw import RawEvent
from event_contracts.wire import hash16
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.folding import Letter
from metrics_ingest.domain.mapping import Reader, decode

NEW = "new"
REPLAYED = "replayed"
SUPERSEDED = "superseded"

_SECRET = re.compile(
    r"secret|token|passw|api_?key|write_?key|google_key|authori[sz]ation|credential", re.IGNORECASE
)
HIDDEN = "***"


class KeptLetter(msgspec.Struct, frozen=True, kw_only=True):
    """``id`` is the same for the same payload under the same id: copies are counted, not kept.

    ``state`` is new, replayed, or superseded (the event was sent again and accepted). Times are
    epoch milliseconds: of the last copy, and ``received_ms`` of the first.
    """

    id: str
    tenant: str
    source: str
    event_id: str
    door: str
    cause: str
    where: str
    detail: str
    at_ms: int
    received_ms: int
    topic: str
    partition: int
    offset: int
    body: bytes
    error: str | None = None
    state: str = NEW
    count: int = 1

    @property
    def key(self) -> bytes:
        """The key of the event's id in the window."""
        return hash16(self.tenant, self.source, self.event_id)


def kept(letter: Letter, topic: str, partition: int, at_ms: int) -> KeptLetter:
    """Return the letter as it is kept."""
    raw = letter.arrival.event
    body = bytes(raw.body)
    payload = xxhash.xxh3_128_hexdigest(body)
    return KeptLetter(
        id=hash16(raw.tenant, raw.source, raw.id, payload).hex(),
        tenant=raw.tenant,
        source=raw.source,
        event_id=raw.id,
        door=raw.door,
        cause=letter.cause,
        where=letter.where[:1000],
        detail=letter.detail[:1000],
        at_ms=at_ms,
        received_ms=raw.received_ms,
        topic=topic,
        partition=partition,
        offset=letter.arrival.offset,
        body=body,
        error=raw.error,
    )


def again(letter: KeptLetter, reader: Reader | None) -> RawEvent | None:
    """Return the event to send again: as received, with its first time of arrival and its id.

    A record whose id could not be read gets the one that the mapping finds now. None when there is
    nothing to mend: the record is no JSON object, or still has no id.
    """
    identity = letter.event_id
    if letter.error is not None:
        try:
            body = decode(letter.body)
            identity = reader.id_of(body, letter.received_ms) if reader is not None else ""
        except Unfit:
            return None
        if not identity:
            return None
    return RawEvent(
        tenant=letter.tenant,
        source=letter.source,
        id=identity,
        door=letter.door,
        received_ms=letter.received_ms,
        body=msgspec.Raw(letter.body),
        replay_of=letter.id,
    )


def shown(body: bytes) -> Any:
    """Return a kept body for a person's eyes: values under names of secrets are hidden."""
    try:
        found = msgspec.json.Decoder(float_hook=Decimal).decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return body.decode("utf-8", "replace")
    return _hidden(found)


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: HIDDEN if _SECRET.search(k) else _hidden(v) for k, v in value.items()}
    return [_hidden(item) for item in value] if isinstance(value, list) else value
