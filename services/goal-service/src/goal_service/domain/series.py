"""A metric over time: cells summed into minutes, hours or days of a zone."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from event_contracts.facts import Condition
from goal_service.domain.amounts import Sum
from goal_service.domain.days import first_minute, local_day
from goal_service.domain.matching import meets
from goal_service.domain.sheets import Sheet
from service_kit.errors import UserError

MOST_BUCKETS = 100_000
_DAY_LENGTH = len("2026-05-01")


class Question(NamedTuple):
    """What is asked: cells of UTC epoch minutes from ``begin`` up to, not including, ``end``."""

    begin: int
    end: int
    grain: str
    zone: str
    by: str | None = None
    where: tuple[Condition, ...] = ()


class Bucket(NamedTuple):
    """One point: the UTC epoch minute with which it begins, and the value that it is listed by."""

    minute: int
    by: str
    sum: Sum


def _minute(minute: int, zone: ZoneInfo) -> int:
    return minute


def _hour(minute: int, zone: ZoneInfo) -> int:
    # By the local clock: an hour of Kolkata begins at half past an hour of UTC.
    return minute - datetime.fromtimestamp(minute * 60, zone).minute


def _day(minute: int, zone: ZoneInfo) -> int:
    return first_minute(zone.key, local_day(zone.key, minute))


GRAINS: Mapping[str, tuple[int, Callable[[int, ZoneInfo], int]]] = {
    "minute": (1, _minute),
    "hour": (60, _hour),
    "day": (1_440, _day),
}


def series(sheets: Iterable[Sheet], question: Question) -> list[Bucket]:
    """Return the buckets that have cells, by time and then by value; a missing bucket is 0."""
    start_of = GRAINS[question.grain][1]
    zone = ZoneInfo(question.zone)
    sums: dict[tuple[int, str], Sum] = {}
    for sheet in sheets:
        rows = [_row(dims, question) for dims in sheet.dims]
        for cell in sheet.cells:
            by = rows[cell.dims]
            if by is not None and question.begin <= cell.minute < question.end:
                place = (start_of(cell.minute, zone), by)
                sums[place] = sums.get(place, Sum()).plus(cell.sum, cell.count)
    return [Bucket(minute, by, part) for (minute, by), part in sorted(sums.items())]


def label(bucket: Bucket, question: Question) -> str:
    """Return the bucket's local day, or the local time of its beginning with its offset."""
    if question.grain == "day":
        return local_day(question.zone, bucket.minute).isoformat()
    local = datetime.fromtimestamp(bucket.minute * 60, ZoneInfo(question.zone))
    return local.isoformat(timespec="minutes")


def _row(dims: Mapping[str, str], question: Question) -> str | None:
    """Return what the row is listed by; None when the filter leaves it out."""
    if not meets(question.where, dims):
        return None
    return dims.get(question.by, "") if question.by else ""


def check_question(question: Question) -> None:
    """Raise UserError for an unknown grain, an empty time or more buckets than an answer holds."""
    if question.grain not in GRAINS:
        raise UserError(
            "grain-unknown",
            "grain",
            f"{question.grain!r} is no grain; use minute, hour or day",
            f"{question.grain!r} 不是有效粒度；请使用 minute、hour 或 day",
        )
    if question.begin >= question.end:
        raise UserError(
            "time-reversed",
            "to",
            "the time ends before it begins; swap from and to",
            "结束时间早于开始时间；请对调 from 与 to",
        )
    buckets = (question.end - question.begin) // GRAINS[question.grain][0]
    if buckets > MOST_BUCKETS:
        raise UserError(
            "too-many-buckets",
            "grain",
            f"that is up to {buckets} buckets, at most {MOST_BUCKETS} are answered; use a coarser "
            "grain or a shorter time",
            f"最多会有 {buckets} 个时间段，上限为 {MOST_BUCKETS}；请使用更粗的粒度或缩短时间",
        )


def minute_of(text: str, zone: str, where: str) -> int:
    """Return the UTC epoch minute of a local day's beginning or of a time.

    ``to`` as a day means up to its end. A time without an offset is one of the zone.
    """
    try:
        return _day_edge(text, zone, where) if len(text) == _DAY_LENGTH else _instant(text, zone)
    except (ValueError, OverflowError) as error:
        raise UserError(
            "time-unreadable",
            where,
            f"{text!r} is no day (2026-05-01) and no time (2026-05-01T08:00:00Z)",
            f"{text!r} 既不是日期（2026-05-01）也不是时间（2026-05-01T08:00:00Z）",
        ) from error


def _day_edge(text: str, zone: str, where: str) -> int:
    day = date.fromisoformat(text)
    return first_minute(zone, day + timedelta(days=1) if where == "to" else day)


def _instant(text: str, zone: str) -> int:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=ZoneInfo(zone))
    return int(instant.astimezone(UTC).timestamp()) // 60
