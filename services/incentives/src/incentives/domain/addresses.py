"""Where a praise goes: to the team's chat group and to the CEO, unless the person does not want it.

Of who is not known yet nothing can be said: the praise waits for that entry of the directory.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from event_contracts.directory import OrganisationChanged, PersonChanged, TeamChanged
from incentives.domain.rules import TEAM

POSTED: Final = "posted"
NO_CONSENT: Final = "no-consent"
WAITING: Final = "waiting"


class Recipient(NamedTuple):
    """A person or a team whom a praise reaches; ``kind`` says which."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where a praise is posted. ``people`` are those named in it, each of whom has agreed.

    ``waits_for`` is set as long as the state is waiting: it cannot be decided without that entry.
    """

    state: str = POSTED
    team: str = ""
    group: str = ""
    ceo_channel: str = ""
    people: tuple[str, ...] = ()
    waits_for: Recipient | None = None

    @property
    def posted(self) -> bool:
        """Whether it is sent at all."""
        return self.state == POSTED


UNADDRESSED: Final = Address()


def address_of_person(
    person: PersonChanged, team: TeamChanged | None, organisation: OrganisationChanged | None
) -> Address:
    """Return where the praise of a person goes; without the person's consent nowhere."""
    if not person.praise:
        return Address(NO_CONSENT)
    if person.team and team is None:
        return waiting_for(Recipient(TEAM, person.team))
    return Address(
        team=person.team,
        group=team.group if team else "",
        ceo_channel=organisation.ceo_channel if organisation else "",
        people=(person.person,),
    )


def address_of_team(team: TeamChanged, organisation: OrganisationChanged | None) -> Address:
    """Return where the praise of a whole team goes; it names nobody and needs no consent."""
    return Address(
        team=team.team,
        group=team.group,
        ceo_channel=organisation.ceo_channel if organisation else "",
    )


def waiting_for(recipient: Recipient) -> Address:
    """Return the address of a praise that cannot be decided before the recipient is known."""
    return Address(WAITING, waits_for=recipient)
