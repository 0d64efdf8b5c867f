"""Where a praise goes: to the team's chat group and to the CEO, unless the person does not want it.

A person who is not known has agreed to nothing.
"""

from dataclasses import dataclass
from typing import Final

from event_contracts.directory import OrganisationChanged, PersonChanged, TeamChanged

POSTED: Final = "posted"
NO_CONSENT: Final = "no-consent"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a praise is posted. ``people`` are those named in it, each of whom has agreed."""

    state: str = POSTED
    team: str = ""
    group: str = ""
    ceo_channel: str = ""
    people: tuple[str, ...] = ()

    @property
    def posted(self) -> bool:
        """Whether it is sent at all."""
        return self.state == POSTED


UNADDRESSED: Final = Address()


def address_of_person(
    person: PersonChanged | None, team: TeamChanged | None, organisation: OrganisationChanged | None
) -> Address:
    """Return where the praise of a person goes; without the person's consent nowhere."""
    if person is None or not person.praise:
        return Address(NO_CONSENT)
    return Address(
        team=person.team,
        group=team.group if team else "",
        ceo_channel=organisation.ceo_channel if organisation else "",
        people=(person.person,),
    )


def address_of_team(team: TeamChanged | None, organisation: OrganisationChanged | None) -> Address:
    """Return where the praise of a whole team goes; it names nobody and needs no consent."""
    return Address(
        team=team.team if team else "",
        group=team.group if team else "",
        ceo_channel=organisation.ceo_channel if organisation else "",
    )
