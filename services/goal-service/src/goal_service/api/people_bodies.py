"""What requests say of the directory, and how its entries are shown."""

from datetime import date
from typing import Any

import msgspec

from event_contracts.goals import Calendar
from goal_service.api.bodies import instant
from goal_service.domain.people import (
    Kept,
    Leave,
    NamedCalendar,
    Organisation,
    Patch,
    Person,
    Ref,
    Team,
)


class ConsentBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a person agrees to: being praised before the team and the CEO."""

    praise: bool


class AbsenceBody(msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Local days of leave, both inclusive."""

    start: date
    end: date


class LeaveBody(msgspec.Struct, frozen=True, kw_only=True):
    """All leave of a person, in place of what was known."""

    leave: tuple[AbsenceBody, ...]

    def patch(self, person: str) -> Patch:
        """Return what it changes."""
        leave = tuple(sorted({Leave(each.start, each.end) for each in self.leave}))
        return Patch(Ref(Person, person), {"leave": leave})


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    """An entry anew, what is left out as if it were new. ``based_on``: only from this version."""

    based_on: int | None = None


class PersonBody(_Body, frozen=True, kw_only=True):
    """A person anew. Consent left out stays as it is, and so does leave, which has its own path."""

    name: str
    mail: str = ""
    roles: tuple[str, ...] = ("member",)
    team: str = ""
    manager: str = ""
    language: str = "en"
    consent: ConsentBody | None = None
    entity: str = ""
    groups: tuple[str, ...] = ()
    calendar: str = ""

    def patch(self, person: str) -> Patch:
        """Return what it changes."""
        fields = msgspec.structs.asdict(self)
        del fields["consent"], fields["based_on"]
        consent = {"praise": self.consent.praise} if self.consent else {}
        return Patch(Ref(Person, person), fields | consent, self.based_on)


class TeamBody(_Body, frozen=True, kw_only=True):
    """A team anew."""

    name: str
    parent: str = ""
    lead: str = ""
    group: str = ""
    entity: str = ""

    def patch(self, team: str) -> Patch:
        """Return what it changes."""
        return _patch(Ref(Team, team), self)


class OrganisationBody(_Body, frozen=True, kw_only=True):
    """The organisation's settings anew."""

    name: str = ""
    ceo_channel: str = ""
    individual_goals_told: bool = False
    ranking: bool = False

    def patch(self) -> Patch:
        """Return what it changes."""
        return _patch(Ref(Organisation, ""), self)


class CalendarBody(_Body, frozen=True, kw_only=True):
    """A named calendar anew."""

    calendar: Calendar

    def patch(self, calendar: str) -> Patch:
        """Return what it changes."""
        return _patch(Ref(NamedCalendar, calendar), self)


def shown_entry(kept: Kept) -> dict[str, Any]:
    """Return an entry as answers show it, with its version."""
    entry = kept.entry
    if isinstance(entry, Person):
        fields = _person(entry)
    elif isinstance(entry, NamedCalendar):
        fields = {"id": entry.id, "calendar": msgspec.structs.asdict(entry.calendar)}
    else:
        fields = msgspec.to_builtins(entry)
        del fields["tenant"]
    if isinstance(entry, Organisation):
        del fields["id"]
    return fields | _said(kept)


def listed_person(kept: Kept) -> dict[str, Any]:
    """Return a person as lists show everybody: no mail, no leave, no consent."""
    entry = kept.entry
    assert isinstance(entry, Person)
    names = ("id", "name", "roles", "team", "manager", "entity")
    return {name: getattr(entry, name) for name in names} | {"version": kept.version}


def _person(person: Person) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(person)
    del fields["tenant"]
    fields["consent"] = {"praise": fields.pop("praise")}
    fields["leave"] = [{"from": each.start, "to": each.end} for each in person.leave]
    return fields


def _said(kept: Kept) -> dict[str, Any]:
    return {
        "version": kept.version,
        "changed_by": kept.actor,
        "changed_at": instant(kept.changed_ms),
    }


def _patch(ref: Ref, body: _Body) -> Patch:
    fields = msgspec.structs.asdict(body)
    based_on = fields.pop("based_on")
    return Patch(ref, fields, based_on)
