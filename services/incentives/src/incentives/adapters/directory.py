"""What is known of people, teams and the organisation, as the topic ``directory`` tells it.

Consent is read in the transaction of the award. A withdrawal that commits at the same moment comes
before or after it; neither reads what the other writes, so they need no head.
"""

from typing import TypeVar

import msgspec

from event_contracts.directory import (
    DirectoryMessage,
    OrganisationChanged,
    PersonChanged,
    TeamChanged,
)
from event_contracts.wire import key_of
from incentives.domain.addresses import UNADDRESSED, Address, address_of_person, address_of_team
from incentives.domain.rules import PERSON, TEAM
from service_kit.store import Tx

DIRECTORY = "directory"

E = TypeVar("E", PersonChanged, TeamChanged, OrganisationChanged)


class MongoDirectory:
    """The directory inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._entries = tx[DIRECTORY]

    async def keep(self, entry: DirectoryMessage) -> None:
        """Keep the entry, unless a version as high is there."""
        identity = _id_of(entry)
        known = await self._entries.find_one({"_id": identity})
        if known is None or known["version"] < entry.version:
            fields = {
                "tenant": entry.tenant,
                "version": entry.version,
                "body": msgspec.to_builtins(entry, str_keys=True),
            }
            await self._entries.update_one({"_id": identity}, {"$set": fields}, upsert=True)

    async def address(self, tenant: str, dim_is: str, value: str) -> Address:
        """Return where a praise of the value goes."""
        if dim_is not in (PERSON, TEAM):
            return UNADDRESSED
        organisation = await self._find(OrganisationChanged, tenant, "organisation", "")
        if dim_is == TEAM:
            return address_of_team(await self._team(tenant, value), organisation)
        person = await self._find(PersonChanged, tenant, "person", value)
        team = await self._team(tenant, person.team) if person and person.team else None
        return address_of_person(person, team, organisation)

    async def _team(self, tenant: str, team: str) -> TeamChanged | None:
        return await self._find(TeamChanged, tenant, "team", team)

    async def _find(self, type: type[E], tenant: str, kind: str, identity: str) -> E | None:
        found = await self._entries.find_one({"_id": key_of(tenant, kind, identity)})
        return msgspec.convert(found["body"], type) if found else None


def _id_of(entry: DirectoryMessage) -> str:
    match entry:
        case PersonChanged():
            return key_of(entry.tenant, "person", entry.person)
        case TeamChanged():
            return key_of(entry.tenant, "team", entry.team)
        case OrganisationChanged():
            return key_of(entry.tenant, "organisation", "")
