"""The drill's orders as their senders tell them: as events, as reports that are restated, as deals.

Whatever the way, an order ends at its amount. Versions rise until then, so that no sum ever stands
above its last; they are shuffled before they are sent, so that stale ones come behind newer ones.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from paceline.trial.events import Event

ORDER = "order.placed"
CELL = "report.cell"
ROW = "report.row"
DEAL = "deal.changed"
WON, LOST = "won", "lost"
EVERY = 8  # one order in so many is told as a cell, one as a row of a slice, one as a deal
LOST_EVERY = 32

CONTRIBUTIONS: list[dict[str, Any]] = [
    {"kind": "snapshot", "types": [CELL], "key": ["subject"], "as_of": "as_of"},
    {
        "kind": "slice",
        "types": [ROW],
        "key": ["subject"],
        "cell": ["cell"],
        "as_of": "as_of",
        "part": "part",
        "parts": "parts",
    },
    {"kind": "entity", "types": [DEAL], "key": ["subject"], "as_of": "as_of"},
]


def told(orders: Sequence[Event], name: str, rng: random.Random) -> list[Event]:
    """Return the events by which the orders of one region's day are told; ``name`` is unique."""
    found: list[Event] = []
    rows: list[Event] = []
    for number, order in enumerate(orders):
        if number % EVERY == 1:
            found += _versions(order, CELL)
        elif number % EVERY == 3:
            found += _versions(order, DEAL)
        elif number % EVERY == 5:
            rows.append(order)
        else:
            found.append(order)
        if number % LOST_EVERY == 0:
            found += _lost(order, name, number)
    rng.shuffle(rows)
    return found + list(_slices(rows, name))


def _versions(order: Event, kind: str) -> Iterator[Event]:
    """Yield three versions of a cell or a deal; where it comes late, the last one does."""
    subject = f"{kind}-{order.id}"
    for as_of, share in enumerate((Decimal("0.25"), Decimal("0.5"), Decimal(1)), 1):
        yield replace(
            order,
            id=f"{subject}-{as_of}",
            amount=order.amount * share,
            late=order.late and as_of == 3,
            type=kind,
            subject=subject,
            as_of=as_of,
            stage=WON if kind == DEAL else "",
        )


def _lost(order: Event, name: str, number: int) -> Iterator[Event]:
    """Yield a deal that is won and lost again: it leaves nothing.

    It is worth a quarter: while it stands, a day's sum must not reach a praise that the last sum
    does not reach. A killed worker lets it stand longer than all else takes to come.
    """
    subject = f"lost-{name}-{number}"
    for as_of, stage in enumerate((WON, LOST), 1):
        yield replace(
            order,
            id=f"{subject}-{as_of}",
            amount=order.amount / 4,
            late=False,
            type=DEAL,
            subject=subject,
            as_of=as_of,
            stage=stage,
        )


def _slices(rows: Sequence[Event], name: str) -> Iterator[Event]:
    """Yield a first slice with half the amounts and a row that vanishes, and the last one."""
    if not rows:
        return
    late = any(row.late for row in rows)
    gone = replace(rows[0], id="gone", amount=Decimal("0.5"))
    halves = [replace(row, amount=row.amount / 2) for row in rows]
    for as_of, some in ((1, [*halves, gone]), (2, rows)):
        for part, row in enumerate(some, 1):
            yield replace(
                row,
                id=f"slice-{name}-{as_of}-{part}",
                late=late and as_of == 2,
                type=ROW,
                subject=name,
                as_of=as_of,
                cell=row.id,
                part=part,
                parts=len(some),
            )


def standing(events: Iterable[Event]) -> list[Event]:
    """Return what counts of these events: every order, and of each state its newest version.

    Of slices the newest of which every part is there; a lost deal counts nothing.
    """
    found: list[Event] = []
    versions: dict[tuple[str, str], dict[int, list[Event]]] = {}
    for event in events:
        if event.type == ORDER:
            found.append(event)
        else:
            subject = versions.setdefault((event.type, event.subject), {})
            subject.setdefault(event.as_of, []).append(event)
    for (kind, _), by_as_of in versions.items():
        whole = [
            as_of
            for as_of, parts in by_as_of.items()
            if kind != ROW or len({e.part for e in parts}) == parts[0].parts
        ]
        if whole:
            found += [e for e in by_as_of[max(whole)] if e.stage != LOST]
    return found
