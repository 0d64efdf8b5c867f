"""Whether working time can be measured as a metric asks for it."""

import re
from typing import NoReturn
from zoneinfo import ZoneInfo

from metrics_ingest.domain.definitions import Elapsed, Kind, Measure
from service_kit.errors import UserError

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00", re.ASCII)
MOST_DATES = 1_000


def check_elapsed(measure: Measure, at: str, kinds: dict[str, Kind]) -> None:
    """Raise UserError unless the measure's working time, if it has one, makes sense."""
    elapsed = measure.elapsed
    if elapsed is None:
        return
    if measure.value is not None:
        _refuse(
            f"{at}.elapsed",
            "an event adds its value or the time between: leave one out",
            "value 与 elapsed 只能二选一",
        )
    for name in ("since", "until"):
        _check_field(getattr(elapsed, name), f"{at}.elapsed.{name}", kinds)
    try:
        ZoneInfo(elapsed.zone)
    except (ValueError, OSError, KeyError):
        _refuse(f"{at}.elapsed.zone", "an IANA zone such as Asia/Shanghai", "必须是 IANA 时区")
    _check_days(elapsed, f"{at}.elapsed")


def _check_field(name: str | None, where: str, kinds: dict[str, Kind]) -> None:
    if name is not None and kinds.get(name) is not Kind.TIME:
        known = ", ".join(sorted(n for n, kind in kinds.items() if kind is Kind.TIME)) or "-"
        _refuse(
            where,
            f"{name} is no field of kind time; there are: {known}",
            f"{name} 不是 time 类型的字段；现有：{known}",
        )


def _check_days(elapsed: Elapsed, where: str) -> None:
    begin, end = elapsed.hours
    if not (_TIME.fullmatch(begin) and _TIME.fullmatch(end) and begin < end):
        _refuse(
            f"{where}.hours",
            "begin and end of a day such as 09:00 and 18:00",
            "必须是一天的开始与结束，例如 09:00 与 18:00",
        )
    if not set(elapsed.weekdays) <= set(range(1, 8)) or not (elapsed.weekdays or elapsed.on):
        _refuse(f"{where}.weekdays", "days from 1 (Monday) to 7", "必须是 1（周一）到 7 的日")
    for name in ("off", "on"):
        if len(getattr(elapsed, name)) > MOST_DATES:
            _refuse(f"{where}.{name}", f"at most {MOST_DATES} days", f"最多 {MOST_DATES} 天")


def _refuse(where: str, en: str, zh: str) -> NoReturn:
    raise UserError("invalid-value", where, en, zh)
