"""A CSV of numbers kept by hand. The file replaces its days, and says so before it does.

Columns: day (or date, 日期), value (or amount, 数值), evidence (or 依据), and every dimension of
the metric by its name. What stands on a day of the file and is not in the file becomes 0.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from console.domain.answers import Metric
from console.domain.cells import Cell, Change, Stand
from console.domain.entries import attempt, read_day, read_dims, read_evidence, read_number
from console.domain.faults import Fault, Faults

MOST_LINES = 20_000
MOST_FAULTS = 100
NAMES = {
    "day": "day", "date": "day", "日期": "day",
    "value": "value", "amount": "value", "数值": "value",
    "evidence": "evidence", "依据": "evidence",
}  # fmt: skip


class Row(NamedTuple):
    """One line of the file."""

    line: int
    cell: Cell
    value: Decimal
    evidence: str


class Outcome(NamedTuple):
    """What loading the file would do. ``cleared`` are cells that its days no longer have."""

    created: list[Change]
    changed: list[Change]
    cleared: list[Change]
    unchanged: int

    @property
    def changes(self) -> list[Change]:
        """All that is to be sent."""
        return [*self.created, *self.changed, *self.cleared]


def text_of(content: bytes) -> str:
    """Return the file's text, UTF-8 with or without mark or GB18030; raises Faults."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Faults(
        [
            Fault(
                "file",
                "the file is neither UTF-8 nor GB18030; save it as CSV UTF-8",
                "文件既不是 UTF-8 也不是 GB18030；请另存为 CSV UTF-8",
            )
        ]
    )


def read_rows(text: str, metric: Metric) -> list[Row]:
    """Return the lines; raises Faults with everything that is wrong, by line and column."""
    if "\x00" in text:
        raise Faults([Fault("file", "this is no CSV; save it as CSV", "这不是 CSV；请另存为 CSV")])
    lines = csv.reader(io.StringIO(text, newline=""))
    header = next(lines, [])
    columns = _columns(header, metric)
    faults: list[Fault] = []
    rows: list[Row] = []
    try:
        for cells in lines:
            if any(cell.strip() for cell in cells):
                _row(lines.line_num, columns, cells, metric, rows, faults)
            if len(rows) > MOST_LINES:
                raise Faults([_too_long()])
    except csv.Error as error:
        faults.append(Fault("file", f"no CSV: {error}", f"不是 CSV：{error}", lines.line_num))
    faults += _doubles(rows)
    if not rows and not faults:
        faults.append(Fault("file", "the file has no line with a number", "文件中没有数据行", 1))
    if faults:
        raise Faults(sorted(faults, key=lambda fault: fault.line)[:MOST_FAULTS])
    return rows


def outcome(rows: Sequence[Row], stands: Mapping[Cell, Stand]) -> Outcome:
    """Return what the file changes in what stands; cells that say the same are left alone."""
    result = Outcome([], [], [], 0)
    unchanged = 0
    for row in rows:
        before = stands.get(row.cell)
        change = Change(row.cell, before or Stand(), row.value, row.evidence)
        if before is None:
            result.created.append(change)
        elif before.value != row.value:
            result.changed.append(change)
        else:
            unchanged += 1
    result.cleared.extend(_cleared(rows, stands))
    return result._replace(unchanged=unchanged)


def _cleared(rows: Sequence[Row], stands: Mapping[Cell, Stand]) -> Iterator[Change]:
    days = {row.cell.day for row in rows}
    said = {row.cell for row in rows}
    for cell, stand in stands.items():
        if cell.day in days and cell not in said and stand.value:
            yield Change(cell, stand, Decimal(0))


def span(rows: Sequence[Row]) -> tuple[date, date]:
    """Return the first and the last day of the file."""
    days = [row.cell.day for row in rows]
    return min(days), max(days)


def _columns(header: Sequence[str], metric: Metric) -> dict[str, int]:
    """Return where each field stands; raises Faults."""
    names = [NAMES.get(name.strip().lower(), name.strip()) for name in header]
    wanted = ["day", "value", *metric.dims]
    known = ", ".join([*wanted, "evidence"])
    faults = [
        Fault(name, f"the column {name} is missing; the columns are: {known}",
              f"缺少列 {name}；应有的列：{known}", 1)
        for name in wanted if name not in names
    ]  # fmt: skip
    faults += [
        Fault(name, f"the column {name or '(without a name)'} is not known; the columns are: "
              f"{known}", f"未知的列 {name or '（无名称）'}；应有的列：{known}", 1)
        for name in names if name not in (*wanted, "evidence")
    ]  # fmt: skip
    faults += [
        Fault(name, f"the column {name} stands there twice", f"列 {name} 重复", 1)
        for name, count in Counter(names).items() if count > 1
    ]  # fmt: skip
    if faults:
        raise Faults(faults)
    return {name: index for index, name in enumerate(names)}


def _row(
    line: int,
    columns: Mapping[str, int],
    cells: Sequence[str],
    metric: Metric,
    rows: list[Row],
    faults: list[Fault],
) -> None:
    given = {name: cells[at] if at < len(cells) else "" for name, at in columns.items()}
    if len(cells) > len(columns):
        text = "more cells than columns; put a cell with a comma in quotes"
        faults.append(Fault("file", text, "单元格多于列数；含逗号的内容请加引号", line))
        return
    day = attempt(lambda: read_day(given["day"]), faults, line)
    value = attempt(lambda: read_number(given["value"]), faults, line)
    dims = attempt(lambda: read_dims(metric, given), faults, line)
    evidence = attempt(lambda: read_evidence(given.get("evidence", "")), faults, line)
    if day is not None and value is not None and dims is not None and evidence is not None:
        rows.append(Row(line, Cell(metric.name, day, dims), value, evidence))


def _doubles(rows: Sequence[Row]) -> Iterator[Fault]:
    first: dict[Cell, int] = {}
    for row in rows:
        line = first.setdefault(row.cell, row.line)
        if line != row.line:
            yield Fault(
                "file",
                f"line {line} has a number for the same day already; keep one of the two",
                f"第 {line} 行已有同一天的数值；请保留其中一行",
                row.line,
            )


def _too_long() -> Fault:
    return Fault(
        "file",
        f"the file has more than {MOST_LINES:,} lines; load it in parts",
        f"文件超过 {MOST_LINES:,} 行；请分批加载",
    )
