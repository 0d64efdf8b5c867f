"""What the handlers need from outside: rules, totals, awards, people, an audit trail."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from event_contracts.directory import DirectoryMessage
from event_contracts.metrics import MetricDefined
from incentives.domain.addresses import Address
from incentives.domain.kinds import Metric
from incentives.domain.praise import Award, Total, Window
from incentives.domain.rules import Rule


class Ledger(Protocol):
    """What the facts of one batch read and write; nothing holds before the batch commits."""

    async def rules_on(self, tenant: str, metric: str) -> Sequence[Rule]:
        """Return the rules that run on the metric, as they stand in this transaction."""
        ...

    async def totals(self, windows: Iterable[Window]) -> dict[Window, Total]:
        """Return the totals of the windows that have one, this batch's own changes included."""
        ...

    async def address(self, tenant: str, dim_is: str, value: str) -> Address:
        """Return where a praise of the value goes, as the directory stands in this transaction."""
        ...

    def put(self, totals: Mapping[Window, Total]) -> None:
        """Keep new totals."""
        ...

    def grant(self, awards: Iterable[Award]) -> None:
        """Keep the awards and send them."""
        ...


class RuleDesk(Protocol):
    """Where rules are kept, inside one transaction."""

    async def find(self, tenant: str, rule_id: str) -> Rule | None:
        """Return the rule's current version."""
        ...

    async def metric(self, tenant: str, name: str) -> Metric | None:
        """Return the metric, or None when nobody has defined it."""
        ...

    async def running_on(self, tenant: str, metric: str) -> int:
        """Return how many rules run on the metric."""
        ...

    async def save(self, rule: Rule, actor: str, action: str) -> None:
        """Keep a new version with its audit entry, and let every reader of the rules see it."""
        ...


class MetricShelf(Protocol):
    """What is known of metrics, inside one transaction."""

    async def keep(self, defined: MetricDefined) -> None:
        """Keep the definition, unless a version as high is there."""
        ...


class DirectoryShelf(Protocol):
    """What is known of people, teams and the organisation, inside one transaction."""

    async def keep(self, entry: DirectoryMessage) -> bool:
        """Keep the entry, unless a version as high is there; return whether it is the first."""
        ...

    async def address(self, tenant: str, dim_is: str, value: str) -> Address:
        """Return where a praise of the value goes, as the directory stands in this transaction."""
        ...


class WaitingRoom(Protocol):
    """The awards that wait for an entry of the directory, inside one transaction."""

    async def waiting_for(self, entries: Iterable[DirectoryMessage]) -> Sequence[Award]:
        """Return the awards that wait for these entries, which are known from now on."""
        ...

    async def decide(self, awards: Sequence[Award]) -> None:
        """Keep the awards with the address that they have now, and send those to be posted."""
        ...
