"""Addresses and secrets of webhooks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from metrics_ingest.ports.definitions import Sources


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """A secret as it may be shown: not itself."""

    fingerprint: str
    created_ms: int


class HookStore(Sources, Protocol):
    """Addresses and secrets of webhooks in one transaction."""

    async def token(self, tenant: str, source: str) -> str | None:
        """Return the token of the address that does not end, None when there is none yet."""
        ...

    async def open_hook(self, tenant: str, source: str, overlap_seconds: int) -> str:
        """Make a new address and return its token; earlier ones end after the overlap."""
        ...

    async def secrets(self, tenant: str, source: str) -> Sequence[KnownSecret]:
        """Return the source's secrets, the oldest first."""
        ...

    async def write_secrets(
        self, tenant: str, source: str, new: Collection[str], kept: Collection[str]
    ) -> Sequence[KnownSecret]:
        """Make these, and of those that are there the kept, the source's secrets."""
        ...

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Append to the audit trail."""
        ...
