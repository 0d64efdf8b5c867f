"""A record that nothing can apply, as the dead letter that says why not."""

from service_kit import dead_letters
from service_kit.errors import BadRecord
from service_kit.records import Record
from service_kit.store import Document


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
