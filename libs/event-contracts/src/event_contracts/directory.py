"""Who belongs to whom: people, teams and the organisation's settings, as other services need them.

A person's mail is not on the wire: who has to write to people asks goal-service.
"""

from datetime import date
from typing import TypeAlias

from event_contracts.wire import Event, Part


class Absence(Part, frozen=True, kw_only=True):
    """Local days on which a person is on leave, both inclusive."""

    start: date
    end: date


class PersonChanged(Event, frozen=True, kw_only=True, tag="directory.person.v1"):
    """State per (tenant, person): the highest version holds.

    ``roles`` are some of admin, lead, member, finance, sales, viewer. ``manager`` is the person
    that this one reports to. ``praise`` is the consent to be praised before others, which nobody
    has given who has not said so. ``groups`` are chat groups, ``entity`` a legal entity.
    """

    tenant: str
    person: str
    version: int
    name: str
    roles: tuple[str, ...] = ()
    team: str = ""
    manager: str = ""
    language: str = "en"
    praise: bool = False
    entity: str = ""
    groups: tuple[str, ...] = ()
    leave: tuple[Absence, ...] = ()
    changed_ms: int = 0


class TeamChanged(Event, frozen=True, kw_only=True, tag="directory.team.v1"):
    """State per (tenant, team): ``lead`` is a person, ``group`` the team's own chat group."""

    tenant: str
    team: str
    version: int
    name: str
    parent: str = ""
    lead: str = ""
    group: str = ""
    entity: str = ""
    changed_ms: int = 0


class OrganisationChanged(Event, frozen=True, kw_only=True, tag="directory.organisation.v1"):
    """State per tenant. ``ceo_channel`` is the chat channel that the CEO reads.

    ``individual_goals_told``: events for other systems may name the person of an individual goal.
    ``ranking``: individuals may be ranked; off unless the organisation wants it.
    """

    tenant: str
    version: int
    name: str = ""
    ceo_channel: str = ""
    individual_goals_told: bool = False
    ranking: bool = False
    changed_ms: int = 0


DirectoryMessage: TypeAlias = PersonChanged | TeamChanged | OrganisationChanged
