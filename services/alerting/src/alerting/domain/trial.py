"""A policy tried on a goal's past: the lights as they are beside those that it would have given.

Pure. The past is judged anew by a copy of the newest version that stands as the only one there ever
was, over the results as known now; nothing is told and nothing is kept.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from alerting.domain.calendar import DAY
from alerting.domain.goal import Goal, Policy
from alerting.domain.judged import State
from alerting.domain.judging import preview
from alerting.domain.lights import Band, Colour, Light
from alerting.domain.looking import Case
from alerting.domain.schedule import Appointment, Position, due
from alerting.domain.spans import Span
from alerting.domain.sums import Days


class Lit(NamedTuple):
    """The two lights of a span."""

    run: Light
    to_date: Light


@dataclass(frozen=True, slots=True)
class Row:
    """A span with its lights before and after; None where that policy has no such span."""

    span: Span
    before: Lit | None
    after: Lit | None

    @property
    def differs(self) -> bool:
        """Whether a colour is another, or the span is not one under both policies."""
        return _colours(self.before) != _colours(self.after)


def tried(newest: Goal, policy: Policy) -> Goal:
    """Return the copy of the version with the policy."""
    return replace(newest, policy=policy)


def past(goal: Goal, watermark_ms: int, now_ms: int) -> list[Appointment]:
    """Return the spans of the goal's past, all of which is known."""
    return [one for one in due([goal], Position(), watermark_ms, now_ms) if not one.is_period]


def reach(work: Sequence[Appointment]) -> tuple[date, date]:
    """Return the UTC days that local days of the spans can touch."""
    return min(o.span.first for o in work) - DAY, max(o.span.end for o in work) + DAY


def rejudged(
    goal: Goal,
    work: Sequence[Appointment],
    *,
    parts: Mapping[str, Days],
    quarters: Mapping[str, Mapping[date, int]],
    watermark_ms: int,
    now_ms: int,
) -> list[Lit]:
    """Return the lights of the spans, judged in order."""
    case = Case(
        versions=[goal],
        work=work,
        position=Position(),
        state=State(),
        watermark_ms=watermark_ms,
        now_ms=now_ms,
        parts=parts,
        quarters=quarters,
    )
    return [Lit(sight.run, sight.to_date) for sight in preview(case)]


def compare(before: Sequence[Lit], after: Sequence[Lit]) -> list[Row]:
    """Return all spans of both, by their days; another grain has spans of its own."""
    old, new = _by_days(before), _by_days(after)
    found = []
    for days in sorted(old.keys() | new.keys()):
        span = (new.get(days) or old[days]).run.span
        found.append(Row(span, old.get(days), new.get(days)))
    return found


def counts(lights: Sequence[Lit]) -> dict[str, dict[str, int]]:
    """Return how many spans have each colour, by light."""
    found = {
        "run": Counter(lit.run.colour for lit in lights),
        "to_date": Counter(lit.to_date.colour for lit in lights),
    }
    return {name: {str(c): number[c] for c in Colour} for name, number in found.items()}


def red_runs(lights: Sequence[Lit]) -> int:
    """Return how often the run light turned red: once for a run, whatever is grey inside it."""
    number, red = 0, False
    for run, _ in lights:
        if run.band in (Band.YELLOW, Band.GREEN):
            red = False
        elif run.colour is Colour.RED and not red:
            number, red = number + 1, True
    return number


def _by_days(lights: Sequence[Lit]) -> dict[tuple[date, date], Lit]:
    return {(lit.run.span.start, lit.run.span.end): lit for lit in lights}


def _colours(lit: Lit | None) -> tuple[Colour, Colour] | None:
    return None if lit is None else (lit.run.colour, lit.to_date.colour)
