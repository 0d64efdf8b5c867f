"""A table of rates as a CSV file: ``date,base,quote,rate`` and, if wanted, ``per,source``."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from metrics_ingest.domain.money.rates import MOST_RATES, Rate
from service_kit.errors import UserError

NEEDED = ("date", "base", "quote", "rate")
OPTIONAL = ("per", "source")


def read_rates(content: bytes) -> tuple[tuple[Rate, ...], tuple[str, ...]]:
    """Return the rates of a file in UTF-8 and the place of each; raises UserError.

    Codes may be in small letters. The columns stand in any order.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(f"byte {error.start}", "the file is not UTF-8", "文件不是 UTF-8 编码")
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        _check_header(header)
        found = [_rate(header, row, rows.line_num) for row in rows if any(map(str.strip, row))]
    except csv.Error as error:
        _refuse(f"line {rows.line_num}", f"no CSV: {error}", f"不是有效的 CSV：{error}")
    if len(found) > MOST_RATES:
        _refuse("file", f"at most {MOST_RATES} rates", f"最多 {MOST_RATES} 条汇率")
    return tuple(rate for rate, _ in found), tuple(place for _, place in found)


def _check_header(header: Sequence[str]) -> None:
    missing = [name for name in NEEDED if name not in header]
    unknown = [name for name in header if name not in NEEDED + OPTIONAL]
    if missing or unknown or len(set(header)) != len(header):
        known = ", ".join(NEEDED)
        _refuse(
            "line 1",
            f"the columns are {known}, and per and source if wanted, each once",
            f"列名应为 {known}，可另加 per 和 source，各一次",
        )


def _rate(header: Sequence[str], row: Sequence[str], line: int) -> tuple[Rate, str]:
    place = f"line {line}"
    if len(row) != len(header):
        _refuse(
            place,
            f"{len(header)} values are needed, here are {len(row)}",
            f"需要 {len(header)} 个值，此处有 {len(row)} 个",
        )
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=True)}
    rate = Rate(
        date=_date(cells, place),
        base=cells["base"].upper(),
        quote=cells["quote"].upper(),
        rate=_number(cells["rate"], f"{place}.rate"),
        per=_per(cells, place),
        source=cells.get("source", ""),
    )
    return rate, place


def _date(cells: Mapping[str, str], place: str) -> date:
    try:
        return date.fromisoformat(cells["date"])
    except ValueError:
        _refuse(f"{place}.date", "a day such as 2026-11-03", "需要日期，例如 2026-11-03")


def _number(text: str, where: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        _refuse(where, "a number such as 7.05", "需要数字，例如 7.05")


def _per(cells: Mapping[str, str], place: str) -> int:
    text = cells.get("per") or "1"
    if not text.isascii() or not text.isdigit():
        _refuse(f"{place}.per", "1 or 100 is needed", "必须是 1 或 100")
    return int(text[:9])


def _refuse(where: str, en: str, zh: str) -> NoReturn:
    raise UserError("invalid-value", where, en, zh)
