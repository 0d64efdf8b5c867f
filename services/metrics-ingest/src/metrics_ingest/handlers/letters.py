"""Dead letters are sent again after mending, each once."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from event_contracts.raw import RawEvent
from metrics_ingest.domain.commands import ReplayDeadLetters
from metrics_ingest.domain.definitions import TOPIC_DOOR
from metrics_ingest.domain.letters import KeptLetter, again, touch_of
from metrics_ingest.domain.mapping import Reader
from metrics_ingest.domain.mapping.wire import AVRO
from metrics_ingest.handlers.rekeying import (
    KEPT_OF_UNREADABLE,
    ForeignDoor,
    Known,
    events_of,
    schema_ids,
)
from metrics_ingest.ports.letters import LetterStore, Replays
from metrics_ingest.ports.raw import RegistryDown, Schemas
from service_kit.errors import UserError

MOST = 1000
MOST_BYTES = 16 * 1024 * 1024
PAGE = 50


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many letters were sent again, how many cannot be mended, and whether more are waiting."""

    replay_id: str
    replayed: int
    unmendable: int
    more: bool


async def replay(
    command: ReplayDeadLetters, store: LetterStore, schemas: Schemas, replays: Replays
) -> Replayed:
    """Mark letters replayed and send their events, in one transaction.

    At most MOST at once, and not many more than MOST_BYTES: some are as large as a record may be.

    A letter that is not new (replayed before, or accepted after all) is left out. Raises UserError
    when neither ids nor a source are named, or when the registry cannot be asked for schemas.
    """
    if not command.ids and command.source is None:
        raise UserError(
            "nothing-named",
            "$",
            "name ids, or a source and, if you like, a cause and a place",
            "请给出 ids，或给出 source（可加 cause 和 where）",
        )
    known: dict[tuple[str, str], Reader | None] = {}
    sent: list[str] = []
    tried = size = 0
    while tried < MOST and size < MOST_BYTES:
        letters = await _page(command, store, tried, min(PAGE, MOST - tried))
        if not letters:
            break
        tried += len(letters)
        touches = {letter.id: touch for letter in letters if (touch := touch_of(letter))}
        for letter in letters:
            if letter.id in touches:
                replays.touch((letter.tenant, letter.source), touches[letter.id])
                sent.append(letter.id)
                size += len(letter.body)
        letters = [letter for letter in letters if letter.id not in touches]
        for letter, events in await _events_of(letters, store, schemas, known):
            for event in events:
                replays.publish(event)
            if events:
                sent.append(letter.id)
                size += len(letter.body)
    more = bool(await _page(command, store, tried, 1))  # before any is marked, for the place's sake
    if sent:
        await store.mark_replayed(sent, command.replay_id)
        subject = command.source or "ids"
        detail = {"letters": len(sent), "cause": command.cause, "replay": command.replay_id}
        await store.note(command.tenant, command.actor, "dead-letters.replayed", subject, detail)
    return Replayed(command.replay_id, len(sent), tried - len(sent), more)


async def _page(
    command: ReplayDeadLetters, store: LetterStore, skip: int, limit: int
) -> list[KeptLetter]:
    return await store.new_letters(command.tenant, command.ids, command.group, skip, limit)


async def _events_of(
    letters: Sequence[KeptLetter],
    store: LetterStore,
    schemas: Schemas,
    known: dict[tuple[str, str], Reader | None],
) -> list[tuple[KeptLetter, list[RawEvent]]]:
    """Return what each letter is sent again as; raises UserError without the registry."""
    readers = [await _reader(letter, store, known) for letter in letters]
    pairs = list(zip(letters, readers, strict=True))
    found = await _schemas(pairs, schemas)
    return [(letter, _events(letter, reader, found)) for letter, reader in pairs]


async def _reader(
    letter: KeptLetter, store: LetterStore, known: dict[tuple[str, str], Reader | None]
) -> Reader | None:
    """Return the mapping of the letter's door; only letters without a readable id need it."""
    if letter.error is None:
        return None
    name = (letter.source, letter.door)
    if name not in known:
        source = await store.source(letter.tenant, letter.source)
        mapping = source.doors.get(letter.door) if source is not None else None
        known[name] = (
            None if source is None or mapping is None else Reader(mapping, ZoneInfo(source.zone))
        )
    return known[name]


async def _schemas(letters: Iterable[tuple[KeptLetter, Reader | None]], schemas: Schemas) -> Known:
    ids = schema_ids(value for letter, reader in letters if (value := _avro(letter, reader)))
    try:
        return await schemas.find(ids)
    except RegistryDown as down:
        raise UserError(
            "registry-down",
            "$",
            f"{down}; try again later",
            "schema 注册中心没有应答；请稍后再试",
            status=503,
        ) from None


def _events(letter: KeptLetter, reader: Reader | None, known: Known) -> list[RawEvent]:
    """Return what the letter is sent again as, nothing while it cannot be read.

    A record of several events that could not be read was one letter. Each of them is a letter of
    its own if it dies again, or replaying that one would send the others once more.
    """
    value = _avro(letter, reader)
    if value is None:
        event = again(letter, reader)
        return [] if event is None else [event]
    topic = letter.door.removeprefix(TOPIC_DOOR)
    door = ForeignDoor(letter.tenant, letter.source, topic, reader)
    events = events_of(value, {}, door, letter.event_id, letter.received_ms, known)
    if any(event.error is not None for event in events):
        return []
    if len(events) == 1:
        return [replace(events[0], replay_of=letter.id)]
    return [replace(each, replay_of=f"{letter.id}.{n}") for n, each in enumerate(events)]


def _avro(letter: KeptLetter, reader: Reader | None) -> bytes | None:
    """Return the bytes of a record that could not be read by its schema, whole."""
    if letter.error is None or reader is None or reader.mapping.wire != AVRO:
        return None
    try:
        value = base64.b64decode(msgspec.json.decode(letter.body, type=str))
    except (msgspec.DecodeError, ValueError):
        return None
    return value if len(value) < KEPT_OF_UNREADABLE else None
