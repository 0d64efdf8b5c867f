"""What is known of people, teams and the organisation, as the topic ``directory`` tells it.

Consent is read in the transaction of the award. A withdrawal that commits at the same moment comes
before or after it; neither reads what the other writes, so they need no head. The first entry of a
recipient and an award that waits for it do: see adapters.waiting.
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
from incentives.domain.addresses import (
    UNADDRESSED,
    Address,
    Recipient,
    address_of_person,
    address_of_team,
    waiting_for,
)
from incentives.domain.rules import PERSON, TEAM
from service_kit.store import Tx

DIRECTORY = "directory"

E = TypeVar("E", PersonChanged, TeamChanged, OrganisationChanged)


class MongoDirectory:
    """The directory inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._entries = tx[DIRECTORY]

    async def keep(self, entry: DirectoryMessage) -> bool:
        """Keep the entry, unless a version as high is there; return whether it is the first."""
        identity = _id_of(entry)
        known = await self._entries.find_one({"_id": identity})
        if known is None or known["version"] < entry.version:
            fields = {
                "tenant": entry.tenant,
                "version": entry.version,
                "body": msgspec.to_builtins(entry, str_keys=True),
            }
            await self._entries.update_one({"_id": identity}, {"$set": fields}, upsert=True)
        return known is None

    async def address(self, tenant: str, dim_is: str, value: str) -> Address:
        """Return where a praise of the value goes."""
        if dim_is not in (PERSON, TEAM):
            return UNADDRESSED
        organisation = await self._find(OrganisationChanged, tenant, "organisation", "")
        if dim_is == TEAM:
            whole = await self._team(tenant, value)
            return address_of_team(whole, organisation) if whole else _unknown(TEAM, value)
        person = await self._find(PersonChanged, tenant, PERSON, value)
        if person is None:
            return _unknown(PERSON, value)
        team = await self._team(tenant, person.team) if person.team else None
        return address_of_person(person, team, organisation)

    async def _team(self, tenant: str, team: str) -> TeamChanged | None:
        return await self._find(TeamChanged, tenant, TEAM, team)

    async def _find(self, type: type[E], tenant: str, kind: str, identity: str) -> E | None:
        found = await self._entries.find_one({"_id": key_of(tenant, kind, identity)})
        return msgspec.convert(found["body"], type) if found else None


def recipient_of(entry: DirectoryMessage) -> Recipient | None:
    """Return whom the entry is about; None: the organisation, for which nothing waits."""
    match entry:
        case PersonChanged():
            return Recipient(PERSON, entry.person)
        case TeamChanged():
            return Recipient(TEAM, entry.team)
        case OrganisationChanged():
            return None


def _unknown(kind: str, identity: str) -> Address:
    return waiting_for(Recipient(kind, identity))


def _id_of(entry: DirectoryMessage) -> str:
    recipient = recipient_of(entry)
    return key_of(entry.tenant, *(recipient or ("organisation", "")))
