"""A stage for worked examples: one running system, one clock that only goes on, many tenants."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

from paceline.trial.api import Api, Refused
from paceline.trial.replay import make_key
from paceline.trial.system import System, until

OPENING = date(2026, 1, 5)  # a Monday
WITHIN = 60.0


class Stage:
    """Hands out weeks: the clock never goes back, so each example plays in weeks of its own."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._next = OPENING
        self._open: list[Api] = []

    def weeks(self, number: int) -> date:
        """Reserve whole weeks and return their first day, a Monday."""
        first = self._next
        self._next += timedelta(weeks=number + 1)
        return first

    def clock(self, at: datetime) -> None:
        """Set the clock, an aware time."""
        self.system.step_clock(at.timestamp())

    async def tenant(self, zone: str = "UTC") -> "Tenant":
        """Open a tenant of its own, with a source ``crm`` and a metric ``leads``."""
        name = f"t{uuid4().hex[:10]}"
        api = Api(self.system, await make_key(self.system, name))
        self._open.append(api)
        tenant = Tenant(self, name, api, zone)
        await tenant.declare()
        return tenant

    async def close(self) -> None:
        """Close the connections of all tenants; the system runs on."""
        while self._open:
            await self._open.pop().__aexit__()


class Tenant:
    """One tenant: sends amounts, sets goals, reads lights and deeds."""

    def __init__(self, stage: Stage, name: str, api: Api, zone: str) -> None:
        self.stage = stage
        self.name = name
        self.api = api
        self._zone = zone
        self._numbers = count(1)

    async def declare(self) -> None:
        """Make the source and the metric."""
        fields = {
            "amount": {"paths": ["data.amount"], "kind": "decimal", "required": True},
            "channel": {"paths": ["data.channel"], "kind": "string"},
        }
        mapping = {"id": ["id"], "type": ["type"], "time": ["time"], "fields": fields}
        source = {
            "name": "crm",
            "zone": self._zone,
            "records": ["lead"],
            "doors": {"http": mapping},
        }
        await self.api.call("POST", "metrics-ingest", "/v1/sources", source)
        await self.metric("leads", value="amount", types=["lead"], dims=["channel"])

    async def metric(self, name: str, **fields: Any) -> None:
        """Define an additive metric of the source and wait until goals can use it."""
        document = {"name": name, "kind": "additive", "source": "crm", "unit": "leads"} | fields
        await self.api.call("POST", "metrics-ingest", "/v1/metrics", document)
        await self.known(name)

    async def known(self, name: str) -> None:
        """Wait until goals can use the metric."""

        async def look() -> bool:
            return any(m["name"] == name for m in await self.api.all("goal-service", "/v1/metrics"))

        await until(look, WITHIN, f"goal-service knows {name}")

    async def goal(self, start: date, end: date, daily: int | None = None, **fields: Any) -> str:
        """Set a goal of ``daily`` leads per working day, or as the fields say; return its id."""
        return str((await self.settle(start, end, daily, **fields))["id"])

    async def settle(
        self, start: date, end: date, daily: int | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Set a goal like ``goal`` does and return it as it was settled."""
        policy = {"grain": "day", "source_always_alive": True} | fields.pop("policy", {})
        document = {
            "name": "leads",
            "metric": "leads",
            "start": start.isoformat(),
            "end": end.isoformat(),
            "zone": self._zone,
            "plan": "straight" if daily is None else {"daily": daily},
            "policy": policy,
        } | fields
        return dict(await self.api.call("POST", "goal-service", "/v1/goals", document))

    def event(self, at: datetime, amount: Any, **fields: Any) -> dict[str, Any]:
        """Return a CloudEvent of ``amount`` leads at an aware time."""
        data = {"amount": amount, "channel": fields.pop("channel", "sem")}
        return {
            "specversion": "1.0",
            "id": f"e{next(self._numbers)}",
            "source": "/crm",
            "type": "lead",
            "time": at.isoformat(),
            "data": data,
        } | fields

    async def send(self, *events: Any) -> None:
        """Send CloudEvents as one batch; return when they are accepted."""
        await self.api.send(events, "crm")

    async def on(self, day: date, amount: Any, **fields: Any) -> dict[str, Any]:
        """Send one event at noon of the day and return it."""
        event = self.event(noon(day), amount, **fields)
        await self.send(event)
        return event

    async def play(self, goal: str, days: Iterable[tuple[date, Any]]) -> list[str]:
        """Let days pass with these amounts (None: no event), each judged before the next begins."""
        found = []
        for day, amount in days:
            self.stage.clock(noon(day))
            if amount is not None:
                await self.on(day, amount)
            self.close(day)
            found.append(str((await self.judged(goal, day))["light"]))
        return found

    async def span(
        self, goals: Iterable[str], start: date, end: date, *events: Any
    ) -> list[dict[str, Any]]:
        """Let a span pass with these events; return its judged light of each goal, in order."""
        self.stage.clock(noon(end))
        if events:
            await self.send(*events)
        self.close(end)
        return [await self.judged(goal, start) for goal in goals]

    async def day(self, goals: Iterable[str], day: date, *events: Any) -> list[dict[str, Any]]:
        """Let a day pass like ``span`` does."""
        return await self.span(goals, day, day, *events)

    def close(self, day: date) -> None:
        """Move the clock past the day's close and the sources' freshness of one hour."""
        self.stage.clock(datetime.combine(day + timedelta(days=1), time(1, 0, 1), UTC))

    async def light(self, goal: str, day: date) -> dict[str, Any] | None:
        """Return the light of the day's span, judged or provisional."""
        bounds = {"from": str(day), "to": str(day)}
        try:
            page = await self.api.get("alerting", "/v1/lights", goal=goal, **bounds)
        except Refused:  # alerting has not heard of the goal yet
            return None
        return page["items"][0] if page["items"] else None

    async def judged(self, goal: str, day: date) -> dict[str, Any]:
        """Wait for the judged light of the day."""

        async def look() -> dict[str, Any] | None:
            row = await self.light(goal, day)
            return row if row is not None and not row["provisional"] else None

        return dict(await until(look, WITHIN, f"{goal} {day} judged"))

    async def deeds(self, goal: str, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the goal's deeds in their order."""
        found = await self.api.all("alerting", "/v1/goal-events", goal=goal)
        mine = sorted(found, key=lambda deed: deed["seq"])
        return [deed for deed in mine if kind in (None, deed["kind"])]

    async def deeds_become(self, goal: str, kind: str, number: int) -> list[dict[str, Any]]:
        """Wait until there are at least ``number`` deeds of the kind; return them."""

        async def look() -> list[dict[str, Any]]:
            found = await self.deeds(goal, kind)
            return found if len(found) >= number else []

        return list(await until(look, WITHIN, f"{number} {kind} of {goal}"))

    async def total(self, goal: str) -> Decimal:
        """Return the goal's total."""
        page = await self.api.get("goal-service", f"/v1/goals/{goal}/progress", limit=1)
        return Decimal(page["total"])

    async def total_becomes(self, goal: str, total: Any) -> None:
        """Wait until the goal's total is this."""

        async def look() -> bool:
            return await self.total(goal) == Decimal(total)

        await until(look, WITHIN, f"{goal} comes to {total}")

    async def counted(self, source: str, **numbers: int) -> None:
        """Wait until the source's counters are these: duplicates move no total."""

        async def look() -> bool:
            stats = await self.api.get("metrics-ingest", f"/v1/sources/{source}/stats")
            return all(stats[name] == number for name, number in numbers.items())

        await until(look, WITHIN, f"{source} counts {numbers}")

    async def settled(self) -> None:
        """Give a wrong extra effect the time to show: several watermarks of real time."""
        await asyncio.sleep(1.0)


def of_channel(name: str) -> list[dict[str, Any]]:
    """Return the filter of a goal that takes one channel alone."""
    return [{"dim": "channel", "any_of": [name]}]


def noon(day: date) -> datetime:
    """Return noon UTC of the day."""
    return datetime.combine(day, time(12), UTC)
