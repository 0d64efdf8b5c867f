"""A goal, its days, and what the judge makes of them, in as few words as a test needs."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from alerting.domain.goal import Goal, GoalKey, Policy
from alerting.domain.judged import Deed, Judged, State
from alerting.domain.judging import Case, DayValue, judge_goal
from alerting.domain.schedule import Appointment, Position, due, kept

ALIVE = Policy(source_always_alive=True)
FOREVER = 2**53


class Bench:
    """A goal on the judge's bench: values come in, `judge` judges what is due or dirty."""

    def __init__(self, *versions: Goal) -> None:
        self.versions = list(versions)
        self.days: dict[date, DayValue] = {}
        self.quarters: dict[date, int] = {}
        self.lights: dict[date, Judged] = {}
        self.state = State()
        self.position = Position()
        self.dirty: date | None = None
        self.deeds: list[Deed] = []

    def put(self, values: Mapping[date, Decimal | int | str]) -> None:
        """Set days to their values; a judged day becomes dirty."""
        for day, value in values.items():
            self.days[day] = DayValue(Decimal(value))
            if day <= self.position.judged_through:
                self.dirty = min(day, self.dirty or day)

    def judge(
        self, now_ms: int = FOREVER, watermark_ms: int = FOREVER, *, patient: bool = True
    ) -> list[Deed]:
        """Judge; return the deeds of this time."""
        work: list[Appointment] = []
        if self.dirty is not None:
            work += kept(self.versions, self.position, self.dirty)
        work += due(self.versions, self.position, watermark_ms, now_ms, patient=patient)
        first = min((one.span.start for one in work if not one.is_period), default=date.max)
        earlier = [start for start in self.lights if start < first]
        outcome = judge_goal(
            Case(
                self.versions,
                work,
                self.position,
                self.state,
                watermark_ms,
                now_ms,
                before=self.lights[max(earlier)] if earlier else None,
                standing=frozenset(self._red_alarms(earlier)),
                stored={start: one for start, one in self.lights.items() if start >= first},
                days=self.days,
                quarters=self.quarters,
            )
        )
        self.lights |= {one.light.span.start: one for one in outcome.judged}
        self.state, self.position = outcome.state, outcome.position
        self.dirty = outcome.incomplete.span.start if outcome.incomplete else None
        self.deeds += outcome.deeds
        return list(outcome.deeds)

    def _red_alarms(self, starts: list[date]) -> list[str]:
        spans = [self.lights[start] for start in starts]
        return [one.alarm for one in spans if one.light.colour == "red" and one.alarm]

    def colours(self) -> list[str]:
        """Return the judged colours in order."""
        return [str(self.lights[start].light.colour) for start in sorted(self.lights)]


@pytest.fixture(scope="session")
def make_goal():
    """Return a maker of goals: 100 a working day from Monday 1 June 2026, source always alive."""

    def make(days: int = 26, policy: Policy = ALIVE, **changes: object) -> Goal:
        start = date(2026, 6, 1)
        goal = Goal(
            key=GoalKey("acme", "leads"),
            version=1,
            metric="leads",
            zone="Europe/London",
            start=start,
            end=start + timedelta(days=days - 1),
            target=Decimal(2000),
            daily=Decimal(100),
            policy=policy,
        )
        return replace(goal, **changes)

    return make


@pytest.fixture(scope="session")
def bench():
    """Return a maker of benches."""
    return Bench
