"""Goal events: kept for readers of the API and sent to subscribers, in the judge's transaction."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace
from pymongo import UpdateOne

from alerting.adapters.directory import MongoDirectory
from alerting.domain.deadlines import due_ms, lead_from_ms
from alerting.domain.goal import Goal, GoalKey
from alerting.domain.judged import Deed
from event_contracts import topics
from event_contracts.deeds import GoalEvent
from event_contracts.deeds import Span as EventSpan
from event_contracts.wire import encode, key_of, partition_of
from service_kit.outbox import Message, Outbox
from service_kit.records import Partition
from service_kit.store import Document, Tx

GOAL_EVENTS = topics.GOAL_EVENTS.name
_PERSON = "person:"


class MongoPost:
    """The Post port inside one transaction; ``n`` numbers the deeds of one progress partition."""

    def __init__(
        self,
        tx: Tx,
        outbox: Outbox,
        directory: MongoDirectory,
        partition: int,
        partitions: int,
    ) -> None:
        self._tx = tx
        self._directory = directory
        self._outbox = outbox
        self._partition = partition
        self._partitions = partitions

    async def send(self, told: Iterable[tuple[Goal, Sequence[Deed]]], now_ms: int) -> None:
        """Keep and send goals' deeds in order, each once by its id."""
        deeds = [(goal, deed) for goal, mine in told for deed in mine]
        if not deeds:
            return
        counter = f"judge/{self._partition}"
        known = await self._tx["deed_counters"].find_one({"_id": counter})
        begin = 0 if known is None else int(known["n"])
        rows = []
        for n, (goal, deed) in enumerate(deeds, begin + 1):
            event = event_of(deed, goal, now_ms)
            named = await self._directory.names_people(goal.key.tenant)  # asked once a tenant
            body = encode(event if named else nameless(event))
            held_ms = lead_from_ms(deed, goal, now_ms)
            held = {} if held_ms is None else {"lead_from_ms": held_ms, "owner": goal.owner}
            rows.append(self._row(event, body, n, held))
            self._outbox.send(Message(self._to(deed.goal), key_of(*deed.goal).encode(), body))
        await self._tx["deeds"].bulk_write(rows)
        await self._tx["deed_counters"].update_one(
            {"_id": counter}, {"$set": {"n": begin + len(deeds)}}, upsert=True
        )

    def _to(self, key: GoalKey) -> Partition:
        return Partition(GOAL_EVENTS, partition_of(self._partitions, *key))

    def _row(self, event: GoalEvent, body: bytes, n: int, held: Document) -> UpdateOne:
        fields: Document = {
            "tenant": event.tenant,
            "goal": event.goal,
            "kind": event.kind,
            "partition": self._partition,
            "n": n,
            "start": event.span.start.isoformat(),
            "body": body,
        } | held
        return UpdateOne({"_id": event.id}, {"$setOnInsert": fields}, upsert=True)


def event_of(deed: Deed, goal: Goal, now_ms: int) -> GoalEvent:
    """Return the event as those see it who may know of people."""
    span = deed.span
    due, held = due_ms(deed, goal, now_ms), lead_from_ms(deed, goal, now_ms)
    return GoalEvent(
        id=deed.id,
        kind=str(deed.kind),
        tenant=deed.goal.tenant,
        goal=deed.goal.goal,
        goal_version=deed.goal_version,
        seq=deed.seq,
        name=goal.name,
        metric=goal.metric,
        unit=goal.unit,
        level=goal.level,
        owner_team=goal.owner_team,
        span=EventSpan(kind=span.kind, start=span.start, end=span.end),
        ordinal=deed.ordinal,
        actual=deed.actual,
        plan=deed.plan,
        target=goal.target,
        as_of=_instant(now_ms),
        final=deed.final,
        link=f"/goals/{deed.goal.goal}",
        floor=goal.floor,
        stretch=goal.stretch,
        completion=deed.ratio,
        light=None if deed.light is None else str(deed.light),
        before=None if deed.before is None else str(deed.before),
        tier=deed.tier,
        light_kind=str(deed.light_kind),
        corrects=deed.corrects,
        escalated_to=deed.escalated_to,
        guardrail=deed.guardrail,
        changed_by=deed.changed_by,
        reason=deed.reason,
        stopped=deed.stopped,
        source=deed.source,
        owner=goal.owner,
        alarm=deed.alarm,
        due=None if due is None else _instant(due),
        lead_from=None if held is None else _instant(held),
    )


def nameless(event: GoalEvent) -> GoalEvent:
    """Return the event without the people that it names; a machine's key stays."""
    person = event.changed_by.startswith(_PERSON)
    return replace(event, owner="", changed_by="" if person else event.changed_by)


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
