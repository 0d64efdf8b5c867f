"""The drill's members: who visits often enough, and whose leads sign. Both count by their history.

The truth is computed from all events of a member at once, in the order of their times, whatever
order they were sent in.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from paceline.trial.events import SITE, Event

VISIT = "visit.made"
LEAD = "lead.made"
SIGNED = "lead.signed"
THRESHOLD = Decimal(30)
WINDOW = timedelta(days=2)
SIGNS_WITHIN = 3  # days: some sign when the window is over
TOLD_PER_MEMBER = 6  # events of a wanted member and its lead, about

# What visits bring: the second comes up to the threshold and falls again, unless the return is
# the first of its events; the third crosses where the order of its times says.
_SHORT = ((10, 10), (10, 10, 10, -10))
_ENOUGH = ((10, 10, 10), (10, 10, 10, 10, -10))

Place = tuple[str, int]
"""Region and UTC epoch minute."""


def visits(day: date, region: str, wanted: int, come: int, rng: random.Random) -> Iterator[Event]:
    """Yield the visits of a region's day: ``come`` members come up to the threshold."""
    for number in range(max(wanted, come) + 1):
        amounts = (_ENOUGH if number < come else _SHORT)[number % 2]
        for visit, amount in enumerate(amounts):
            member = f"{day}-{region}-{number}"
            yield _event(VISIT, f"{member}-{visit}", day, region, member, rng, amount)


def leads(day: date, region: str, count: int, rng: random.Random) -> Iterator[Event]:
    """Yield the leads of a region's day, and when they sign: then, days later, or never."""
    for number in range(count):
        member = f"lead-{day}-{region}-{number}"
        yield _event(LEAD, member, day, region, member, rng)
        if number % 4 == 0:  # a second lead is no second chance
            yield _event(LEAD, f"{member}-2", day + timedelta(days=1), region, member, rng)
        if number % 4 != 3:
            signs = day + timedelta(days=number % 4 and rng.randrange(SIGNS_WITHIN + 1))
            yield _event(SIGNED, f"{member}-s", signs, region, member, rng)


def _event(
    kind: str, name: str, day: date, region: str, member: str, rng: random.Random, amount: int = 1
) -> Event:
    return Event(
        id=f"{kind}-{name}",
        at=datetime.combine(day, time(8), UTC)
        + timedelta(milliseconds=rng.randrange(10 * 3600 * 1000)),
        region=region,
        amount=Decimal(amount),
        type=kind,
        source=SITE,
        subject=member,
    )


def came_up(events: Iterable[Event]) -> Counter[Place]:
    """Return how many members came to the threshold, by where and when they did.

    That is the last minute in which a member's sum rose to the threshold and after which it stayed
    there.
    """
    by_member: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for event in events:
        if event.type == VISIT:
            by_member[event.subject, event.region][event.minute] += int(event.amount)
    found: Counter[Place] = Counter()
    for (_, region), minutes in by_member.items():
        minute = _crossed(minutes)
        if minute is not None:
            found[region, minute] += 1
    return found


def _crossed(minutes: Counter[int]) -> int | None:
    total, crossed = 0, None
    for minute in sorted(minutes):
        before, total = total, total + minutes[minute]
        if total < THRESHOLD:
            crossed = None
        elif before < THRESHOLD:
            crossed = minute
    return crossed


def converted(events: Iterable[Event]) -> dict[Place, tuple[int, int]]:
    """Return how many leads signed within the window and how many there were, by the first lead."""
    first: dict[str, Event] = {}
    signed: dict[str, list[datetime]] = defaultdict(list)
    for event in events:
        if event.type == SIGNED:
            signed[event.subject].append(event.at)
        elif event.type == LEAD:
            known = first.get(event.subject, event)
            first[event.subject] = min(known, event, key=lambda each: each.at)
    found: dict[Place, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for member, lead in first.items():
        place = lead.region, lead.minute
        won = any(lead.at <= at <= lead.at + WINDOW for at in signed[member])
        done, all_ = found[place]
        found[place] = done + won, all_ + 1
    return dict(found)
