"""Dead letters, and where they go when they are replayed."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from event_contracts.raw import RawEvent
from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.letters import KeptLetter
from metrics_ingest.ports.definitions import Sources
from metrics_ingest.ports.folds import SourceName


class LetterStore(Sources, Protocol):
    """The dead letters in one transaction of a replay."""

    async def new_letters(
        self, tenant: str, ids: Sequence[str], group: Mapping[str, str], skip: int, limit: int
    ) -> list[KeptLetter]:
        """Return letters in state new, the oldest first, behind the first ``skip``.

        ``group``: source, cause and where.
        """
        ...

    async def mark_replayed(self, ids: Sequence[str], replay_id: str) -> None:
        """Move letters to the state replayed, and count the attempt."""
        ...

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Append to the audit trail."""
        ...


class Replays(Protocol):
    """Where replayed events go."""

    def publish(self, event: RawEvent) -> None:
        """Send it with the transaction."""
        ...

    def touch(self, source: SourceName, event: SubjectEvent) -> None:
        """Send to its subject what that knows already: it is booked anew."""
        ...
