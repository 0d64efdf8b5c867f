"""What the handlers need from outside; adapters fill it in, inside one transaction."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, Protocol

from event_contracts.metrics import MetricDefined
from event_contracts.wire import Event
from goal_service.domain.alive import Days, MetricDay, Quarters
from goal_service.domain.calendars import HolidaysOf
from goal_service.domain.goals import GoalVersion
from goal_service.domain.matching import Index, Use
from goal_service.domain.people import Directory, Kept, Ref
from goal_service.domain.policies import PolicyVersion
from goal_service.domain.progress import DayValue
from goal_service.domain.sheets import Sheet


class MetricKey(NamedTuple):
    """One metric of one tenant."""

    tenant: str
    metric: str


class Place(NamedTuple):
    """One local day of one part of a goal by one metric."""

    tenant: str
    goal: str
    metric: str
    day: date
    part: str = ""


class Facts(NamedTuple):
    """Cells of one metric; ``as_of_ms`` is the latest acceptance among their events."""

    sheets: tuple[Sheet, ...]
    as_of_ms: int


class FactStore(Protocol):
    """All facts of all metrics."""

    async def append(self, facts: Mapping[MetricKey, Facts]) -> None:
        """Add facts to their metrics."""
        ...

    async def between(self, metric: MetricKey, begin: int, end: int) -> Sequence[Facts]:
        """Return facts that hold all cells of the minutes ``begin`` <= m < ``end``, and others."""
        ...


class ProgressStore(Protocol):
    """The values of goals' days."""

    async def read(self, places: Collection[Place]) -> dict[Place, DayValue]:
        """Return the values of those places that were ever written."""
        ...

    async def of_use(self, use: Use) -> dict[date, DayValue]:
        """Return all days of a part of a goal by one metric."""
        ...

    async def write(self, values: Mapping[Place, DayValue]) -> Mapping[Place, DayValue]:
        """Write values that facts have changed; return what made room and was never told."""
        ...

    async def replace(self, values: Mapping[Place, DayValue]) -> None:
        """Write values that a back-fill found, and tells at once."""
        ...

    def untold(self) -> Mapping[Place, DayValue]:
        """Return all values that were never told; from now on they are."""
        ...


class Uses(Protocol):
    """Which goals use which metric, as of this transaction."""

    def index(self, metric: MetricKey) -> Index:
        """Return the uses of a metric; reads memory only."""
        ...

    async def put(self, use: Use) -> None:
        """Write a use in place of the earlier one of its key."""
        ...


class AliveBook(Protocol):
    """When each metric's source delivered."""

    async def join(self, bits: Mapping[MetricDay, int]) -> dict[MetricDay, Quarters]:
        """Add quarter hours; return the days to which they were new."""
        ...

    async def between(self, metric: MetricKey, days: Days) -> dict[MetricDay, Quarters]:
        """Return the days of a metric on which its source delivered."""
        ...


class Definitions(Protocol):
    """The metrics that goals may use."""

    async def get(self, tenant: str, metric: str) -> MetricDefined | None:
        """Return the metric's definition, if it has one."""
        ...

    async def put(self, definition: MetricDefined) -> None:
        """Write the definition in place of the earlier one."""
        ...


class Goals(Protocol):
    """Every version of every goal."""

    async def current(self, tenant: str, goal: str) -> GoalVersion | None:
        """Return the goal's last version, if there is one."""
        ...

    async def add(self, version: GoalVersion) -> None:
        """Write a further version, which becomes the current one; earlier ones stay."""
        ...

    async def children(self, tenant: str, goal: str) -> Sequence[GoalVersion]:
        """Return the goals that name this one as their parent."""
        ...

    async def naming(
        self, tenant: str, policy: str, after: str, limit: int
    ) -> Sequence[GoalVersion]:
        """Return goals that name the policy, in the order of their ids."""
        ...

    async def owned(self, tenant: str, owner: str, after: str, limit: int) -> Sequence[GoalVersion]:
        """Return the person's individual goals, in the order of their ids."""
        ...


class Policies(Protocol):
    """Every version of every named policy, and how far goals have followed the current one."""

    async def current(self, tenant: str, name: str) -> PolicyVersion | None:
        """Return the policy's last version, if there is one."""
        ...

    async def add(self, version: PolicyVersion) -> None:
        """Write a further version, which becomes the current one and which no goal follows yet."""
        ...

    async def followed(self, tenant: str, name: str) -> str | None:
        """Return the id up to which goals follow the current version; None: all of them do."""
        ...

    async def follow(self, version: PolicyVersion, to: str | None) -> None:
        """Note up to which id goals follow the version; None: all of them do."""
        ...


class Journal(Protocol):
    """The audit trail: one chain per tenant.

    Two transactions that note something for one tenant are never both right about its end, so the
    second runs again: what one of them read of goals and policies, the other has not changed.
    """

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any], at_ms: int
    ) -> None:
        """Append an entry in this transaction."""
        ...


class DirectoryStore(Protocol):
    """People, teams and what else the directory holds, with every version of it."""

    async def lock(self, tenant: str) -> None:
        """Make a concurrent transaction that does the same fail and run again."""
        ...

    async def changes(self, tenant: str) -> int:
        """Return how often the directory has been locked, this time too."""
        ...

    async def find(self, tenant: str, refs: Collection[Ref]) -> dict[Ref, Kept]:
        """Return those of the entries that there are."""
        ...

    async def whole(self, tenant: str) -> Directory:
        """Return all people, teams and calendars."""
        ...

    async def put(self, kept: Sequence[Kept]) -> None:
        """Write further versions with their audit entries; earlier ones stay.

        Goals do not follow a changed leave yet.
        """
        ...

    async def leave_followed(self, tenant: str, person: str) -> str | None:
        """Return the id up to which goals follow the person's leave; None: all of them do."""
        ...

    async def follow_leave(self, tenant: str, person: str, to: str | None) -> None:
        """Note up to which id goals follow the person's leave; None: all of them do."""
        ...


class ViewLog(Protocol):
    """Who has looked at whose page."""

    async def note(self, tenant: str, person: str, viewer: str, at_ms: int) -> None:
        """Remember a look; the same one again is the same."""
        ...


class Post(Protocol):
    """Messages that leave when the transaction commits, in the order of the calls."""

    def send(self, event: Event, place: int | None = None) -> None:
        """Send the event to where its kind belongs; a sign of life to that partition."""
        ...

    def place(self, tenant: str, goal: str) -> int:
        """Return the partition in which the goal's progress stands."""
        ...


class FactBooks(Protocol):
    """What the handlers of the facts log work on."""

    @property
    def facts(self) -> FactStore:
        """The fact store."""
        ...

    @property
    def progress(self) -> ProgressStore:
        """The goals' days."""
        ...

    @property
    def uses(self) -> Uses:
        """The goals by metric."""
        ...

    @property
    def alive(self) -> AliveBook:
        """The sources' signs of life."""
        ...

    @property
    def post(self) -> Post:
        """The outbox."""
        ...


class GoalBooks(Protocol):
    """What the handlers of goals, policies and definitions work on."""

    @property
    def goals(self) -> Goals:
        """The goals."""
        ...

    @property
    def definitions(self) -> Definitions:
        """The metrics' definitions."""
        ...

    @property
    def policies(self) -> Policies:
        """The named policies."""
        ...

    @property
    def holidays(self) -> HolidaysOf:
        """Countries' holidays."""
        ...

    @property
    def directory(self) -> DirectoryStore:
        """The directory."""
        ...

    @property
    def journal(self) -> Journal:
        """The audit trail."""
        ...

    @property
    def post(self) -> Post:
        """The outbox."""
        ...


class PeopleBooks(Protocol):
    """What the handlers of the directory work on."""

    @property
    def directory(self) -> DirectoryStore:
        """The directory."""
        ...

    @property
    def views(self) -> ViewLog:
        """The looks at people's pages."""
        ...

    @property
    def post(self) -> Post:
        """The outbox."""
        ...
