"""The directory: people, teams, the organisation's settings, calendars with a name.

An entry is changed by a patch: the fields that somebody wants otherwise, the others stay. Applied
to what is there when it is written, a patch takes nothing back that was set in between.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, fields, replace
from datetime import date
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from event_contracts.directory import (
    Absence,
    OrganisationChanged,
    PersonChanged,
    TeamChanged,
)
from event_contracts.goals import Calendar
from event_contracts.wire import Event
from service_kit.visibility import Lines

WEEKDAYS = Calendar()
NOBODY = Lines()


class Leave(NamedTuple):
    """Local days on which a person is on leave, both inclusive."""

    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works here. ``praise`` is the consent to be praised before others.

    ``manager`` is the person whom this one reports to, ``groups`` are chat groups, ``calendar`` is
    a named one, ``entity`` a legal entity.
    """

    tenant: str
    id: str
    name: str = ""
    mail: str = ""
    roles: tuple[str, ...] = ("member",)
    team: str = ""
    manager: str = ""
    language: str = "en"
    praise: bool = False
    entity: str = ""
    groups: tuple[str, ...] = ()
    calendar: str = ""
    leave: tuple[Leave, ...] = ()


@dataclass(frozen=True, slots=True)
class Team:
    """A team: ``lead`` is a person, ``group`` the team's own chat group."""

    tenant: str
    id: str
    name: str = ""
    parent: str = ""
    lead: str = ""
    group: str = ""
    entity: str = ""


@dataclass(frozen=True, slots=True)
class Organisation:
    """What holds for the whole tenant; its id is empty, there is one."""

    tenant: str
    id: str = ""
    name: str = ""
    ceo_channel: str = ""
    individual_goals_told: bool = False
    ranking: bool = False


@dataclass(frozen=True, slots=True)
class NamedCalendar:
    """A calendar that people and goals can share by its name, the ``id``."""

    tenant: str
    id: str
    calendar: Calendar = WEEKDAYS


Entry: TypeAlias = Person | Team | Organisation | NamedCalendar
KINDS: Mapping[type[Entry], str] = {
    Person: "person",
    Team: "team",
    Organisation: "organisation",
    NamedCalendar: "calendar",
}


class Ref(NamedTuple):
    """Which entry of a tenant."""

    kind: type[Entry]
    id: str


@dataclass(frozen=True, slots=True)
class Patch:
    """What an entry shall say. ``based_on``: refuse unless this is the version that it changes."""

    ref: Ref
    fields: Mapping[str, Any]
    based_on: int | None = None

    def applied(self, tenant: str, known: Entry | None) -> Entry:
        """Return the entry as it shall be, a new one where there is none."""
        return replace(known or self.ref.kind(tenant, self.ref.id), **self.fields)


@dataclass(frozen=True, slots=True)
class Kept:
    """A version of an entry: what it says, who said so and when."""

    entry: Entry
    version: int
    actor: str
    changed_ms: int

    def fields_since(self, before: "Kept | None") -> list[str]:
        """Return the names of the fields that differ from before; of a new entry all it sets."""
        entry = self.entry
        old = before.entry if before else type(entry)(entry.tenant, entry.id)
        return [f.name for f in fields(entry) if getattr(old, f.name) != getattr(entry, f.name)]

    def event(self) -> Event | None:
        """Return what other services have to know; None of what stays here."""
        entry = self.entry
        match entry:
            case Person():
                return _person_changed(entry, self.version, self.changed_ms)
            case Team():
                return TeamChanged(
                    tenant=entry.tenant,
                    team=entry.id,
                    version=self.version,
                    name=entry.name,
                    parent=entry.parent,
                    lead=entry.lead,
                    group=entry.group,
                    entity=entry.entity,
                    changed_ms=self.changed_ms,
                )
            case Organisation():
                return OrganisationChanged(
                    tenant=entry.tenant,
                    version=self.version,
                    name=entry.name,
                    ceo_channel=entry.ceo_channel,
                    individual_goals_told=entry.individual_goals_told,
                    ranking=entry.ranking,
                    changed_ms=self.changed_ms,
                )
            case NamedCalendar():
                return None


@dataclass(frozen=True, slots=True)
class Directory:
    """All people, teams and calendars of a tenant.

    ``mails`` says who has which mail address, ``lines`` who stands where; the lines upwards of
    those ``managing_themselves`` and of teams ``above_themselves`` come back to them.
    """

    people: Mapping[str, Person] = field(default_factory=dict)
    teams: Mapping[str, Team] = field(default_factory=dict)
    calendars: Mapping[str, NamedCalendar] = field(default_factory=dict)
    mails: Mapping[str, Set[str]] = field(default_factory=dict)
    lines: Lines = NOBODY
    managing_themselves: Set[str] = frozenset()
    above_themselves: Set[str] = frozenset()

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Directory":
        """Return the directory of the entries; of two with one id the later holds."""
        held = {Ref(type(entry), entry.id): entry for entry in entries}.values()
        people = {entry.id: entry for entry in held if isinstance(entry, Person)}
        teams = {entry.id: entry for entry in held if isinstance(entry, Team)}
        mails: dict[str, set[str]] = {}
        for person in people.values():
            if person.mail:
                mails.setdefault(person.mail.casefold(), set()).add(person.id)
        lines = Lines(
            managers={p.id: p.manager for p in people.values()},
            teams={p.id: p.team for p in people.values()},
            leads={t.id: t.lead for t in teams.values()},
            parents={t.id: t.parent for t in teams.values()},
        )
        return cls(
            people,
            teams,
            {entry.id: entry for entry in held if isinstance(entry, NamedCalendar)},
            mails,
            lines,
            _in_circles(lines.managers),
            _in_circles(lines.parents),
        )

    def find(self, ref: Ref) -> Entry | None:
        """Return an entry; None also for the organisation's settings, which are not held here."""
        held: Mapping[type[Entry], Mapping[str, Entry]] = {
            Person: self.people,
            Team: self.teams,
            NamedCalendar: self.calendars,
        }
        return held.get(ref.kind, {}).get(ref.id)

    def with_(self, entries: Iterable[Entry]) -> "Directory":
        """Return the directory with these entries in place of their namesakes."""
        held: tuple[Iterable[Entry], ...] = (
            self.people.values(),
            self.teams.values(),
            self.calendars.values(),
            entries,
        )
        return Directory.of(chain.from_iterable(held))


def _in_circles(up: Mapping[str, str]) -> frozenset[str]:
    """Return those to whom the line upwards comes back; each step is taken once."""
    found: set[str] = set()
    seen: set[str] = set()
    for start in up:
        way: dict[str, None] = {}
        here = start
        while here and here not in seen and here not in way:
            way[here] = None
            here = up.get(here, "")
        if here in way:
            names = list(way)
            found.update(names[names.index(here) :])
        seen.update(way)
    return frozenset(found)


def _person_changed(person: Person, version: int, at_ms: int) -> PersonChanged:
    return PersonChanged(
        tenant=person.tenant,
        person=person.id,
        version=version,
        name=person.name,
        roles=person.roles,
        team=person.team,
        manager=person.manager,
        language=person.language,
        praise=person.praise,
        entity=person.entity,
        groups=person.groups,
        leave=tuple(Absence(start=start, end=end) for start, end in person.leave),
        changed_ms=at_ms,
    )
