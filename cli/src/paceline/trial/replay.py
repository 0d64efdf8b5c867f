"""The shop's year, replayed on a stepped clock: send a day, await the acknowledgements, advance."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from paceline.access import access_to
from paceline.trial import retail
from paceline.trial.api import Api
from paceline.trial.retail import Invoice
from paceline.trial.system import System, TrialFailed, until
from paceline.trial.variants import (
    HOPELESS_BYTES,
    RENAMED,
    Variant,
    hopeless_events,
    rename,
)
from service_kit.keys import Keys
from service_kit.store import Store

BATCH = 250
JUDGED_WITHIN = 900.0
_json = msgspec.json.Encoder(decimal_format="number")


async def make_key(system: System, tenant: str) -> str:
    """Return a new key of the tenant with every scope."""
    store = Store.connect(system.facts()["mongodb"], "paceline_keys")
    try:
        return await Keys(store).create(tenant, ["*"], name="trial")
    finally:
        await store.close()


@dataclass(slots=True)
class Shop:
    """One tenant with its variant, and what the driver knows of it."""

    variant: Variant
    api: Api
    producer: Producer
    last: date
    sent: list[Invoice] = field(default_factory=list)
    held: dict[date, list[Invoice]] = field(default_factory=dict)
    judged_with: dict[date, list[Invoice]] = field(default_factory=dict)
    renamed: int = 0
    hopeless: int = 0
    produced: int = 0

    @property
    def topic(self) -> str | None:
        """The organisation's own topic, where the variant has one."""
        return None if self.variant.doors == "http" else f"shop.{self.variant.name}.orders"

    async def declare(self) -> None:
        """Make source, metrics, goals and the praise rule."""
        await self.api.call("POST", "metrics-ingest", "/v1/sources", retail.source(self.topic))
        for metric in retail.metrics():
            await self.api.call("POST", "metrics-ingest", "/v1/metrics", metric)

        async def known() -> bool:
            names = await self.api.all("goal-service", "/v1/metrics")
            return {m["name"] for m in retail.metrics()} <= {m["name"] for m in names}

        await until(known, 60, "goal-service knows the metrics")
        for goal in retail.goals():
            await self.api.call("POST", "goal-service", "/v1/goals", goal)
        await self.api.rule(retail.praise_rule())

    async def send_day(self, day: date, invoices: Sequence[Invoice]) -> None:
        """Send what is due on the day; return when all of it is acknowledged."""
        due = self.held.pop(day, [])
        for invoice in invoices:
            delivered = day + timedelta(days=self.variant.delay(invoice))
            if day < delivered <= self.last:
                self.held.setdefault(delivered, []).append(invoice)
            else:
                due.append(invoice)
        self.sent += due
        outgoing = [self._worn(i) for i in self.variant.order(day, due)]
        extra = hopeless_events(day) if self.variant.hopeless else []
        self.hopeless += len(extra)
        await self._send(outgoing + extra)

    def _worn(self, invoice: Invoice) -> Invoice:
        if self.variant.renamed and self.renamed < RENAMED:
            self.renamed += 1
            return rename(invoice)
        return invoice

    async def _send(self, invoices: Sequence[Invoice]) -> None:
        by_http = [i.cloud_event() for i in invoices if self.variant.by_http(i)]
        by_topic = [i for i in invoices if self.variant.by_topic(i)]
        for start in range(0, len(by_http), BATCH):
            await self.api.send(by_http[start : start + BATCH], retail.SOURCE)
        if by_topic:
            await asyncio.to_thread(self._produce, [self._encoded(i) for i in by_topic])

    def _encoded(self, invoice: Invoice) -> bytes:
        return _json.encode(invoice.body)

    def _produce(self, values: Sequence[bytes]) -> None:
        assert self.topic is not None
        for value in values:
            self.producer.produce(self.topic, value=value)
        if self.producer.flush(60):
            raise TrialFailed(f"topic {self.topic} did not take all records")
        self.produced += len(values)

    async def re_keyed(self, offsets: Any) -> bool:
        """Whether metrics-ingest has taken in all that stands on the organisation's own topic."""
        mine = {"_id": {"$regex": re.escape(self.topic or "")}}
        found = await offsets.find(mine).to_list(None)
        return bool(sum(one["next"] for one in found) >= self.produced)

    async def send_garbage(self) -> None:
        """Put records on the topic that are no events at all, where the variant wants such."""
        if self.variant.hopeless:
            await asyncio.to_thread(self._produce, HOPELESS_BYTES)
            self.hopeless += len(HOPELESS_BYTES)

    async def lights(self, goal: str) -> dict[date, str]:
        """Return the judged lights of a goal."""
        rows = await self.api.all("alerting", "/v1/lights", goal=goal)
        return {
            date.fromisoformat(row["span"]["start"]): row["light"]
            for row in rows
            if not row["provisional"]
        }

    async def judged_through(self, day: date) -> bool:
        """Whether every goal's light of the day has been judged."""
        for goal in retail.DAILY:
            page = await self.api.lights(goal, **{"from": str(day), "to": str(day)})
            if page is None or all(row["provisional"] for row in page["items"]):
                return False
        return True

    async def complete_to(self, at: float) -> bool:
        """Whether everything accepted before ``at`` (epoch seconds) has reached alerting."""
        for goal in retail.DAILY:
            page = await self.api.lights(goal, limit=1)
            if page is None or page["complete_to_ms"] < at * 1000:
                return False
        return True

    async def mend(self) -> None:
        """Give the source a mapping that knows the new name, and replay the dead letters."""
        document = retail.source(self.topic)
        for mapping in document["doors"].values():
            paths = mapping["fields"]["gross"]["paths"]
            paths.append(paths[0] + "_amount")
        await self.api.call(
            "PUT",
            "metrics-ingest",
            f"/v1/sources/{retail.SOURCE}",
            document | {"reason": "renamed"},
        )
        await self.api.call(
            "POST", "metrics-ingest", "/v1/dead-letters/replay", {"source": retail.SOURCE}
        )

    async def total(self, goal: str) -> Decimal:
        """Return the goal's total over its period."""
        progress = await self.api.get("goal-service", f"/v1/goals/{goal}/progress", limit=1)
        return Decimal(progress["total"])


class Replay:
    """Replays a window of the year for several variants on one system and clock."""

    def __init__(
        self,
        system: System,
        variants: Sequence[Variant],
        days: Mapping[date, list[Invoice]],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.system = system
        self.days = days
        self._variants = variants
        self._say = say
        self.shops: list[Shop] = []
        self._ingest: Store

    async def open(self) -> None:
        """Make topics, tenants and documents."""
        facts = self.system.facts()
        self._ingest = Store.connect(facts["mongodb"], "paceline_metrics_ingest")
        kafka = access_to(facts["kafka"]).librdkafka()
        producer = Producer({**kafka, "acks": "all", "linger.ms": 5})
        for variant in self._variants:
            key = await make_key(self.system, variant.name)
            self.shops.append(Shop(variant, Api(self.system, key), producer, max(self.days)))
        admin = AdminClient(kafka)
        topics = [NewTopic(shop.topic, 3, 1) for shop in self.shops if shop.topic]
        for future in admin.create_topics(topics).values() if topics else ():
            await asyncio.to_thread(future.result, 30)
        await asyncio.gather(*(shop.declare() for shop in self.shops))

    async def run(self) -> None:
        """Replay every day; afterwards all days are judged."""
        careful = [shop for shop in self.shops if shop.variant.late]
        await asyncio.gather(*(shop.send_garbage() for shop in self.shops))
        for day, invoices in self.days.items():
            await self._day(day, invoices, careful)
        last = max(day for day in self.days if day.isoweekday() <= 5)
        # From here on time passes: a correction waits for a moment after it.
        self.system.step_clock(retail.local(max(self.days) + timedelta(days=1), 1, 0, 5), rate=1.0)
        await self.all_judged(last)

    async def _day(self, day: date, invoices: list[Invoice], careful: Sequence[Shop]) -> None:
        self.system.step_clock(retail.local(day, 22))
        await asyncio.gather(*(shop.send_day(day, invoices) for shop in self.shops))
        # A copy that is read days of the stepped clock later would lie outside the window of ids.
        for shop in self.shops:
            if shop.variant.doors == "both":
                await until(
                    lambda shop=shop: shop.re_keyed(self._ingest.db["offsets"]),
                    60,
                    f"{shop.variant.name}: topic of {day} taken in",
                )
        if careful:
            # One second later everything sent is known to be applied: what comes late then is one
            # correction, whatever the speed of this machine.
            self.system.step_clock(retail.local(day, 22, 0, 1))
            for shop in careful:
                await until(
                    lambda shop=shop: shop.complete_to(retail.local(day, 22, 0, 1)),
                    60,
                    f"{shop.variant.name}: events of {day} applied",
                )
        self.system.step_clock(retail.local(day + timedelta(days=1), 1, 0, 1))
        for shop in careful:
            if day.isoweekday() <= 5:
                await until(
                    lambda shop=shop: shop.judged_through(day),
                    60,
                    f"{shop.variant.name} {day} judged",
                )
            shop.judged_with[day] = list(shop.sent)
        self._say(f"{day}")

    async def all_judged(self, last: date) -> None:
        """Wait until every goal of every shop has its light of the last day."""
        for shop in self.shops:
            await until(
                lambda shop=shop: shop.judged_through(last),
                JUDGED_WITHIN,
                f"{shop.variant.name}: {last} judged",
                every=0.2,
            )

    async def close(self) -> None:
        """Close the connections."""
        for shop in self.shops:
            await shop.api.__aexit__()
        await self._ingest.close()


def totals(events: Sequence[Invoice]) -> dict[str, Decimal]:
    """Return every goal's total over the events."""
    return {
        goal: sum(days.values(), Decimal(0)) for goal, days in retail.values(list(events)).items()
    }
