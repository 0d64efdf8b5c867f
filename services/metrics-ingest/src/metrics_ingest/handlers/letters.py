"""Dead letters are sent again after mending, each once."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from metrics_ingest.domain.commands import ReplayDeadLetters
from metrics_ingest.domain.letters import KeptLetter, again
from metrics_ingest.domain.mapping import Reader
from metrics_ingest.ports import LetterStore, Replays
from service_kit.errors import UserError

MOST = 1000


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many letters were sent again, how many cannot be mended, and whether more are waiting."""

    replay_id: str
    replayed: int
    unmendable: int
    more: bool


async def replay(command: ReplayDeadLetters, store: LetterStore, replays: Replays) -> Replayed:
    """Mark letters replayed and send their events, in one transaction; at most MOST at once.

    A letter that is not new (replayed before, or accepted after all) is left out. Raises UserError
    when neither ids nor a source are named.
    """
    if not command.ids and command.source is None:
        raise UserError(
            "nothing-named",
            "$",
            "name ids, or a source and, if you like, a cause and a place",
            "请给出 ids，或给出 source（可加 cause 和 where）",
        )
    letters = await store.new_letters(command.tenant, command.ids, command.group, MOST + 1)
    readers: dict[tuple[str, str], Reader | None] = {}
    sent = []
    for letter in letters[:MOST]:
        event = again(letter, await _reader(letter, store, readers))
        if event is not None:
            replays.publish(event)
            sent.append(letter.id)
    if sent:
        await store.mark_replayed(sent, command.replay_id)
        subject = command.source or "ids"
        detail = {"letters": len(sent), "cause": command.cause, "replay": command.replay_id}
        await store.note(command.tenant, command.actor, "dead-letters.replayed", subject, detail)
    tried = min(len(letters), MOST)
    return Replayed(command.replay_id, len(sent), tried - len(sent), len(letters) > MOST)


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
