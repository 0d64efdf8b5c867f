"""Sources, metrics, rates of exchange: as they stand, and in a transaction that changes them."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from event_contracts.metrics import MetricDefined
from metrics_ingest.domain.definitions import Metric, Source
from metrics_ingest.domain.money.rates import Rate


class Sources(Protocol):
    """Finds the current version of a source."""

    async def source(self, tenant: str, name: str) -> Source | None:
        """Return the source, None when there is none."""
        ...


class Declared(Sources, Protocol):
    """What is declared, outside of a transaction."""

    async def metric(self, tenant: str, name: str) -> Metric | None:
        """Return the current version of a metric."""
        ...

    async def rates(self, tenant: str, quotes: Collection[str]) -> Sequence[Rate]:
        """Return all versions of the tenant's rates into these currencies."""
        ...


class DefinitionStore(Sources, Protocol):
    """The definitions in one transaction. Each change moves the tenant's head."""

    async def metric(self, tenant: str, name: str) -> Metric | None:
        """Return the current version of a metric."""
        ...

    async def metrics_of(self, tenant: str, source: str) -> list[Metric]:
        """Return the current metrics folded from a source."""
        ...

    async def write_source(self, tenant: str, source: Source) -> None:
        """Write a version and make it the current one."""
        ...

    async def write_metric(self, tenant: str, metric: Metric) -> None:
        """Write a version and make it the current one."""
        ...

    async def claim_topics(self, tenant: str, source: str, topics: Collection[str]) -> str | None:
        """Make these, and no others, the topics of the source; return one that is not to be had."""
        ...

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Append to the audit trail."""
        ...


class RateStore(Protocol):
    """The rates of exchange in one transaction of a load."""

    async def year(self, tenant: str, base: str, quote: str, year: int) -> list[Rate]:
        """Return all versions of the pair's rates of a year."""
        ...

    async def write_year(
        self, tenant: str, base: str, quote: str, year: int, rates: Sequence[Rate]
    ) -> None:
        """Write all versions of the pair's rates of a year."""
        ...

    async def move_head(self, tenant: str) -> int:
        """Move the head of the tenant's definitions, so that every fold reads them anew.

        Returns where it stands then: the version of the load.
        """
        ...

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Append to the audit trail."""
        ...


class Announcements(Protocol):
    """Where the definition of a metric goes."""

    def publish(self, definition: MetricDefined) -> None:
        """Send it with the transaction."""
        ...
