"""The states of subjects in MongoDB (ports.folds.SubjectStore).

    subjects  {_id: key_of(tenant, hash), of: key_of(source, role, name, key), state, more}

``state`` is JSON text: amounts stay exact. A state too large for one document goes on in documents
with ``|1``, ``|2`` ... behind the id; ``more`` says how many.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec
from pymongo import UpdateOne

from event_contracts.wire import hash16, key_of
from metrics_ingest.adapters.folds import MongoFoldStore
from metrics_ingest.adapters.letters import close
from metrics_ingest.domain.subjects.subject import State, Subject

SUBJECTS = "subjects"
MOST_CHARACTERS = 1_000_000

_encoder = msgspec.json.Encoder(decimal_format="string")


class MongoSubjectStore(MongoFoldStore):
    """The effect of a slice of the subjects log in its transaction."""

    async def states(self, subjects: Sequence[Subject]) -> dict[Subject, str]:
        """Return the states that are kept, as they were written."""
        names = {_id(subject): subject for subject in subjects}
        found = {d["_id"]: d for d in await self._tx[SUBJECTS].find_ids(sorted(names))}
        more = [rest for _id, d in found.items() for rest in _rests(_id, d.get("more", 0))]
        rests = {d["_id"]: d["state"] for d in await self._tx[SUBJECTS].find_ids(more)}
        return {
            names[identity]: document["state"]
            + "".join(rests[rest] for rest in _rests(identity, document.get("more", 0)))
            for identity, document in found.items()
        }

    async def close_letters(self, ids: Collection[str]) -> None:
        """Close letters whose records lack nothing any more."""
        await close(self._tx, ids)

    async def write_states(self, states: Mapping[Subject, State]) -> None:
        """Keep these states."""
        await self._tx[SUBJECTS].bulk_write(
            [row for subject, state in states.items() for row in _rows(subject, state)]
        )


def _rows(subject: Subject, state: State) -> Iterator[UpdateOne]:
    text = _encoder.encode(state).decode()
    first, *rest = [text[at : at + MOST_CHARACTERS] for at in range(0, len(text), MOST_CHARACTERS)]
    identity = _id(subject)
    fields = {"of": key_of(*subject[1:]), "state": first, "more": len(rest)}
    yield UpdateOne({"_id": identity}, {"$set": fields}, upsert=True)
    for name, part in zip(_rests(identity, len(rest)), rest, strict=True):
        yield UpdateOne({"_id": name}, {"$set": {"state": part}}, upsert=True)


def _rests(identity: str, count: int) -> list[str]:
    return [f"{identity}|{number}" for number in range(1, count + 1)]


def _id(subject: Subject) -> str:
    return key_of(subject.tenant, hash16(*subject).hex())
