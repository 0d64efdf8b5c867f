"""The drill's clicks: plain events with an amount, so many and so simple that they go in bulk.

Among them are copies, events that cannot count, and some of these mended under the same id.
"""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from paceline.trial.events import WEB, Event

CLICK = "link.clicked"
PRICE = "price"
COPY_EVERY = 10
SPOILT_EVERY = 40
MENDED_EVERY = 160
PRICE_EVERY = 3
TOLD_PER_CLICK = 1.13  # events that are sent for one click
_PLAIN_FLAWS = ("amount", "region", "time")


def clicks(
    day: date, region: str, count: int, amount: Decimal, late: bool, rng: random.Random
) -> list[Event]:
    """Return a region's events of a day: clicks that come to ``amount``, and what is no click."""
    found: list[Event] = []
    each = (amount / count).quantize(Decimal("0.001"))
    for number in range(count):
        click = Event(
            id=f"click-{day}-{region}-{number}",
            at=datetime.combine(day, time(8), UTC)
            + timedelta(milliseconds=rng.randrange(10 * 3600 * 1000)),
            region=region,
            amount=each + Decimal(rng.randrange(-5, 6)) / 1000,
            late=late and number < count // 3,
            type=CLICK,
            source=WEB,
            page=PRICE if number % PRICE_EVERY == 0 else "home",
        )
        found += [click, click] if number % COPY_EVERY == 4 else [click]
        if number % SPOILT_EVERY == 7:
            found += _spoilt(click, number)
    return found


def overlong(day: date, events: Iterable[Event]) -> Event:
    """Return a click like the first with more digits than a value may have.

    Because of this one a whole slice is folded one by one.
    """
    like = next(event for event in events if event.source == WEB)
    return replace(like, id=f"click-{day}-long", late=False, flaw="digits")


def _spoilt(click: Event, number: int) -> list[Event]:
    flaw = _PLAIN_FLAWS[number // SPOILT_EVERY % len(_PLAIN_FLAWS)]
    bad = replace(click, id=f"{click.id}-bad", late=False, flaw=flaw)
    return [bad, replace(bad, flaw="")] if number % MENDED_EVERY == 7 else [bad]


def counted(events: Iterable[Event]) -> list[Event]:
    """Return what counts of these events, each of them once."""
    return [event for event in events if not event.flaw]


def dead(events: Iterable[Event]) -> list[Event]:
    """Return what stays a dead letter: what is spoilt and was not sent again mended."""
    known = list(events)
    good = {event.id for event in counted(known)}
    return [event for event in known if event.flaw and event.id not in good]
