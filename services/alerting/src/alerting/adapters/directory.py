"""What is known of people, teams and the organisation, as the topic ``directory`` tells it.

directory  {_id: "tenant|kind|id", tenant, kind, version, body}

Who reads it decides nothing that another transaction writes: it needs no head.
"""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from event_contracts.directory import (
    DirectoryMessage,
    OrganisationChanged,
    PersonChanged,
    TeamChanged,
)
from event_contracts.wire import key_of
from service_kit.store import Document, Store, Tx
from service_kit.visibility import Lines

DIRECTORY = "directory"
PERSON, TEAM, ORGANISATION = "person", "team", "organisation"

E = TypeVar("E", PersonChanged, TeamChanged)


class MongoDirectory:
    """The Directory port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._entries = tx[DIRECTORY]

    async def keep(self, entry: DirectoryMessage) -> None:
        """Keep the entry, unless a version as high is there."""
        kind, name = _place(entry)
        identity = key_of(entry.tenant, kind, name)
        known = await self._entries.find_one({"_id": identity})
        if known is None or known["version"] < entry.version:
            fields = {
                "tenant": entry.tenant,
                "kind": kind,
                "version": entry.version,
                "body": msgspec.to_builtins(entry, str_keys=True),
            }
            await self._entries.update_one({"_id": identity}, {"$set": fields}, upsert=True)

    async def names_people(self, tenant: str) -> bool:
        """Whether the organisation lets goal events name people."""
        return _names(await self._entries.find_one({"_id": key_of(tenant, ORGANISATION, "")}))


async def lines_of(store: Store, tenant: str) -> Lines:
    """Return who stands where, outside of any transaction."""
    query = {"tenant": tenant, "kind": {"$in": [PERSON, TEAM]}}
    rows = await store.db[DIRECTORY].find(query).to_list(None)
    people = list(_of(PersonChanged, (row for row in rows if row["kind"] == PERSON)))
    teams = list(_of(TeamChanged, (row for row in rows if row["kind"] == TEAM)))
    return Lines(
        managers={one.person: one.manager for one in people},
        teams={one.person: one.team for one in people},
        leads={one.team: one.lead for one in teams},
        parents={one.team: one.parent for one in teams},
    )


async def names_people(store: Store, tenant: str) -> bool:
    """Whether the organisation lets goal events name people, outside of any transaction."""
    return _names(await store.db[DIRECTORY].find_one({"_id": key_of(tenant, ORGANISATION, "")}))


def _names(row: Document | None) -> bool:
    return (
        row is not None and msgspec.convert(row["body"], OrganisationChanged).individual_goals_told
    )


def _of(type: type[E], rows: Iterable[Document]) -> Iterable[E]:
    return (msgspec.convert(row["body"], type) for row in rows)


def _place(entry: DirectoryMessage) -> tuple[str, str]:
    match entry:
        case PersonChanged():
            return PERSON, entry.person
        case TeamChanged():
            return TEAM, entry.team
        case OrganisationChanged():
            return ORGANISATION, ""
