"""Goals in all their versions, kept as they came.

    goals          {_id: key_of(tenant, goal), tenant, goal, version, body}: the newest version
    goal_versions  {_id: key_of(tenant, goal, version), of: key_of(tenant, goal), body}

All of them in one document would be more than a document holds, some day.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from decimal import Decimal

from alerting.domain.goal import (
    OVER,
    Calendar,
    Form,
    Goal,
    GoalKey,
    Grain,
    Guardrail,
    Policy,
)
from event_contracts import goals as wire
from event_contracts.facts import Condition
from event_contracts.goals import GoalChanged
from event_contracts.wire import decoder_of, encode, key_of
from service_kit.store import Document, Store, Tx, portions

GOALS = "goals"
VERSIONS = "goal_versions"

_read = decoder_of(GoalChanged)


def goal_of(event: GoalChanged) -> Goal:
    """Return the judge's goal from what goal-service says.

    Raises ValueError when it names a form or a grain that is none, or lacks what its form needs.
    """
    form = Form(event.form)
    if form is Form.RATIO and event.over_metric is None:
        raise ValueError("a ratio needs over_metric")
    if form is Form.LEVEL and event.level_start is None:
        raise ValueError("a level needs level_start")
    over = None if form is Form.SUM else event.over_metric
    return Goal(
        key=GoalKey(event.tenant, event.goal),
        version=event.version,
        metric=event.metric,
        zone=event.zone,
        start=event.start,
        end=event.end,
        target=event.target,
        floor=event.floor,
        stretch=event.stretch,
        daily=event.plan.daily,
        days=event.plan.days,
        calendar=Calendar(
            frozenset(event.calendar.weekdays),
            frozenset(event.calendar.off),
            frozenset(event.calendar.on),
        ),
        policy=policy_of(event.policy),
        form=form,
        at_most=event.at_most,
        over_metric=over,
        level_start=event.level_start or Decimal(0),
        guardrails=tuple(_guardrail(one) for one in event.guardrails),
        measure=_measure(event.metric, event.where, over, event.over_where),
        name=event.name,
        unit=event.unit,
        level=event.level,
        owner_team=event.owner_team,
        stopped=event.stopped,
        changed_ms=event.changed_ms,
        actor=event.actor,
        reason=event.reason,
        owner=event.owner,
        visibility=event.visibility,
        restates=frozenset(event.restates),
    )


def policy_of(policy: wire.Policy) -> Policy:
    """Return the judge's policy; raises ValueError for a grain that is none."""
    return Policy(
        grain=Grain(policy.grain),
        low=policy.low,
        green=policy.green,
        strictly_more=policy.strictly_more,
        red_after=policy.red_after,
        add_to_next=policy.non_working == "add_to_next",
        to_date_from=policy.to_date_from,
        ratio_days=policy.ratio_days,
        ratio_least=policy.ratio_least,
        level_from=policy.level_from,
        owner_only_while_green=policy.owner_only_while_green,
        source_always_alive=policy.source_always_alive,
        freshness_minutes=policy.freshness_minutes,
        restate_share=policy.restate_share,
        incomplete_after_hours=policy.incomplete_after_hours,
        settle_days=policy.settle_days,
        working_day_ends=policy.working_day_ends,
    )


def _guardrail(one: wire.Guardrail) -> Guardrail:
    return Guardrail(
        name=one.name,
        metric=one.metric,
        limit=one.limit,
        at_most=one.at_most,
        over_metric=one.over_metric,
        measure=_measure(one.metric, one.where, one.over_metric, one.over_where),
    )


def _measure(
    metric: str, where: Iterable[Condition], over: str | None, over_where: Iterable[Condition]
) -> str:
    below = [] if over is None else [OVER, over, *map(str, over_where)]
    return key_of(metric, *map(str, where), *below)


class MongoGoals:
    """The Goals port inside one transaction, but for ``put``, which takes the event."""

    def __init__(self, tx: Tx) -> None:
        self._goals = tx[GOALS]
        self._versions = tx[VERSIONS]

    async def versions(self, keys: Iterable[GoalKey]) -> dict[GoalKey, list[Goal]]:
        """Return the versions of those goals that are known, ascending."""
        rows: list[Document] = []
        for portion in portions(key_of(*key) for key in keys):
            rows += await self._versions.find(_of(portion))
        return _by_goal(rows)

    async def put(self, event: GoalChanged) -> None:
        """Keep a version."""
        key, body = key_of(event.tenant, event.goal), encode(event)
        version = key_of(event.tenant, event.goal, f"{event.version:08d}")
        await self._versions.update_one(
            {"_id": version}, {"$set": {"of": key, "body": body}}, upsert=True
        )
        known = await self._goals.find_one({"_id": key})
        if known is None or known["version"] <= event.version:
            fields = {
                "tenant": event.tenant,
                "goal": event.goal,
                "version": event.version,
                "body": body,
            }
            await self._goals.update_one({"_id": key}, {"$set": fields}, upsert=True)


async def versions_of(store: Store, key: GoalKey) -> list[Goal]:
    """Return the versions, ascending, outside of any transaction."""
    return (await versions_of_all(store, [key])).get(key, [])


async def versions_of_all(store: Store, keys: Iterable[GoalKey]) -> dict[GoalKey, list[Goal]]:
    """Return the versions of those goals that are known, ascending, outside of any transaction."""
    rows: list[Document] = []
    for portion in portions(key_of(*key) for key in keys):
        rows += await store.db[VERSIONS].find(_of(portion)).to_list(None)
    return _by_goal(rows)


async def newest_of(store: Store, keys: Collection[GoalKey]) -> dict[GoalKey, Goal]:
    """Return the newest version of those goals that are known."""
    query = {"_id": {"$in": [key_of(*key) for key in sorted(keys)]}}
    rows = await store.db[GOALS].find(query).to_list(None)
    return {goal.key: goal for goal in (goal_of(_read(row["body"])) for row in rows)}


async def goals_behind(store: Store, tenant: str, after: str, limit: int) -> list[Goal]:
    """Return the newest version of the tenant's goals whose ids come next, in order."""
    query = {"tenant": tenant, "goal": {"$gt": after}}
    rows = await store.db[GOALS].find(query, sort=[("goal", 1)], limit=limit).to_list(None)
    return [goal_of(_read(row["body"])) for row in rows]


def _of(ids: list[str]) -> Document:
    # The field has an index: `$in` reads it id by id on every server in use.
    return {"of": {"$in": ids}}


def _by_goal(rows: Iterable[Document]) -> dict[GoalKey, list[Goal]]:
    found: dict[GoalKey, list[Goal]] = defaultdict(list)
    for goal in sorted((goal_of(_read(row["body"])) for row in rows), key=lambda one: one.version):
        found[goal.key].append(goal)
    return dict(found)
