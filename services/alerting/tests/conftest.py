"""A goal, its days, and what the judge makes of them, in as few words as a test needs."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from alerting import api
from alerting.adapters.books import MongoBooks
from alerting.adapters.goals import goal_of
from alerting.adapters.stripes import MOST
from alerting.domain.goal import Goal, GoalKey, Policy
from alerting.domain.judged import Deed, Judged, State, Verdict
from alerting.domain.judging import judge_goal
from alerting.domain.looking import Case
from alerting.domain.schedule import Appointment, Position, due, kept
from alerting.domain.sums import DayValue
from alerting.judge import TOGETHER, Judge
from alerting.settings import AlertingSettings
from alerting.stream import Stream
from event_contracts.deeds import GoalEvent
from event_contracts.directory import PersonChanged, TeamChanged
from event_contracts.facts import Watermark
from event_contracts.goals import GoalChanged, Plan
from event_contracts.goals import Policy as WirePolicy
from event_contracts.progress import BackFilled, DayProgress
from event_contracts.wire import Event, decoder_of, encode, partition_of
from service_kit.guards import Guards
from service_kit.keys import Keys
from service_kit.outbox import Outbox
from service_kit.records import Partition, Record, Slice
from service_kit.settings import Settings
from service_kit.store import Store
from service_kit.testing.fake_mongo import FakeMongo
from service_kit.testing.outboxes import rows_in
from service_kit.testing.tokens import FakeTokens, bearer

ALIVE = Policy(source_always_alive=True)
FOREVER = 2**53


class Bench:
    """A goal on the judge's bench: values come in, `judge` judges what is due or dirty.

    `lights` are the run lights by their span's start, `to_date` the to-date lights.
    """

    def __init__(self, *versions: Goal) -> None:
        self.versions = list(versions)
        self.parts: dict[str, dict[date, DayValue]] = {}
        self.quarters: dict[date, int] = {}
        self.verdicts: dict[date, Verdict] = {}
        self.state = State()
        self.position = Position()
        self.dirty: date | None = None
        self.deeds: list[Deed] = []

    @property
    def lights(self) -> dict[date, Judged]:
        return {start: one.run for start, one in self.verdicts.items()}

    @property
    def to_date(self) -> dict[date, Judged]:
        return {start: one.to_date for start, one in self.verdicts.items()}

    def put(self, values: Mapping[date, Decimal | int | str], part: str = "") -> None:
        """Set days of a part to their values; a judged day becomes dirty."""
        for day, value in values.items():
            self.parts.setdefault(part, {})[day] = DayValue(Decimal(value))
            if day <= self.position.judged_through:
                self.dirty = min(day, self.dirty or day)

    def judge(
        self, now_ms: int = FOREVER, watermark_ms: int = FOREVER, *, patient: bool = True
    ) -> list[Deed]:
        """Judge; return the deeds of this time."""
        work: list[Appointment] = []
        if self.dirty is not None:
            work += kept(self.versions, self.position, self.dirty)
        work += due(self.versions, self.position, watermark_ms, now_ms, patient=patient)
        first = min((one.span.start for one in work if not one.is_period), default=date.max)
        earlier = [start for start in self.verdicts if start < first]
        outcome = judge_goal(
            Case(
                self.versions,
                work,
                self.position,
                self.state,
                watermark_ms,
                now_ms,
                before=self.verdicts[max(earlier)] if earlier else None,
                standing=frozenset(self._red_alarms(earlier)),
                stored={start: one for start, one in self.verdicts.items() if start >= first},
                parts=self.parts,
                quarters=dict.fromkeys(self.versions[-1].metrics, self.quarters),
            )
        )
        self.verdicts |= {one.span.start: one for one in outcome.judged}
        self.state, self.position = outcome.state, outcome.position
        self.dirty = outcome.incomplete.span.start if outcome.incomplete else None
        self.deeds += outcome.deeds
        return list(outcome.deeds)

    def _red_alarms(self, starts: list[date]) -> list[str]:
        spans = [self.lights[start] for start in starts]
        return [one.alarm for one in spans if one.light.colour == "red" and one.alarm]

    def colours(self) -> list[str]:
        """Return the run's judged colours in order."""
        return [str(self.lights[start].light.colour) for start in sorted(self.verdicts)]

    def headlines(self) -> list[str]:
        """Return the judged to-date colours in order."""
        return [str(self.to_date[start].light.colour) for start in sorted(self.verdicts)]

    def of_run(self) -> list[Deed]:
        """Return all deeds but those of the to-date light."""
        return [deed for deed in self.deeds if deed.light_kind == "run"]


@pytest.fixture(scope="session")
def make_goal():
    """Return a maker of goals: 100 a working day from Monday 1 June 2026, source always alive."""

    def make(days: int = 26, policy: Policy = ALIVE, **changes: object) -> Goal:
        start = date(2026, 6, 1)
        goal = Goal(
            key=GoalKey("acme", "leads"),
            version=1,
            metric="leads",
            zone="Europe/London",
            start=start,
            end=start + timedelta(days=days - 1),
            target=Decimal(2000),
            daily=Decimal(100),
            policy=policy,
        )
        return replace(goal, **changes)

    return make


@pytest.fixture(scope="session")
def bench():
    """Return a maker of benches."""
    return Bench


PARTITIONS = 4
_event = decoder_of(GoalEvent)


class SetClock:
    """A clock that stands where the test sets it."""

    def __init__(self) -> None:
        self.at_ms = 0

    def now_ms(self) -> int:
        return self.at_ms


class Stage:
    """Stream and judge of one worker on an in-memory store: goals `a`, plan 100 a working day."""

    def __init__(self, guards: Guards | None = None, most: int = MOST, **settings: float) -> None:
        self.store = Store(FakeMongo(), "paceline_alerting")
        self.clock = SetClock()
        self.guards = guards or Guards()
        self.settings = AlertingSettings(Settings("alerting"), **settings)
        self.stream = Stream(self.clock, self.guards, PARTITIONS, most)
        self.judge: Judge
        self._writer: Any
        self._versions: dict[tuple[str, str, date], int] = {}
        self._offset = 0

    async def start(self) -> "Stage":
        self._writer = await self.store.session()
        self.judge = await self.another_judge()
        return self

    async def another_judge(self, together: int = TOGETHER) -> Judge:
        """Return a judge of its own session, as another process has it."""
        return Judge(
            self.store,
            await self.store.session(),
            self.clock,
            self.guards,
            self.settings,
            lambda: range(PARTITIONS),
            asyncio.Lock(),
            together=together,
        )

    async def apply(self, topic: str, number: int, *events: Event | bytes) -> None:
        """Apply one slice of records in one transaction."""
        partition = Partition(topic, number)
        values = [event if isinstance(event, bytes) else encode(event) for event in events]
        records = []
        for value in values:
            records.append(Record(partition, self._offset, b"acme|x", value))
            self._offset += 1
        batch = Slice(partition, self._offset - len(values), self._offset, tuple(records))

        async def body(tx: Any) -> None:
            await self.stream.apply(tx, batch, Outbox("test", {}))

        await self._writer.run(body)

    async def goal(
        self, goal: str = "a", *, version: int = 1, filled: bool = True, **changes: Any
    ) -> None:
        """Tell a goal of June 2026's first week and, if it is not said otherwise, its back-fill."""
        policy = WirePolicy(**{"source_always_alive": True} | changes.pop("policy", {}))
        fields: dict[str, Any] = {
            "tenant": "acme",
            "goal": goal,
            "version": version,
            "name": goal,
            "metric": "leads",
            "unit": "leads",
            "zone": "Europe/London",
            "start": date(2026, 6, 1),
            "end": date(2026, 6, 5),
            "plan": Plan(daily=Decimal(100)),
            "target": Decimal(500),
            "policy": policy,
        }
        number = partition_of(PARTITIONS, "acme", goal)
        event = GoalChanged(**fields | changes)
        await self.apply("goals", number, event)
        for source in goal_of(event).sources if filled else ():
            await self.fill(*source, goal, version=version)

    async def fill(self, part: str, metric: str, goal: str = "a", *, version: int = 1) -> None:
        """Tell that the days of one of a goal's sums are all there."""
        number = partition_of(PARTITIONS, "acme", goal)
        back = BackFilled(tenant="acme", goal=goal, goal_version=version, metric=metric, part=part)
        await self.apply("progress", number, back)

    def day(
        self, goal: str, day: int, value: int | str, metric: str = "leads", part: str = ""
    ) -> DayProgress:
        """Return the next version of a goal's day in June 2026."""
        place = goal, part, date(2026, 6, day)
        self._versions[place] = self._versions.get(place, 0) + 1
        return DayProgress(
            tenant="acme",
            goal=goal,
            goal_version=1,
            metric=metric,
            part=part,
            day=place[2],
            value=Decimal(value),
            count=1,
            version=self._versions[place],
            as_of_ms=self.clock.now_ms(),
        )

    async def put(
        self,
        values: Mapping[int, int | str],
        goal: str = "a",
        metric: str = "leads",
        part: str = "",
    ) -> None:
        """Tell days of one of a goal's sums."""
        days = [self.day(goal, day, value, metric, part) for day, value in values.items()]
        await self.apply("progress", partition_of(PARTITIONS, "acme", goal), *days)

    async def at(self, day: int, hour: int = 12, *, complete: bool = True) -> None:
        """Set the clock in June 2026; all leads are complete up to there, if not said otherwise."""
        self.clock.at_ms = int(datetime(2026, 6, day, hour, tzinfo=UTC).timestamp() * 1000)
        if complete:
            await self.complete("leads")

    async def complete(self, metric: str) -> None:
        """Tell every partition that the metric is complete up to now."""
        origin = f"facts/{partition_of(PARTITIONS, 'acme', metric)}"
        mark = Watermark(origin=origin, at_ms=self.clock.at_ms)
        for number in range(PARTITIONS):
            await self.apply("progress", number, mark)

    async def settle(self) -> None:
        """Judge until nothing is left to decide."""
        while await self.judge.step():
            pass

    async def colours(self, goal: str = "a") -> list[str]:
        """Return the judged colours in order."""
        found = await self.store.db["lights"].find({"goal": goal}).to_list(None)
        return [row["colour"] for row in sorted(found, key=lambda row: row["start"])]

    async def deeds(self, goal: str = "a", light: str = "") -> list[GoalEvent]:
        """Return a goal's deeds by seq, as they were sent; of one light only, if it is named."""
        found = await rows_in(self.store, "goal-events")
        events = [_event(bytes(row["value"])) for row in found]
        mine = [e for e in events if e.goal == goal and light in ("", e.light_kind)]
        return sorted(mine, key=lambda e: e.seq)


@pytest.fixture
def stage():
    """Return a maker of started stages."""

    async def make(guards: Guards | None = None, most: int = MOST, **settings: float) -> Stage:
        return await Stage(guards, most, **settings).start()

    return make


@pytest.fixture
def judge_while(monkeypatch):
    """Return what lets the judge read, then something else happen, and then the judge write."""

    async def judge(team: Stage, meanwhile: Coroutine[Any, Any, None]) -> None:
        left = [meanwhile]

        async def pause(books: MongoBooks, goals: int) -> None:
            while left:  # a transaction that runs again finds that it has happened
                await left.pop()

        monkeypatch.setattr(MongoBooks, "pause", pause)
        await team.judge.step()
        assert not left

    return judge


# anna and ben write content, cleo leads them; dora sells; eve is the administrator.
PEOPLE = {"anna": "content", "ben": "content", "cleo": "content", "dora": "sales", "eve": ""}
ROLES = {"cleo": "lead", "eve": "admin"}


class Office:
    """A stage with people, and a client for each of them."""

    def __init__(self, team):
        self.team = team
        self.runtime = SimpleNamespace(
            store=team.store,
            clock=team.clock,
            settings=Settings("alerting"),
            keys=Keys(Store(team.store.client, "paceline_keys")),
            tokens=FakeTokens(),
        )

    def person(self, name, version=1, **fields):
        fields = {"team": PEOPLE[name]} | fields
        return PersonChanged(tenant="acme", person=name, version=version, name=name, **fields)

    async def tell(self, *entries):
        await self.team.apply("directory", 0, *entries)

    def headers(self, name):
        return bearer(ROLES.get(name, "member"), tenant="acme", person=name)

    async def key(self, *scopes):
        return {"Authorization": f"Bearer {await self.runtime.keys.create('acme', scopes)}"}

    async def ask(self, headers, method, path, **more):
        transport = httpx.ASGITransport(api.make(self.runtime))
        async with httpx.AsyncClient(transport=transport, base_url="http://alerting") as client:
            return await client.request(method, path, headers=headers, **more)

    async def get(self, name, path):
        return await self.ask(self.headers(name), "GET", path)

    async def events(self, name, query=""):
        """Return the goal and kind of all events, page by page."""
        return await self.pages(self.headers(name), query)

    async def pages(self, headers, query=""):
        found, after = [], ""
        while True:
            path = f"/v1/goal-events?{query}&after={after}"
            answer = (await self.ask(headers, "GET", path)).json()
            found += answer["items"]
            if answer["next"] is None:
                return found
            after = answer["next"]


@pytest.fixture
def office_of(stage):
    """Return a maker of offices in which nothing has happened yet."""

    async def make() -> Office:
        it = Office(await stage())
        await it.tell(*map(it.person, PEOPLE))
        await it.tell(TeamChanged(tenant="acme", team="content", version=1, name="C", lead="cleo"))
        return it

    return make


@pytest.fixture
def office_on():
    """Return a maker of offices over a stage on which something has happened."""
    return Office
