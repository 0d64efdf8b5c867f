"""/v1/goals/ID/cascade, /path and /split: how goals hang together."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from event_contracts.facts import Condition
from event_contracts.goals import GoalChanged, Guardrail
from goal_service.adapters.goals import GoalReader
from goal_service.adapters.held import Held
from goal_service.adapters.progress import ProgressReader
from goal_service.api.bodies import ShareBody, amount, language, reason_of, shown, told
from goal_service.api.carrying import carrier
from goal_service.api.seeing import Seeing, Sight
from goal_service.domain.cascade import Actual, Node, adds_up, left_behind, remarks, tree
from goal_service.domain.commands import SplitGoal
from goal_service.domain.drafts import Share
from goal_service.domain.goals import GoalVersion
from goal_service.domain.paths import Step, path
from goal_service.domain.remarks import Remark
from goal_service.domain.splits import SplitPart
from goal_service.handlers.splits import Split
from service_kit.errors import UserError
from service_kit.runtime import Runtime
from service_kit.web import Caller, answer, read_body, require

Reads = Annotated[Caller, Depends(require("goals:read"))]
Writes = Annotated[Caller, Depends(require("goals:write"))]
MOST_GOALS = 1_000


class PartBody(msgspec.Struct, frozen=True, kw_only=True):
    """A part: ``share`` of the parent's target or ``amount``; what is left out is the parent's."""

    name: str
    id: str | None = None
    share: Decimal | None = None
    amount: Decimal | None = None
    where: tuple[Condition, ...] = ()
    level: str | None = None
    owner: str = ""
    owner_team: str | None = None
    start: date | None = None
    end: date | None = None
    floor: Decimal | ShareBody | None = None
    stretch: Decimal | ShareBody | None = None
    guardrails: tuple[Guardrail, ...] = ()

    def part(self, number: int) -> SplitPart:
        """Return the part as the domain takes it; raises UserError unless it has one size."""
        if (self.share is None) == (self.amount is None):
            raise UserError(
                "part-size",
                f"parts.{number}",
                "a part has a share of the parent's target or an amount: one of the two",
                "每个部分须在占上级目标的比例与数额中二选一",
            )
        return SplitPart(
            goal=uuid4().hex if self.id is None else self.id,
            name=self.name,
            size=Share(self.share) if self.share is not None else self.amount or Decimal(0),
            where=self.where,
            level=self.level,
            owner=self.owner,
            owner_team=self.owner_team,
            start=self.start,
            end=self.end,
            floor=amount(self.floor),
            stretch=amount(self.stretch),
            guardrails=self.guardrails,
        )


class SplitBody(msgspec.Struct, frozen=True, kw_only=True):
    """How a goal is split. ``allow_rest``: part of the target may stay unassigned."""

    parts: tuple[PartBody, ...]
    allow_rest: bool = False
    reason: str = ""


def cascade_routes(runtime: Runtime, held: Held) -> APIRouter:
    """Return the routes of goals above and below a goal."""
    router = APIRouter()
    reader = GoalReader(runtime.store)
    progress = ProgressReader(runtime.store, held, runtime.settings.partitions)
    seeing = Seeing(runtime.store)
    _split_route(router, runtime, seeing)

    @router.get("/v1/goals/{goal}/cascade")
    async def get_cascade(goal: str, request: Request, caller: Reads) -> Response:
        """The goal with its parts, their parts and so on, without what is stopped or not seen."""
        root = (await seeing.current(caller, goal)).goal
        below = await _below(reader, await seeing.sight(caller), root)
        actuals = await progress.actuals(below.goals)
        node = tree(root, below.children, actuals, hidden=below.hidden)
        return answer(_node(node, language(request)))

    @router.get("/v1/goals/{goal}/path")
    async def get_path(goal: str, request: Request, caller: Reads) -> Response:
        """The goals that one sees from this one up, and why each matters, in a sentence."""
        goals = await _upwards(reader, await seeing.current(caller, goal))
        seen = [version.goal for version in (await seeing.sight(caller)).of(goals)]
        return answer({"items": [_step(step, language(request)) for step in path(seen)]})

    return router


def _split_route(router: APIRouter, runtime: Runtime, seeing: Seeing) -> None:
    carry = carrier(runtime)

    @router.post("/v1/goals/{goal}/split")
    async def split_goal(goal: str, request: Request, caller: Writes) -> Response:
        await seeing.current(caller, goal)
        body = await read_body(request, SplitBody)
        command = SplitGoal(
            tenant=caller.tenant,
            goal=goal,
            parts=tuple(part.part(number) for number, part in enumerate(body.parts)),
            allow_rest=body.allow_rest,
            reason=reason_of(body.reason, needed=False),
            actor=caller.actor,
            at_ms=runtime.clock.now_ms(),
        )
        split: Split = await carry(command)
        sight = await seeing.sight(caller)
        warnings = parts_remarks(split.parent, split.parent, split.adding, sight)
        return answer(
            {
                "items": [shown(part) for part in split.parts],
                "rest": split.rest,
                "warnings": told(warnings, language(request)),
            },
            201,
        )


def parts_remarks(
    before: GoalChanged, goal: GoalChanged, children: Iterable[GoalVersion], sight: Sight
) -> list[Remark]:
    """Return what is wrong between a goal, changed or not, and its parts that the caller sees."""
    adding = [c for c in children if not c.goal.stopped and adds_up(c.goal, goal)]
    seen = [version.goal for version in sight.of(adding)]
    whole = len(seen) == len(adding)
    behind = left_behind(before, goal, seen) if whole else ()
    return [*remarks(goal, seen, whole=whole), *behind]


@dataclass(frozen=True, slots=True)
class Below:
    """The root and the seen goals below it: all by id, and ``children`` by the id of their parent.

    ``hidden``: goals of which a part that adds up is not seen. Nothing below such a part is shown.
    """

    by_id: dict[str, GoalChanged]
    children: dict[str, list[GoalChanged]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)

    @property
    def goals(self) -> Iterable[GoalChanged]:
        """All goals, the root too."""
        return self.by_id.values()

    def add(self, version: GoalVersion, sight: Sight) -> bool:
        """Take a goal of which the parent is known; return whether it is a new one to show."""
        goal = version.goal
        # Read goal by goal, a ring may show that never was.
        if goal.stopped or goal.goal in self.by_id:
            return False
        if not sight.sees(version):
            if adds_up(goal, self.by_id[goal.parent]):
                self.hidden.add(goal.parent)
            return False
        self.by_id[goal.goal] = goal
        self.children.setdefault(goal.parent, []).append(goal)
        return True


async def _below(reader: GoalReader, sight: Sight, root: GoalChanged) -> Below:
    """Return the seen goals below the root; raises UserError beyond MOST_GOALS."""
    below = Below({root.goal: root})
    level = [root.goal]
    while level:
        found = await reader.children(root.tenant, level)
        level = [child.goal.goal for child in found if below.add(child, sight)]
        if len(below.by_id) > MOST_GOALS:
            raise UserError(
                "cascade-too-large",
                "path.goal",
                f"more than {MOST_GOALS} goals hang below this one; ask for one further down",
                f"此目标之下超过 {MOST_GOALS} 个目标；请查询更下级的目标",
            )
    return below


async def _upwards(reader: GoalReader, version: GoalVersion) -> list[GoalVersion]:
    goals = [version]
    seen = {version.goal.goal, ""}
    while goals[-1].goal.parent not in seen:
        parent = goals[-1].goal.parent
        seen.add(parent)
        found = await reader.current(version.goal.tenant, parent)
        if found is None:
            break
        goals.append(found)
    return goals


def _node(node: Node, language: str) -> dict[str, Any]:
    return _short(node.goal) | {
        "share": node.share,
        "assigned": node.assigned,
        "rest": node.rest,
        "actual": _actual(node.actual),
        "parts": _actual(node.parts) if node.parts else None,
        "hidden": node.hidden,
        "warnings": told(node.remarks, language),
        "children": [_node(child, language) for child in node.children],
    }


def _step(step: Step, language: str) -> dict[str, Any]:
    why = step.zh if language == "zh" else step.en
    return _short(step.goal) | {"share": step.share, "why": why}


def _short(goal: GoalChanged) -> dict[str, Any]:
    return {
        "id": goal.goal,
        "name": goal.name,
        "level": goal.level,
        "owner": goal.owner,
        "owner_team": goal.owner_team,
        "metric": goal.metric,
        "form": goal.form,
        "unit": goal.unit,
        "target": goal.target,
        "stopped": goal.stopped,
    }


def _actual(actual: Actual) -> dict[str, Any]:
    return {"value": actual.value, "over": actual.over, "ratio": actual.ratio}
