"""Whether what a source says of late, early and unknown things makes sense."""

from typing import NoReturn

from metrics_ingest.domain.definitions import Source
from metrics_ingest.domain.drift import IGNORE, QUARANTINE
from service_kit.errors import UserError

_MOST_DAYS = 36_600


def check_source_limits(source: Source) -> None:
    """Raise UserError unless the limits of time and the drift are possible ones."""
    if not 0 <= source.ahead_hours <= _MOST_DAYS * 24:
        _refuse("$.ahead_hours", f"0 to {_MOST_DAYS * 24} hours", f"0 到 {_MOST_DAYS * 24} 小时")
    if source.late_days is not None and not 1 <= source.late_days <= _MOST_DAYS:
        _refuse("$.late_days", f"1 to {_MOST_DAYS} days, or null", f"1 到 {_MOST_DAYS} 天，或 null")
    if source.drift not in (IGNORE, QUARANTINE):
        _refuse("$.drift", "ignore or quarantine is needed", "必须是 ignore 或 quarantine")
    for door, mapping in source.doors.items():
        if len(mapping.known) > 1000 or not all(mapping.known):
            _refuse(f"$.doors[{door}].known", "at most 1000 paths", "最多 1000 个路径")


def _refuse(where: str, en: str, zh: str) -> NoReturn:
    raise UserError("invalid-value", where, en, zh)
