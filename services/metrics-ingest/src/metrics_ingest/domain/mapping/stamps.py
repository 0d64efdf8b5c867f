"""A stamp tells one content of an event from another under the same id."""

from metrics_ingest.domain.mapping.reader import Mapped
from metrics_ingest.domain.seen.stamps import conflicts as conflicts
from metrics_ingest.domain.seen.stamps import stamp_of


def content_stamp(event: Mapped, version: int) -> int:
    """Return 64 bits that tell one content from another, see domain.seen.stamps.

    They are of what was mapped, not of the bytes: the same event through another door, or written
    with other blanks, has the same content.
    """
    return stamp_of(event.type, event.at_ms, event.subject, event.fields, version)
