"""Stretches of time that a series is cut into, by the local clock and calendar of a zone."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from goal_service.domain.days import first_minute, local_day


class Grain(NamedTuple):
    """How long the shortest bucket is, in minutes, and where a minute's bucket begins and ends."""

    least: int
    start: Callable[[int, str], int]
    end: Callable[[int, str], int]


def _hour(minute: int, zone: str) -> int:
    # By the local clock: an hour of Kolkata begins at half past an hour of UTC.
    return minute - datetime.fromtimestamp(minute * 60, ZoneInfo(zone)).minute


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _of_days(least: int, first: Callable[[date], date], following: Callable[[date], date]) -> Grain:
    def start(minute: int, zone: str) -> int:
        return first_minute(zone, first(local_day(zone, minute)))

    def end(minute: int, zone: str) -> int:
        return first_minute(zone, following(first(local_day(zone, minute))))

    return Grain(least, start, end)


GRAINS: Mapping[str, Grain] = {
    "minute": Grain(1, lambda minute, zone: minute, lambda minute, zone: minute + 1),
    "hour": Grain(60, _hour, lambda minute, zone: _hour(minute, zone) + 60),
    "day": _of_days(1_440, lambda day: day, lambda day: day + timedelta(days=1)),
    "week": _of_days(10_080, _monday, lambda day: day + timedelta(days=7)),
    "month": _of_days(40_320, lambda day: day.replace(day=1), _next_month),
}
OF_DAYS = ("day", "week", "month")
