"""A source's mapping: from what a door receives to events, from an event to its values."""

from metrics_ingest.domain.mapping.items import items_of, without_secrets
from metrics_ingest.domain.mapping.reader import Mapped, Reader, decode, reader_of
from metrics_ingest.domain.mapping.stamps import conflicts, content_stamp

__all__ = [
    "Mapped",
    "Reader",
    "conflicts",
    "content_stamp",
    "decode",
    "items_of",
    "reader_of",
    "without_secrets",
]
