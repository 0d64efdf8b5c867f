"""The miniature's last stage: it decides by reading, so both sides touch the goal's head."""

import asyncio
import contextlib
from functools import partial
from typing import Any

from service_kit import heads
from service_kit.guards import Guards
from service_kit.lanes import Receiver, Stamp
from service_kit.marks import Mark
from service_kit.outbox import Origin, Outbox
from service_kit.owners import take_over
from service_kit.records import Partition, Slice
from service_kit.store import Document, Session, Store, Tx
from service_kit.testing.sim.goals import (
    DEEDS,
    FACTS,
    THRESHOLD,
    Disturb,
    Disturbed,
    body_of,
    message,
)
from service_kit.testing.sim.stages import heard


class Judge(Disturbed):
    """Stores progress and judges each goal once it is complete, and again when it has changed."""

    def __init__(
        self,
        store: Store,
        session: Session,
        guards: Guards,
        closes_ms: int,
        disturb: Disturb,
    ) -> None:
        super().__init__(disturb)
        self._store = store
        self._session = session
        self._guards = guards
        self._closes_ms = closes_ms
        self._changed = asyncio.Event()
        self._receivers: dict[Partition, Receiver] = {}
        self._origins = frozenset(f"b:{partition}" for partition in FACTS)

    async def load(self, partition: Partition) -> None:
        """Load the lanes, and take the judge's session over for the partition."""
        await take_over(self._store, self._session, [f"judge:{partition}"])
        receiver = Receiver("c", partition, self._guards)
        await receiver.load(self._store)
        self._receivers[partition] = receiver

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> Receiver:
        """Store the newest versions; what is judged already becomes dirty."""
        await self.disturb()
        fork = self._receivers[batch.partition].fork()
        newest: dict[str, dict[str, Any]] = {}
        for record in batch.records:
            stamp, body = Stamp.of(record), body_of(record)
            fork.admit(stamp)
            if "watermark" in body:
                fork.note_watermark(stamp.origin, heard(body))
            elif body["version"] > newest.get(body["goal"], body | {"version": 0})["version"]:
                newest[body["goal"]] = body
        for goal, state in newest.items():
            await self._store_state(tx, goal, state)
        if batch.records:
            await fork.save(tx)
        return fork

    async def _store_state(self, tx: Tx, goal: str, state: dict[str, Any]) -> None:
        stored = await tx["progress"].find_one({"_id": goal})
        if stored is not None and stored["version"] >= state["version"]:
            return
        await heads.touch(tx, "heads", [goal], self._guards)
        fields = {"value": state["value"], "version": state["version"]}
        await tx["progress"].update_one({"_id": goal}, {"$set": fields}, upsert=True)
        due = await tx["due"].find_one({"_id": goal})
        if due is not None and due["deeds"]:
            await tx["due"].update_one({"_id": goal}, {"$set": {"dirty": True}})

    def committed(self, batch: Slice, effect: Receiver) -> None:
        """Adopt the lanes."""
        effect.adopt()
        self._receivers[batch.partition] = effect
        self._changed.set()

    def forget(self, partition: Partition) -> None:
        """Forget the lanes."""
        self._receivers.pop(partition, None)

    async def judge_every(self, seconds: float) -> None:
        """Judge for ever what is due in the partitions held, soon after something came."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), seconds)
            self._changed.clear()
            for partition, receiver in list(self._receivers.items()):
                mark = receiver.mark(self._origins)
                if mark.at_ms >= self._closes_ms:
                    await self._judge(partition, mark)

    async def _judge(self, partition: Partition, mark: Mark) -> None:
        due: list[Document] = (
            await self._store.db["due"]
            .find({"partition": str(partition), "dirty": True}, sort=[("_id", 1)])
            .to_list(None)
        )
        origin = Origin(f"judge:{partition}")
        for row in due:
            if mark.of(row["_id"]) < self._closes_ms:
                continue
            await self._session.run(partial(self._decide, origin=origin, goal=row["_id"]))

    async def _decide(self, tx: Tx, origin: Origin, goal: str) -> None:
        await heads.touch(tx, "heads", [goal], self._guards)
        due = await tx["due"].find_one({"_id": goal})
        progress = await tx["progress"].find_one({"_id": goal})
        await self.disturb()
        if due is None or not due["dirty"]:
            return
        deeds = due["deeds"]
        reached = (progress or {"value": 0})["value"] >= THRESHOLD
        if not deeds or deeds[-1] != reached:
            deeds = [*deeds, reached]
            outbox = await origin.open(tx)
            deed = {"_id": f"{goal}:{len(deeds)}", "goal": goal, "reached": reached}
            await tx["deeds"].insert_many([deed])
            outbox.send(message(DEEDS, deed))
            await origin.close(tx, outbox)
        await tx["due"].update_one({"_id": goal}, {"$set": {"dirty": False, "deeds": deeds}})
