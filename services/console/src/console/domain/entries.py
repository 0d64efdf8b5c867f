"""Reading what a person typed: a day, a number, a text, each or the reason why not."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import TypeVar

from console.domain.answers import Metric
from console.domain.cells import Cell
from console.domain.faults import Fault, Faults

MOST_TEXT = 200
MOST_EVIDENCE = 500
# 1,234.50 and 1234.5; a comma before three digits groups, anything else is refused.
_NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+|\d{1,18})(\.\d{1,12})?", re.ASCII)
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", re.ASCII)

T = TypeVar("T")


def read_number(text: str, where: str = "value") -> Decimal:
    """Return the number; raises Faults for anything that is not plainly one."""
    wanted = text.strip().translate({ord("，"): ",", ord("．"): ".", ord("－"): "-"})
    if not _NUMBER.fullmatch(wanted):
        raise Faults(
            [
                Fault(
                    where,
                    f"{_shown(text)} is no number; write one like 1234.5 or 1,234.5",
                    f"{_shown(text)} 不是数字；请写作 1234.5 或 1,234.5",
                )
            ]
        )
    return Decimal(wanted.replace(",", ""))


def read_day(text: str, where: str = "day") -> date:
    """Return the day: 2026-11-25, 2026/11/25 or 2026年11月25日; raises Faults."""
    found = _DAY.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError(text)
        year, month, day = (int(part) for part in found.groups())
        return date(year, month, day)
    except ValueError:
        raise Faults(
            [
                Fault(
                    where,
                    f"{_shown(text)} is no day; write one like 2026-11-25",
                    f"{_shown(text)} 不是日期；请写作 2026-11-25",
                )
            ]
        ) from None


def read_dims(metric: Metric, given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the values of all the metric's dimensions; raises Faults for one that is missing."""
    dims, faults = [], []
    for dim in metric.dims:
        text = given.get(dim, "").strip()
        if text and len(text) <= MOST_TEXT:
            dims.append((dim, text))
        else:
            faults.append(
                Fault(
                    dim,
                    f"{dim} is needed, in 1 to {MOST_TEXT} characters",
                    f"请填写 {dim}（1 到 {MOST_TEXT} 个字符）",
                )
            )
    if faults:
        raise Faults(faults)
    return tuple(dims)


def read_evidence(text: str) -> str:
    """Return where the number is from; raises Faults for a text that is too long."""
    if len(text.strip()) > MOST_EVIDENCE:
        raise Faults(
            [
                Fault(
                    "evidence",
                    f"at most {MOST_EVIDENCE} characters; link to what is longer",
                    f"最多 {MOST_EVIDENCE} 个字符；更长的内容请给出链接",
                )
            ]
        )
    return text.strip()


def read_entry(metric: Metric, form: Mapping[str, str]) -> tuple[Cell, Decimal, str]:
    """Return the cell, its number and the evidence; raises Faults with all that is wrong."""
    faults: list[Fault] = []
    day = attempt(lambda: read_day(form.get("day", "")), faults)
    dims = attempt(lambda: read_dims(metric, form), faults)
    value = attempt(lambda: read_number(form.get("value", "")), faults)
    evidence = attempt(lambda: read_evidence(form.get("evidence", "")), faults)
    if day is None or dims is None or value is None or evidence is None:
        raise Faults(faults)
    return Cell(metric.name, day, dims), value, evidence


def attempt(read: Callable[[], T], faults: list[Fault], line: int = 0) -> T | None:
    """Return what is read, or None after noting what is wrong."""
    try:
        return read()
    except Faults as wrong:
        faults += [fault._replace(line=line) for fault in wrong.faults]
        return None


def _shown(text: str) -> str:
    """Return the text in quotes, cut where it is long."""
    wanted = text.strip()
    return f"“{wanted[:40]}{'…' if len(wanted) > 40 else ''}”"
