"""A directory as a CSV file: what the bytes say, line by line, or what is wrong with them."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

NEEDED = ("id",)
COLUMNS = (
    "id",
    "name",
    "mail",
    "team",
    "team_name",
    "team_parent",
    "team_lead",
    "team_group",
    "roles",
    "manager",
    "language",
    "consent",
    "entity",
    "groups",
    "calendar",
)
MOST_ROWS = 20_000


class Problem(NamedTuple):
    """What is wrong at one place of the file; ``line`` counts from 1, ``column`` may be empty."""

    line: int
    column: str
    code: str
    en: str
    zh: str


class Row(NamedTuple):
    """One person: the line that it begins on, and its cells by column, without outer spaces."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file says. With problems it is not to be used."""

    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_sheet(content: bytes) -> Sheet:
    """Return the rows of a CSV file in UTF-8, with or without its mark, or GB18030.

    The first line names columns; a line without any text is passed over.
    """
    text = _decoded(content)
    if text is None:
        return Sheet(problems=(_unreadable(),))
    lines = _lines(text)
    try:
        _, header = next(lines, (1, []))
        columns = tuple(cell.strip().lower() for cell in header)
        problems = [*_header_problems(columns)]
        rows: list[Row] = []
        for line, cells in () if problems else lines:
            if len(rows) == MOST_ROWS:
                problems.append(_too_many(line))
                break
            if len(cells) != len(columns):
                problems.append(_ragged(line, len(columns), len(cells)))
            rows.append(Row(line, dict(zip(columns, map(str.strip, cells), strict=False))))
    except csv.Error as error:
        return Sheet(problems=(_broken(text, error),))
    return Sheet(columns, tuple(rows), tuple(problems))


def _decoded(content: bytes) -> str | None:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines that hold text, each with the number of its first line in the file."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield line, cells
        line = reader.line_num + 1


def _header_problems(columns: tuple[str, ...]) -> Iterator[Problem]:
    named = ", ".join(COLUMNS)
    for column in dict.fromkeys(columns):
        if column not in COLUMNS:
            yield Problem(
                1,
                column,
                "column-unknown",
                f"there is no column {column!r}; the first line may name {named}",
                f"没有名为 {column!r} 的列；首行可用的列名：{named}",
            )
        elif columns.count(column) > 1:
            yield Problem(
                1, column, "column-twice", "this column stands here twice", "该列重复出现"
            )
    for column in NEEDED:
        if column not in columns:
            yield Problem(
                1,
                column,
                "column-missing",
                f"the first line must name the column {column}; it may name {named}",
                f"首行必须包含列 {column}；可用的列名：{named}",
            )


def _unreadable() -> Problem:
    return Problem(
        1,
        "",
        "encoding-unknown",
        "the file is neither UTF-8 nor GB18030; save it as one of them",
        "文件既不是 UTF-8 也不是 GB18030 编码；请另存为其中之一",
    )


def _broken(text: str, error: csv.Error) -> Problem:
    return Problem(
        text.count("\n") + 1,
        "",
        "csv-broken",
        f"this is no CSV, perhaps a quotation mark is not closed: {error}",
        f"不是有效的 CSV，可能有引号未闭合：{error}",
    )


def _ragged(line: int, wanted: int, got: int) -> Problem:
    return Problem(
        line,
        "",
        "cells-missing",
        f"the first line names {wanted} columns, this one has {got} cells",
        f"首行有 {wanted} 列，而本行有 {got} 个单元格",
    )


def _too_many(line: int) -> Problem:
    return Problem(
        line,
        "",
        "rows-too-many",
        f"at most {MOST_ROWS} people fit in a file; split it",
        f"每个文件最多 {MOST_ROWS} 人；请拆分",
    )
