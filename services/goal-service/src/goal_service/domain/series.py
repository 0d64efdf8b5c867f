"""A metric over time: cells added up into minutes, hours, days, weeks or months of a zone."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from event_contracts.facts import Condition
from goal_service.domain.amounts import Sum
from goal_service.domain.buckets import GRAINS, OF_DAYS
from goal_service.domain.days import first_minute, local_day
from goal_service.domain.matching import Filter
from goal_service.domain.sheets import Sheet
from goal_service.domain.tallies import Tally, tallies_of
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
    tally: Tally

    @property
    def sum(self) -> Sum:
        """The value and the events behind it."""
        return self.tally.sum


def series(sheets: Iterable[Sheet], question: Question) -> list[Bucket]:
    """Return the buckets that have cells, by time and then by value; a missing bucket is 0.

    A cell of day grain belongs to its own day, whatever the question's zone; raises UserError when
    the question asks for less than a day of it.
    """
    start_of = GRAINS[question.grain].start
    wanted = Filter(question.where)
    sums: dict[tuple[int, str], Tally] = {}
    for sheet in sheets:
        rows = [_row(dims, question.by) if wanted.meets(dims) else None for dims in sheet.dims]
        minute_in = _placed(sheet.day_zone, question)
        for cell, tally in tallies_of(sheet):
            by, minute = rows[cell.dims], minute_in(cell.minute)
            if by is not None and question.begin <= minute < question.end:
                place = (start_of(minute, question.zone), by)
                sums.setdefault(place, Tally()).add(tally)
    return [Bucket(minute, by, sums[minute, by]) for minute, by in sorted(sums)]


def totals(sheets: Iterable[Sheet], question: Question) -> dict[str, Tally]:
    """Return what all of the question's time comes to, by the value that it is listed by."""
    found: dict[str, Tally] = {}
    for bucket in series(sheets, question._replace(grain="day")):
        found.setdefault(bucket.by, Tally()).add(bucket.tally)
    return found


def _placed(day_zone: str | None, question: Question) -> Callable[[int], int]:
    """Return where a sheet's minutes lie for the question."""
    if day_zone is None:
        return lambda minute: minute
    if question.grain not in OF_DAYS:
        raise UserError(
            "grain-too-fine",
            "query.grain",
            f"the source reports whole days of {day_zone}; use day, week or month",
            f"数据源按 {day_zone} 的整日报告；请使用 day、week 或 month",
        )
    zone = question.zone
    return lambda minute: first_minute(zone, local_day(day_zone, minute))


def label(bucket: Bucket, question: Question) -> str:
    """Return the bucket's local day, or the local time of its beginning with its offset."""
    if question.grain in OF_DAYS:
        return local_day(question.zone, bucket.minute).isoformat()
    local = datetime.fromtimestamp(bucket.minute * 60, ZoneInfo(question.zone))
    return local.isoformat(timespec="minutes")


def _row(dims: Mapping[str, str], by: str | None) -> str:
    """Return what the row is listed by."""
    return dims.get(by, "") if by else ""


def check_question(question: Question) -> None:
    """Raise UserError for an unknown grain, an empty time or more buckets than an answer holds."""
    if question.grain not in GRAINS:
        raise UserError(
            "grain-unknown",
            "grain",
            f"{question.grain!r} is no grain; use {', '.join(GRAINS)}",
            f"{question.grain!r} 不是有效粒度；请使用 {'、'.join(GRAINS)}",
        )
    if question.begin >= question.end:
        raise UserError(
            "time-reversed",
            "to",
            "the time ends before it begins; swap from and to",
            "结束时间早于开始时间；请对调 from 与 to",
        )
    buckets = (question.end - question.begin) // GRAINS[question.grain].least
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
