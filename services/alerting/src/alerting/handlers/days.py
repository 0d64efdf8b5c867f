"""Values of days are kept; judged days that changed are marked, and nothing is decided."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from alerting.domain.goal import GoalKey
from alerting.domain.schedule import NEVER
from alerting.domain.stripes import DayPlace, DayState
from alerting.ports import Books, Correction


@dataclass(frozen=True, slots=True)
class KeepDays:
    """Days of goals have these values."""

    days: Mapping[DayPlace, DayState]


async def keep_days(command: KeepDays, books: Books) -> None:
    """Keep values that are newer; a judged day that changed is to be judged again."""
    known = await books.days.read(command.days)
    fresh = {
        place: state
        for place, state in command.days.items()
        if place not in known or known[place].version < state.version
    }
    if not fresh:
        return
    judged = await _judged({place.key for place in fresh}, books)
    await books.days.write(fresh, judged)
    await books.dockets.correct(_corrections(fresh, judged))


async def _judged(keys: Collection[GoalKey], books: Books) -> dict[GoalKey, date]:
    """Return how far the goals are judged: NEVER of one that nobody has told of yet."""
    known = await books.days.judged(keys)
    dockets = await books.dockets.find(set(keys) - known.keys())
    asked = {key: docket.position.judged_through for key, docket in dockets.items()}
    return {**dict.fromkeys(keys, NEVER), **asked, **known}


def _corrections(
    fresh: Mapping[DayPlace, DayState], judged: Mapping[GoalKey, date]
) -> dict[GoalKey, Correction]:
    """Return the corrections by when their results were accepted, not by when they were applied.

    A worker that was down applies late: a span that closed meanwhile must not be judged beside a
    day whose correction was accepted before it.
    """
    found: dict[GoalKey, Correction] = {}
    for place, state in fresh.items():
        if place.day <= judged[place.key]:
            one = Correction.at(place.day, state.as_of_ms)
            found[place.key] = one.with_(found.get(place.key))
    return found
