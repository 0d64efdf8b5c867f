"""What the benchmarks of a whole running system share: its tenants, its lag, its goals' totals."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from paceline import bench_load, running
from paceline.bench_load import Shape
from paceline.positions import broker_of, positions
from paceline.trial.api import Api
from paceline.trial.replay import make_key
from paceline.trial.system import System, TrialFailed, until
from service_kit.broker import Broker

KNOWN_SECONDS = 120
GOAL_DAYS = 3


@dataclass(slots=True)
class Whole:
    """A running system whose tenants have declared source, metrics and goals."""

    system: System
    shape: Shape
    today: date
    tenants: list[str]
    apis: list[Api]
    broker: Broker | None = None

    @classmethod
    async def declare(cls, system: System, shape: Shape) -> "Whole":
        """Declare everything; return when the goals' controls have come through."""
        today = datetime.now(UTC).date()
        whole = cls(system, shape, today, [f"bench-{n}" for n in range(shape.tenants)], [])
        for tenant in whole.tenants:
            whole.apis.append(Api(system, await make_key(system, tenant)))
        await asyncio.gather(*(whole._declare(n) for n in range(shape.tenants)))
        await until(whole.caught_up, KNOWN_SECONDS, "all that was declared has come through", 0.5)
        return whole

    async def _declare(self, tenant: int) -> None:
        api, shape = self.apis[tenant], self.shape
        await api.call("POST", "metrics-ingest", "/v1/sources", bench_load.source())
        for metric in bench_load.metrics(shape):
            await api.call("POST", "metrics-ingest", "/v1/metrics", metric)

        async def known() -> bool:
            return len(await api.all("goal-service", "/v1/metrics")) == shape.types

        await until(known, KNOWN_SECONDS, "goal-service knows the metrics")
        first = self.today - timedelta(days=1)
        for goal in bench_load.goals(shape, tenant, first, GOAL_DAYS):
            await api.call("POST", "goal-service", "/v1/goals", goal)

    async def close(self) -> None:
        """Close the connections."""
        for api in self.apis:
            await api.__aexit__()

    async def standing(self) -> dict[str, tuple[int, int]]:
        """Return how many records each group is behind and where its log ends.

        By ``group:topic``, over all partitions; raises TrialFailed where one is halted.
        """
        found: dict[str, tuple[int, int]] = {}
        system = running.read(self.system.file)
        self.broker = self.broker or broker_of(system)
        for each in await positions(system, self.broker):
            name = f"{each.group}:{each.partition.topic}"
            lag, end = found.get(name, (0, 0))
            found[name] = lag + each.lag, end + each.end
            if each.halted:
                raise TrialFailed(f"{name} is halted: {each.halted}")
        return found

    async def caught_up(self) -> bool:
        """Whether ingest and goals have nothing before them."""
        standing = await self.standing()
        return not any(standing[name][0] for name in ("metrics-ingest:raw", "goal-service:facts"))

    async def wrong_totals(self, wanted: "dict[tuple[int, str], Decimal]") -> list[str]:
        """Return which goals, by tenant and id, have another total than wanted."""
        wrong = []
        for (tenant, goal), total in wanted.items():
            path = f"/v1/goals/{goal}/progress"
            page = await self.apis[tenant].get("goal-service", path, limit=1)
            if Decimal(page["total"]) != total:
                wrong.append(f"{self.tenants[tenant]} {goal}: {page['total']}, {total} is right")
        return wrong

    def pid(self, name: str) -> int:
        """Return the process of a service."""
        return int(self.system.facts()["pids"][name])
