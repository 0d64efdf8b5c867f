"""A dead letter as it is kept: what arrived, why it cannot count, and what became of it."""

import msgspec
import xxhash

from event_contracts.raw import RawEvent
from event_contracts.subjects import SubjectEvent
from event_contracts.wire import hash16
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.folding import Letter
from metrics_ingest.domain.mapping import Reader, decode
from metrics_ingest.domain.secrets import without_secrets
from metrics_ingest.domain.subjects.subject import Subject

NEW = "new"
REPLAYED = "replayed"
SUPERSEDED = "superseded"

PROCESSOR = "metrics-ingest/1"
"""Who refused: to be counted up when the meaning of a letter's fields changes."""


SUBJECT_DOOR = "subjects/"
"""The door of what was refused where subjects are: no source has one of this name."""


_SAID = {"decimals", "texts", "integers"}


class KeptLetter(msgspec.Struct, frozen=True, kw_only=True):
    """``id`` is the same for the same payload under the same id: copies are counted, not kept.

    ``state`` is new, replayed, or superseded (the event was sent again and accepted). Times are
    epoch milliseconds: of the last copy, and ``received_ms`` of the first. ``detail`` is what would
    be right (``zh``: in Chinese), ``got`` the sort of what was there. ``attempts`` is how often it
    was sent again, ``replay_id`` in which replay last. ``body`` is without its secrets
    (domain.secrets). ``place`` is the event's in its request.
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
    got: str = ""
    zh: str = ""
    processor: str = ""
    attempts: int = 0
    replay_id: str | None = None
    place: int = 0

    @property
    def key(self) -> bytes:
        """The key of the event's id in the window."""
        return hash16(self.tenant, self.source, self.event_id)


def kept(letter: Letter, topic: str, partition: int, at_ms: int) -> KeptLetter:
    """Return the letter as it is kept."""
    raw = letter.arrival.event
    unfit = letter.unfit
    body = bytes(raw.body)
    payload = xxhash.xxh3_128_hexdigest(body)
    mapping = letter.source.doors.get(raw.door) if letter.source is not None else None
    return KeptLetter(
        # What is sent again is the same letter, though it comes without its secrets.
        id=raw.replay_of or hash16(raw.tenant, raw.source, raw.id, payload).hex(),
        tenant=raw.tenant,
        source=raw.source,
        event_id=raw.id,
        door=raw.door,
        cause=unfit.cause,
        where=unfit.where[:1000],
        detail=unfit.detail[:1000],
        at_ms=at_ms,
        received_ms=raw.received_ms,
        topic=topic,
        partition=partition,
        offset=letter.arrival.offset,
        body=without_secrets(body, mapping),
        error=raw.error,
        got=unfit.got,
        zh=unfit.zh[:1000],
        processor=PROCESSOR,
        place=raw.place,
    )


def lacking_id(subject: Subject, cause: str, where: str) -> str:
    """Return the id of the letter that a record lacks something: one, however often it is told."""
    return hash16("lacking", *subject, cause, where).hex()


def touch_of(letter: KeptLetter) -> SubjectEvent | None:
    """Return the event that has a record booked anew, None of a letter that is of no record.

    The record knows what the event said, and the letter has it without its secrets: it says no more
    than whose it is.
    """
    if letter.error is not None or not letter.door.startswith(SUBJECT_DOOR):
        return None
    told = msgspec.json.decode(letter.body)  # *** may stand where a number was
    return msgspec.convert({name: told[name] for name in told.keys() - _SAID}, SubjectEvent)


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
        place=letter.place,
    )
