"""Waiting for foreign topics: each tenant for its own, the round for nobody for long."""

import asyncio
import logging
from collections.abc import Iterable, Mapping

from metrics_ingest.adapters.definitions import StoredSources
from metrics_ingest.adapters.foreign import ForeignTopics
from metrics_ingest.domain.holding import Ends, Feed, Holding
from metrics_ingest.metrics import HELD_TENANTS, WATERMARK_WAITS
from service_kit.errors import Infrastructure
from service_kit.marks import Mark
from service_kit.records import Partition

LOOK_SECONDS = 0.02
DOORS_EVERY = 25
RETURN_SECONDS = 1.0  # what others wait for a tenant that has just caught up

log = logging.getLogger(__name__)


class ForeignWaits:
    """Says up to when the organisation's own topics stand in the raw log, tenant by tenant."""

    def __init__(
        self,
        foreign: ForeignTopics,
        sources: StoredSources,
        holding: Holding,
        patience: float,
        most: int,
    ) -> None:
        """A tenant is waited for ``patience`` seconds, then held; up to ``most`` at a time.

        With more than that the round waits for all: a watermark that names thousands would cost
        everybody more than it gives.
        """
        self._foreign = foreign
        self._sources = sources
        self._holding = holding
        self._patience = patience
        self._most = most
        self._asking: asyncio.Task[None] | None = None

    async def mark(self, at_ms: int) -> Mark:
        """Return what stands in the raw log of all that was accepted before an instant.

        The instant was noted before the call, and the raw ends must be asked behind it.
        """
        feeds = await self._feeds()
        self._holding.keep(feeds)
        back = await self._caught_up()
        held = self._holding.held
        asked = {t: feed for t, feed in feeds.items() if t not in held or t in back}
        late, ends = await self._wait(await self._ends(asked), back)
        for tenant in back - late:
            self._holding.release(tenant)
            log.info("tenant %s is complete again", tenant)
        for tenant in late:
            if tenant not in held:
                log.warning("the topics of tenant %s stand still: it alone waits", tenant)
            self._holding.hold(tenant, at_ms, ends[tenant], feeds[tenant])
        behind = await self._behind(self._holding.ends)
        self._holding.note(behind, feeds)
        WATERMARK_WAITS.set(len(behind))
        HELD_TENANTS.set(len(held))
        self._ask_on(at_ms, feeds)
        return self._holding.mark(at_ms)

    async def _wait(
        self, ends: dict[str, Ends | None], back: set[str]
    ) -> tuple[set[str], dict[str, Ends | None]]:
        """Return who has not reached its ends in time, and all ends (None: not to be had)."""
        loop = asyncio.get_running_loop()
        began, looks = loop.time(), 0
        while True:
            late, waited = await self._late(ends), loop.time() - began
            hoped = {
                tenant
                for tenant in late
                if ends[tenant] is not None
                and waited < (RETURN_SECONDS if tenant in back else self._patience)
            }
            # Those that were held before and have not caught up yet are not among ``ends``.
            number = len((self._holding.held.keys() - ends.keys()) | late)
            if not late or (not hoped and number <= self._most):
                return late, ends
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            if looks % DOORS_EVERY == 0:
                await self._look_again(ends, back)

    async def _look_again(self, ends: dict[str, Ends | None], back: set[str]) -> None:
        """A door that was taken away holds nothing back; who caught up meanwhile may come in."""
        feeds = await self._feeds()
        self._holding.keep(feeds)
        for tenant, its in list(ends.items()):
            if tenant not in feeds:
                del ends[tenant]
            elif its is not None:
                ends[tenant] = feeds[tenant].left(its)
        fresh = await self._caught_up()
        back |= fresh
        again = fresh | {tenant for tenant, its in ends.items() if its is None}
        ends.update(await self._ends({tenant: feeds[tenant] for tenant in again & feeds.keys()}))

    async def _late(self, ends: Mapping[str, Ends | None]) -> set[str]:
        known = {p: end for its in ends.values() if its is not None for p, end in its.items()}
        behind = await self._behind(known)
        WATERMARK_WAITS.set(len(behind))
        return {t for t, its in ends.items() if its is None or not behind.isdisjoint(its)}

    async def _caught_up(self) -> set[str]:
        ends = self._holding.ends  # while these are looked at, others may come: see _ask
        return self._holding.caught_up(ends.keys() - await self._behind(ends))

    async def _behind(self, ends: Ends) -> set[Partition]:
        return await self._foreign.behind(ends) if ends else set()

    async def _feeds(self) -> dict[str, Feed]:
        """Return what feeds each tenant now."""
        feeds: dict[str, Feed] = {}
        for topic, (tenant, _) in sorted((await self._sources.active_topics()).items()):
            partitions = await self._foreign.partitions(topic)
            # What was never there holds nothing: a name alone has nothing on its way.
            gone = [topic] if not partitions and await self._foreign.was_read(topic) else []
            if partitions or gone:
                logs = self._foreign.logs({each.topic for each in partitions})
                feeds[tenant] = feeds.get(tenant, Feed()).plus(partitions, gone, logs)
        return feeds

    async def _ends(self, feeds: Mapping[str, Feed]) -> dict[str, Ends | None]:
        """Return the present ends of each tenant's topics; None: the broker does not tell them."""
        seen = {tenant: feed.partitions for tenant, feed in feeds.items() if not feed.unseen}
        found: dict[str, Ends | None] = dict.fromkeys(feeds)
        try:
            every = await self._foreign.ends(sorted(p for each in seen.values() for p in each))
        except Infrastructure as error:
            log.warning("asking for each tenant's topics by themselves: %s", error)
            await self._foreign.check()
            for tenant, its in zip(
                seen, await asyncio.gather(*map(self._ends_of, seen.values())), strict=True
            ):
                found[tenant] = its
        else:
            found |= {t: {p: every[p] for p in partitions} for t, partitions in seen.items()}
        return found

    async def _ends_of(self, partitions: Iterable[Partition]) -> Ends | None:
        try:
            return await self._foreign.ends(sorted(partitions))
        except Infrastructure:
            return None

    def _ask_on(self, at_ms: int, feeds: Mapping[str, Feed]) -> None:
        """Ask beside the rounds for what the broker did not tell: it may keep one waiting."""
        if self._asking is not None and self._asking.done():
            self._asking.result()
            self._asking = None
        unasked = [t for t in self._holding.unasked if not feeds[t].unseen]
        if self._asking is None and unasked:
            self._asking = asyncio.create_task(self._ask(at_ms, {t: feeds[t] for t in unasked}))

    async def _ask(self, at_ms: int, feeds: Mapping[str, Feed]) -> None:
        for tenant, feed in feeds.items():
            ends = await self._ends_of(feed.partitions)
            if ends is not None and tenant in self._holding.unasked:
                self._holding.hold(tenant, at_ms, ends, feed)
