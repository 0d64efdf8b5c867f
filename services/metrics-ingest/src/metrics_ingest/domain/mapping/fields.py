"""One field of a mapping, compiled: found, translated, converted, scaled."""

from collections.abc import Callable
from decimal import Decimal
from zoneinfo import ZoneInfo

from metrics_ingest.domain.causes import WRONG_KIND, Unfit
from metrics_ingest.domain.definitions import FieldMapping, Kind
from metrics_ingest.domain.mapping import times
from metrics_ingest.domain.mapping.finding import Texts, getter
from metrics_ingest.domain.mapping.written import number_reader
from metrics_ingest.domain.money.currencies import is_currency, minor_exponent, named_by
from metrics_ingest.domain.values import CONVERT, EXACT, Value, bounded, text_of

Convert = Callable[[object, str], Value | None]

UPPER = "upper"
LOWER = "lower"
CASES: dict[str, Callable[[str], str]] = {UPPER: str.upper, LOWER: str.lower}


class Field:
    """``get`` finds the value in an event, ``convert`` reads it: None when it says nothing."""

    __slots__ = ("convert", "get", "mapping", "name", "required", "where")

    def __init__(self, name: str, mapping: FieldMapping, zone: ZoneInfo) -> None:
        self.name = name
        self.mapping = mapping
        self.where = " | ".join(mapping.paths)
        self.get = getter(mapping.paths)
        self.convert = _convert(mapping, zone)
        self.required = mapping.required


def _convert(mapping: FieldMapping, zone: ZoneInfo) -> Convert:
    convert: Convert = CONVERT[mapping.kind]
    if mapping.kind is Kind.TIME:
        convert = times.reader_of(mapping.format, zone)
    elif mapping.kind is Kind.STRING:
        convert = _text(mapping)
    elif mapping.kind is Kind.DECIMAL:
        convert = _decimal(mapping)
    if mapping.kind is not Kind.STRING and mapping.values:
        convert = _translated(mapping.values, convert)
    return _sparing(mapping.absent, convert) if mapping.absent else convert


def _text(mapping: FieldMapping) -> Convert:
    case = CASES.get(mapping.format)
    lists = any(path.endswith(":list") for path in mapping.paths)
    if not mapping.values and case is None and not lists:
        return text_of
    values = mapping.values

    def one(text: str) -> str:
        cased = text if case is None else case(text)
        return values.get(cased, cased)

    def convert(found: object, where: str) -> str:
        if type(found) is Texts:
            return text_of(",".join(one(text) for text in found), where)
        return one(text_of(found, where))

    return convert


def _translated(values: dict[str, str], convert: Convert) -> Convert:
    def translate(found: object, where: str) -> Value | None:
        if isinstance(found, str | int):
            found = values.get(text_of(found, where), found)
        return convert(found, where)

    return translate


def _decimal(mapping: FieldMapping) -> Convert:
    read, scale = number_reader(mapping.format), mapping.scale
    if scale is None:
        return read

    def convert(found: object, where: str) -> Decimal:
        return bounded(EXACT.multiply(read(found, where), scale), where)

    return convert


def _sparing(absent: tuple[str, ...], convert: Convert) -> Convert:
    def spare(found: object, where: str) -> Value | None:
        return None if type(found) is str and found in absent else convert(found, where)

    return spare


def in_whole_units(fields: dict[str, Value], field: Field) -> None:
    """Turn an amount in minor units into whole ones: by its currency, a code or another field."""
    amount = fields.get(field.name)
    if amount is None:
        return
    code, holder = named_by(field.mapping.currency or "")
    currency = fields.get(holder or "", code)
    if type(currency) is not str or not is_currency(currency):
        raise Unfit(
            WRONG_KIND,
            field.where,
            f"minor units need an ISO 4217 currency ({field.mapping.currency})",
        )
    digits = field.mapping.digits.get(currency, minor_exponent(currency))
    scale = Decimal(1).scaleb(-digits)
    fields[field.name] = bounded(EXACT.multiply(Decimal(amount), scale), field.where)
