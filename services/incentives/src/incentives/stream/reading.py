"""From a Kafka record to a message, or to the dead letter that says why not."""

from collections.abc import Callable
from typing import Any

from service_kit import dead_letters
from service_kit.errors import BadRecord
from service_kit.records import Record
from service_kit.store import Document


def read(decode: Callable[[bytes], Any], record: Record) -> Any:
    """Return the record's message; raises BadRecord when it is none."""
    return parse(decode, record.value or b"")


def parse(decode: Callable[[bytes], Any], text: bytes) -> Any:
    """Return what the text says; raises BadRecord when it says nothing of the kind."""
    try:
        return decode(text)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise BadRecord("undecodable", str(error)) from None


def letter(record: Record, bad: BadRecord, at_ms: int) -> Document:
    """Return the dead letter of a record that cannot be applied."""
    return dead_letters.row(
        record,
        tenant=_tenant(record),
        source=str(record.partition),
        cause=bad.cause,
        detail=bad.detail,
        at_ms=at_ms,
    )


def _tenant(record: Record) -> str:
    """Return the first part of the record's key, where every key of ours has the tenant."""
    first = (record.key or b"").decode(errors="replace").partition("|")[0]
    return first.replace("%7C", "|").replace("%25", "%")
