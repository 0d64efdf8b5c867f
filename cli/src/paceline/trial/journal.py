"""The driver's own book of acknowledged events, and what they come to: the only truth.

Nothing here is asked of the services, and nothing is computed by their code.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

from paceline.trial import clicks, visits
from paceline.trial.events import DRILL, SITE, SOURCES, WEB, Event
from paceline.trial.states import standing

ALL = "all"
CLICKS = "clicks"
MEMBERS = "members"

Place = tuple[str, int]
"""Region and UTC epoch minute."""


class Sum(NamedTuple):
    """What stands in a cell: sum, denominators, and the events or subjects behind it."""

    value: Decimal
    over: Decimal
    events: int


@dataclass(slots=True)
class Journal:
    """What was acknowledged. An event that cannot count has a name of its own beside its id's."""

    events: dict[tuple[str, str], Event] = field(default_factory=dict)

    def add(self, events: Iterable[Event]) -> None:
        """Note acknowledged events; a copy changes nothing."""
        self.events.update({(event.id, event.flaw): event for event in events})

    def of(self, source: str) -> list[Event]:
        """Return the events of a source."""
        return [event for event in self.events.values() if event.source == source]

    def records(self) -> list[str]:
        """Return the ids of the business records."""
        return [event.id for event in self.of(DRILL)]

    def accepted(self) -> dict[str, int]:
        """Return how many events of each source count, whatever they come to."""
        return {source: len(clicks.counted(self.of(source))) for source in SOURCES}

    def letters(self) -> list[Event]:
        """Return what stays a dead letter."""
        return clicks.dead(self.of(WEB))

    def counting(self) -> dict[str, int]:
        """Return how many events or members stand behind each of the company's goals."""
        return {
            ALL: len(standing(self.of(DRILL))),
            CLICKS: len(clicks.counted(self.of(WEB))),
            MEMBERS: visits.came_up(self.of(SITE)).total(),
        }

    def facts(self) -> dict[str, dict[Place, Sum]]:
        """Return what stands in each metric's cells."""
        web = clicks.counted(self.of(WEB))
        prices = [event for event in web if event.page == clicks.PRICE]
        site = self.of(SITE)
        came = visits.came_up(site).items()
        won = visits.converted(site).items()
        return {
            "revenue": _sums((e, e.amount) for e in standing(self.of(DRILL))),
            "click_value": _sums((e, e.amount) for e in web),
            "price_views": _sums((e, Decimal(1)) for e in prices),
            "members": {place: Sum(Decimal(n), Decimal(0), n) for place, n in came},
            "won": {place: Sum(Decimal(n), Decimal(all_), all_) for place, (n, all_) in won},
        }

    def per_day(self, *, late: bool) -> dict[str, dict[date, Decimal]]:
        """Return each goal's value by day, with the late events or without them."""
        known = [event for event in self.events.values() if late or not event.late]
        sums: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for event in standing(e for e in known if e.source == DRILL):
            sums[event.region][event.at.date()] += event.amount
            sums[ALL][event.at.date()] += event.amount
        for event in clicks.counted(e for e in known if e.source == WEB):
            sums[CLICKS][event.at.date()] += event.amount
        for (_, minute), number in visits.came_up(known).items():
            sums[MEMBERS][datetime.fromtimestamp(minute * 60, UTC).date()] += number
        return {name: dict(values) for name, values in sums.items()}


def _sums(amounts: Iterable[tuple[Event, Decimal]]) -> dict[Place, Sum]:
    found: dict[Place, Sum] = {}
    for event, amount in amounts:
        place = event.region, event.minute
        value, over, count = found.get(place, Sum(Decimal(0), Decimal(0), 0))
        found[place] = Sum(value + amount, over, count + 1)
    return found
