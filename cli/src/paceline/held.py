"""Tenants whose own topics stand still: whose, which topics, since when (decision 0040).

Read from the databases, as positions are: no service's door tells of all tenants.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from paceline.finding import Finding
from paceline.positions import Positions
from paceline.running import Running
from paceline.words import either
from service_kit import lane_documents
from service_kit.broker import FOREIGN
from service_kit.marks import least
from service_kit.records import Partition
from service_kit.store import Document, Store

FED_BY = "metrics-ingest"  # whose lanes tell goal-service how complete a tenant is


@dataclass(frozen=True, slots=True)
class HeldTenant:
    """A tenant that waits: all of it before ``complete_ms`` is in the goals; -1: nothing known.

    ``doors`` are its active ones to the organisation's own topics: {_id: topic, source}.
    """

    tenant: str
    complete_ms: int
    doors: Sequence[Document]


async def held_tenants(found: Running) -> list[HeldTenant]:
    """Return who is held, as goal-service was told last; raises PyMongoError."""
    goals = Store.connect(found.mongodb, found.database_prefix + "goal_service")
    ingest = Store.connect(found.mongodb, found.database_prefix + "metrics_ingest")
    try:
        marks = [
            mark
            for number in range(found.partitions)
            for origin, mark in (
                await lane_documents.watermarks(goals, "goal-service", Partition("facts", number))
            ).items()
            if origin.startswith(FED_BY)
        ]
        held = least(marks).held
        query = {"tenant": {"$in": sorted(held)}, "active": True}
        doors = await ingest.db["topic_doors"].find(query, sort=[("_id", 1)]).to_list(None)
    finally:
        await goals.close()
        await ingest.close()
    return [
        HeldTenant(tenant, at_ms, [door for door in doors if door["tenant"] == tenant])
        for tenant, at_ms in held.items()
    ]


def held_findings(held: HeldTenant, positions: Iterable[Positions]) -> Iterator[Finding]:
    """Say of each of the tenant's topics that stands still since when and what to do."""
    what = either(f"tenant {held.tenant}", f"租户 {held.tenant}")
    foreign = [each for each in positions if each.partition.topic.startswith(FOREIGN)]
    standing = False
    for door in held.doors:
        topic = door["_id"]
        its = [each for each in foreign if each.partition.topic == FOREIGN + topic]
        why = _why(topic, door["source"], its)
        if why is not None:
            standing = True
            yield Finding(what, _state(held, topic, why[0]), why[1])
    if not standing:
        state = either(
            "held, but its topics are read: about to go on", "等待中，topic 已读完，即将恢复"
        )
        yield Finding(what, state)


def _why(topic: str, source: str, positions: Sequence[Positions]) -> tuple[str, str] | None:
    """Return how a topic stands and what to do; None: it is read to its end, or never was read."""
    if any(each.halted for each in positions):
        return (
            either("is halted", "已停住"),
            either(
                f"mend its position: {FOREIGN}{topic} above", f"处理上面 {FOREIGN}{topic} 的位置"
            ),
        )
    if any(each.unseen for each in positions):
        return (
            either("is gone, or not to be read", "已不存在或无法读取"),
            either(
                f"give it back, let our user read it, or take the door out of source {source}",
                f"恢复此 topic、授予我们的用户读取权限，或从数据源 {source} 中去掉此入口",
            ),
        )
    lag = sum(each.lag for each in positions)
    if lag:
        return (
            either(f"is {lag} records behind", f"积压 {lag} 条"),
            either(
                "read what metrics-ingest's log and /readyz say of it; far behind: wait, or add "
                "workers",
                "查看 metrics-ingest 的日志和 /readyz；若只是积压，请等待或增加 worker",
            ),
        )
    return None


def _state(held: HeldTenant, topic: str, why: str) -> str:
    if held.complete_ms < 0:
        return either(
            f"held: its lights wait for topic {topic}, which {why}",
            f"等待中：灯在等 topic {topic}（{why}）",
        )
    since = datetime.fromtimestamp(held.complete_ms / 1000, UTC).isoformat(timespec="seconds")
    return either(
        f"held since {since}: its lights wait for topic {topic}, which {why}",
        f"自 {since} 起等待：灯在等 topic {topic}（{why}）",
    )
