"""Deals of several currencies while their metric, its source and the rates change beside them.

Whatever changes between a fact and its reversal, what was added is taken back where it landed, and
a deal counts on the day on which it was won, at that day's rate.
"""

import random
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest

from event_contracts.raw import RawEvent
from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.definitions import Definitions, Metric, Source
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.money.exchange import effect_of
from metrics_ingest.domain.money.rates import Rate
from metrics_ingest.domain.plans import SourcePlan, TenantPlan
from metrics_ingest.domain.subjects.booking import Differences
from metrics_ingest.domain.subjects.entities import EntityState, take
from metrics_ingest.domain.subjects.subject import Subject
from metrics_ingest.domain.values import EXACT, Value

FIRST = date(2026, 5, 1)
BEGIN_MS = 1_777_593_600_000  # FIRST in UTC
DAY_MS = 86_400_000
WON = [{"field": "stage", "op": "eq", "value": "won"}]
TEXTS = ("deal", "stage", "cur", "region", "owner")
Told = dict[str, Value]


class World:
    """What is declared, and how it changes."""

    def __init__(self, draw: random.Random, partial: bool, watched: bool) -> None:
        self._draw = draw
        self._partial = partial
        self._watched = watched
        self._source = 1
        self.metric = self._metric(1)
        self._before: Metric | None = None
        # What a dollar cost, by day and as the loads revised it: all days are there.
        self._rates = [self._rate(day, 0) for day in range(0, 40, 3)]

    def change(self) -> None:
        """Let the metric, the source, or the rates be others."""
        which = self._draw.choice(["metric", "metric", "source", "rates"])
        if which == "metric":
            self._before, self.metric = self.metric, self._metric(self.metric.version + 1)
        elif which == "source":
            self._source += 1
        else:
            self._rates.append(self._rate(self._draw.randrange(40), len(self._rates)))

    def plan(self) -> SourcePlan:
        """Compile what is declared now."""
        fields: dict[str, Any] = {name: {"paths": [name]} for name in TEXTS}
        for name in ("amount", "net"):
            fields[name] = {"paths": [name], "kind": "decimal", "currency": "cur"}
        fields["as_of"] = {"paths": ["as_of"], "kind": "integer"}
        door = {"id": ["id"], "type": ["type"], "time": ["time"], "fields": fields}
        deal: dict[str, Any] = {
            "kind": "entity",
            "types": ["deal"],
            "key": ["deal"],
            "as_of": "as_of",
        }
        deal |= {"partial": self._partial}
        source: dict[str, Any] = {"name": "crm", "zone": "UTC", "version": self._source}
        source |= {"doors": {"http": door}, "contributions": [deal]}
        metrics = [self.metric]
        if effect := effect_of(self.metric, self._before):
            metrics.append(effect)
        if self._watched:  # a metric that has looked at every field from the first deal on
            exist = [{"field": name, "op": "exists"} for name in (*TEXTS, "net")]
            all_of: dict[str, Any] = {
                "name": "all",
                "source": "crm",
                "types": ["deal"],
                "value": "amount",
            }
            all_of |= {"currency": "EUR", "where": exist, "version": 1}
            metrics.append(msgspec.convert(all_of, Metric))
        definitions = Definitions(
            "acme", 1, (msgspec.convert(source, Source),), tuple(metrics), tuple(self._rates)
        )
        return TenantPlan.of(definitions).sources["crm"]

    def rate(self, code: Value, day: int) -> Decimal:
        """Return the rate of a day since FIRST by the newest loads, written anew here."""
        if code == "EUR":
            return Decimal(1)
        newest = {each.date: each.rate for each in self._rates}  # a later load stands behind
        return newest[max(at for at in newest if at <= FIRST + timedelta(day))]

    def wanted(self, state: Told, day: int) -> dict[str, Decimal]:
        """Return what a won deal is to the metric and to its rate effect."""
        amount = state[self.metric.value or ""]
        assert isinstance(amount, Decimal)
        at_day = amount * self.rate(state["cur"], day)
        if self.metric.rates == "day":
            return {"won": at_day}
        budget = Decimal(1) if state["cur"] == "EUR" else self.metric.budget["USD"]
        return {"won": amount * budget, "won.rate_effect": at_day - amount * budget}

    def _metric(self, version: int) -> Metric:
        told: dict[str, Any] = {"name": "won", "source": "crm", "types": ["deal"], "where": WON}
        told |= {"currency": "EUR", "version": version}
        told |= {"value": self._draw.choice(["amount", "net"])}
        told |= {"dims": self._draw.choice([[], ["region"], ["region", "owner"]])}
        if self._draw.random() < 0.5:
            told |= {"rates": "budget", "budget": {"USD": f"0.{self._draw.randrange(50, 99)}"}}
        return msgspec.convert(told, Metric, strict=False)

    def _rate(self, day: int, version: int) -> Rate:
        rate = Decimal(self._draw.randrange(700, 1300)) / 1000
        on = FIRST + timedelta(day)
        return Rate(date=on, base="USD", quote="EUR", rate=rate, version=version)


class Books:
    """One deal's state, and what all of its facts come to."""

    def __init__(self) -> None:
        self.state = EntityState()
        self.cells: Counter[tuple[str, int, tuple[tuple[str, str], ...]]] = Counter()

    def take(self, plan: SourcePlan, event: SubjectEvent) -> None:
        subject = Subject("acme", "crm", event.role, event.name, event.key)
        with localcontext(EXACT):
            after = take(self.state, [event], plan.diverter.plan_of(event.role, event.name)).state  # type: ignore[arg-type]
            found = Differences()
            found.add(subject, self.state, after)
            for sheet, cells in found.cells.items():
                for (minute, dims), cell in cells.items():
                    self.cells[sheet.metric, minute, dims] += cell.sum  # type: ignore[assignment]
        text = msgspec.json.Encoder(decimal_format="string").encode(after)
        self.state = msgspec.json.decode(text, type=EntityState)

    @property
    def booked(self) -> dict[str, tuple[int, Decimal, dict[str, str]]]:
        """What the state says that was added, without what it is not asked for here."""
        found = self.state.booked.get("", ())
        return {b.metric: (b.minute, b.sum, b.dims) for b in found if b.metric != "all"}

    @property
    def added(self) -> dict[tuple[str, int, tuple[tuple[str, str], ...]], Decimal]:
        """What the facts come to, the same left out."""
        return {at: Decimal(s) for at, s in self.cells.items() if s and at[0] != "all"}


def event_of(plan: SourcePlan, state: Told, at_ms: int) -> SubjectEvent:
    raw = RawEvent(
        tenant="acme", source="crm", id="e", door="http", received_ms=0, body=msgspec.Raw(b"{}")
    )
    event = Mapped("deal", at_ms, None, state)
    (found,) = plan.divert(raw, event)
    return found


def a_state(draw: random.Random, as_of: int, stage: str) -> Told:
    return {
        "deal": "7",
        "as_of": as_of,
        "stage": stage,
        "cur": draw.choice(["EUR", "USD"]),
        "region": draw.choice(["eu", "us"]),
        "owner": draw.choice(["a", "b"]),
        "amount": Decimal(draw.randrange(1, 10**6)) / 100,
        "net": Decimal(draw.randrange(1, 10**6)) / 100,
    }


def expected(world: World, story: list[tuple[Told, int]]) -> dict[str, Any]:
    """Return what is to be booked of the states told so far, by their order."""
    begin: int | None = None
    for state, at_ms in sorted(story, key=lambda each: int(str(each[0]["as_of"]))):
        newest = state
        if state["stage"] != "won":
            begin = None
        elif begin is None:
            begin = at_ms
    if begin is None:
        return {}
    dims = {name: str(newest[name]) for name in world.metric.dims}
    day = (begin - BEGIN_MS) // DAY_MS
    return {
        name: (begin // 60_000, amount, dims) for name, amount in world.wanted(newest, day).items()
    }


@pytest.mark.parametrize("order", ["in-order", "shuffled"])
@pytest.mark.parametrize("partial", [False, True], ids=["whole", "partial"])
def test_a_deal_has_what_the_definitions_of_now_make_of_it_on_the_day_it_was_won(
    partial: bool, order: str
) -> None:
    """Shuffled: dead letters that are replayed late, beside definitions that change meanwhile."""
    for seed in range(80):
        draw = random.Random(seed)
        world = World(draw, partial, watched=order == "shuffled")
        books = Books()
        moments = sorted(draw.sample(range(30 * 1440), draw.randrange(3, 12)))
        states = [
            (a_state(draw, n, draw.choice(["won", "won", "open", "lost"])), BEGIN_MS + m * 60_000)
            for n, m in enumerate(moments, 1)
        ]
        if order == "shuffled":
            draw.shuffle(states)
        for number, (state, at_ms) in enumerate(states, 1):
            for _ in range(draw.choice([0, 1, 2])):
                world.change()
            plan = world.plan()
            books.take(plan, event_of(plan, state, at_ms))
            if order == "in-order":
                assert books.booked == expected(world, states[:number]), (seed, number)
            assert books.added == {
                (name, minute, tuple(sorted(dims.items()))): amount
                for name, (minute, amount, dims) in books.booked.items()
                if amount
            }, (seed, number)
        world.change()
        plan = world.plan()
        newest = max((state for state, _ in states), key=lambda each: int(str(each["as_of"])))
        end_ms = BEGIN_MS + 31 * DAY_MS
        again = (newest | {"as_of": 100}, end_ms)
        books.take(plan, event_of(plan, *again))
        assert books.booked == expected(world, [*states, again]), seed
        world.change()
        plan = world.plan()
        books.take(plan, event_of(plan, a_state(draw, 101, "lost"), end_ms))
        assert books.added == {}, seed
