"""Hot days: those that changed last, of some of a partition's goals, together."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import msgspec

from alerting.domain.goal import GoalKey, Source
from alerting.domain.sums import DayValue


class DayPlace(NamedTuple):
    """One day of one of a goal's sums."""

    key: GoalKey
    source: Source
    day: date


class DayState(msgspec.Struct, frozen=True, array_like=True):
    """A day's value at a version; the highest version holds.

    ``as_of_ms`` is when the newest of its events was accepted, on the organisation's clock.
    """

    value: DayValue
    version: int
    as_of_ms: int = 0


class Stripe(msgspec.Struct, frozen=True, array_like=True):
    """Hot days, the coldest first, and how far their goals are judged.

    A goal that is not in ``judged`` has to be asked for.
    """

    days: dict[DayPlace, DayState] = {}
    judged: dict[GoalKey, date] = {}

    def with_days(
        self,
        fresh: Mapping[DayPlace, DayState],
        judged: Mapping[GoalKey, date],
        most: int,
    ) -> tuple["Stripe", dict[DayPlace, DayState]]:
        """Return the stripe with these days, and the cold ones, which have no room in it.

        Of a sum's days that are new to it only the latest is hot: a back-fill tells of a year of
        days that nothing else will change.
        """
        latest: dict[tuple[GoalKey, Source], date] = {}
        for key, source, day in fresh:
            latest[key, source] = max(day, latest.get((key, source), day))
        days, cold = dict(self.days), {}
        for place, state in fresh.items():
            if days.pop(place, None) or place.day == latest[place.key, place.source]:
                days[place] = state
            else:
                cold[place] = state
        for place in list(days)[: max(len(days) - most, 0)]:
            cold[place] = days.pop(place)
        goals = {place.key for place in days}
        known = {**self.judged, **judged}
        return Stripe(days, {key: day for key, day in known.items() if key in goals}), cold

    def with_judged(self, through: Mapping[GoalKey, date]) -> "Stripe":
        """Return the stripe with how far those goals are judged of which that stands in it."""
        known = {key: day for key, day in through.items() if key in self.judged}
        return Stripe(self.days, {**self.judged, **known}) if known else self
