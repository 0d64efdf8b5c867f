"""How goals hang together: levels, parts that add up, and what is assigned twice or not at all."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from event_contracts.goals import GoalChanged
from event_contracts.wire import plain
from goal_service.domain.amounts import ZERO, add, divide, total
from goal_service.domain.filters import narrows
from goal_service.domain.goals import LEVELS
from goal_service.domain.overlaps import overlapping
from goal_service.domain.remarks import Remark
from service_kit.errors import UserError

MOST_STEPS = 20
ADDING = ("sum", "ratio")
MOST_PAIRS = 20
"""Parts that may count the same event are named up to so many pairs of a goal: of 300 parts without
a filter there are 44,850."""


@dataclass(frozen=True, slots=True)
class Actual:
    """What a goal's own sum and, for a ratio, its denominator have come to."""

    value: Decimal = ZERO
    over: Decimal | None = None

    @property
    def ratio(self) -> Decimal | None:
        """The value over the denominator; None without one that is not 0."""
        return divide(self.value, self.over) if self.over else None


@dataclass(frozen=True, slots=True)
class Node:
    """A goal in its cascade.

    ``share`` is its part of the parent's target, None where it does not add up to it. ``assigned``
    is what its own parts' targets add up to and ``rest`` what is left of the target, below 0 when
    too much is assigned; None unless the goal is a sum. ``parts`` is what those parts have come
    to, ratios by numerator and denominator. ``hidden``: a part is kept from who looks, and so are
    ``assigned``, ``rest`` and ``parts``, from which it could be told.
    """

    goal: GoalChanged
    actual: Actual
    share: Decimal | None
    assigned: Decimal | None
    rest: Decimal | None
    parts: Actual | None
    remarks: tuple[Remark, ...]
    children: tuple["Node", ...]
    hidden: bool = False


def check_link(
    goal: GoalChanged, above: Sequence[GoalChanged], below: Sequence[GoalChanged]
) -> None:
    """Raise UserError unless the goal can stand under its parent and over its parts.

    ``above`` is the way from the parent upwards, ``below`` are the goals that name it as parent.
    """
    if goal.goal in {each.goal for each in above}:
        way = " -> ".join([goal.goal, *(each.goal for each in above)])
        raise UserError(
            "parent-cycle",
            "parent",
            f"the goal would stand above itself: {way}; choose another parent",
            f"目标将成为自身的上级：{way}；请选择其他上级",
        )
    if len(above) >= MOST_STEPS:
        raise UserError(
            "cascade-too-deep",
            "parent",
            f"a cascade has at most {MOST_STEPS} steps; choose a parent further up",
            f"目标层级最多 {MOST_STEPS} 层；请选择更高的上级",
        )
    if above and above[0].stopped and not goal.stopped:
        raise UserError(
            "parent-stopped",
            "parent",
            f"the parent {above[0].goal} is stopped; choose another one",
            f"上级目标 {above[0].goal} 已停止；请选择其他上级",
        )
    for upper, lower in [*((above[0], goal) for _ in above[:1]), *((goal, b) for b in below)]:
        _check_levels(upper, lower)


def tree(
    root: GoalChanged,
    children: Mapping[str, Sequence[GoalChanged]],
    actuals: Mapping[str, Actual],
    parent: GoalChanged | None = None,
    hidden: Collection[str] = (),
) -> Node:
    """Return the cascade from the root down; ``children`` are by the id of their parent.

    ``hidden`` are the goals of which a part that adds up is not among the children.
    """
    below = [child for child in children.get(root.goal, ()) if not child.stopped]
    adding = [child for child in below if adds_up(child, root)]
    whole = root.goal not in hidden
    assigned = total(child.target for child in adding) if whole and root.form == "sum" else None
    return Node(
        goal=root,
        actual=actuals.get(root.goal, Actual()),
        share=share_of(root, parent) if parent else None,
        assigned=assigned,
        rest=None if assigned is None else add(root.target, -assigned),
        parts=_sum(actuals.get(child.goal, Actual()) for child in adding) if whole else None,
        remarks=tuple(remarks(root, adding, whole=whole)),
        children=tuple(tree(child, children, actuals, root, hidden) for child in below),
        hidden=not whole,
    )


def adds_up(child: GoalChanged, parent: GoalChanged) -> bool:
    """Whether the child is a part of the parent's own figure, not only a help towards it."""
    same = (child.form, child.metric, child.over_metric, child.at_most) == (
        parent.form,
        parent.metric,
        parent.over_metric,
        parent.at_most,
    )
    return same and child.form in ADDING


def share_of(child: GoalChanged, parent: GoalChanged) -> Decimal | None:
    """Return the child's part of the parent's target as a ratio; None unless it is a part of it."""
    if child.form != "sum" or not adds_up(child, parent):
        return None
    return divide(child.target, parent.target)


def remarks(
    goal: GoalChanged, parts: Sequence[GoalChanged], *, whole: bool = True
) -> Iterator[Remark]:
    """Yield what is wrong between a goal and the parts that add up to it.

    Unless the parts are the ``whole`` of them, nothing is said of what they come to together.
    """
    if whole:
        yield from _together(goal, parts)
    for one, other in islice(overlapping(parts), MOST_PAIRS):
        yield _double_counting(goal, one, other)
    for part in parts:
        inside = goal.start <= part.start and part.end <= goal.end
        if not (inside and narrows(part.where, goal.where)):
            yield _beyond(goal, part)


def left_behind(
    before: GoalChanged, goal: GoalChanged, parts: Sequence[GoalChanged]
) -> Iterator[Remark]:
    """Yield what a raised target leaves in no part: parts keep theirs until somebody changes them.

    ``parts`` are all that add up to the goal. Of a lowered target ``remarks`` tell.
    """
    assigned = total(part.target for part in parts)
    if goal.form == "sum" and parts and before.target < goal.target and assigned < goal.target:
        yield _under_assigned(goal, assigned)


def _together(goal: GoalChanged, parts: Sequence[GoalChanged]) -> Iterator[Remark]:
    assigned = total(part.target for part in parts)
    if goal.form == "sum" and assigned > goal.target:
        yield _over_assigned(goal, assigned)
    if goal.form == "ratio" and parts and _out_of_reach(goal, parts):
        yield _ratio_out_of_reach(goal)


def _out_of_reach(goal: GoalChanged, parts: Sequence[GoalChanged]) -> bool:
    """Whether no mixture of the parts is the goal: it lies between the least and the most."""
    targets = [part.target for part in parts]
    return min(targets) > goal.target if goal.at_most else max(targets) < goal.target


def _sum(actuals: Iterator[Actual]) -> Actual:
    found = list(actuals)
    overs = [each.over for each in found if each.over is not None]
    return Actual(total(each.value for each in found), total(overs) if overs else None)


def _check_levels(upper: GoalChanged, lower: GoalChanged) -> None:
    if LEVELS.index(lower.level) < LEVELS.index(upper.level):
        raise UserError(
            "level-order",
            "level",
            f"{lower.goal} is of level {lower.level}, above its parent {upper.goal} of level "
            f"{upper.level}; the order is {' > '.join(LEVELS)}",
            f"{lower.goal} 的层级 {lower.level} 高于其上级 {upper.goal} 的层级 {upper.level}；"
            f"顺序为 {' > '.join(LEVELS)}",
        )


def _over_assigned(goal: GoalChanged, assigned: Decimal) -> Remark:
    beyond = plain(add(assigned, -goal.target))
    return Remark(
        "over-assigned",
        goal.goal,
        f"the parts of {goal.name} come to {plain(assigned)}, {beyond} more than its target "
        f"{plain(goal.target)}; lower a part or raise the target",
        f"「{goal.name}」各部分合计 {plain(assigned)}，超出目标 {plain(goal.target)} 共 {beyond}；"
        "请调低某一部分或提高目标",
    )


def _under_assigned(goal: GoalChanged, assigned: Decimal) -> Remark:
    missing = plain(add(goal.target, -assigned))
    return Remark(
        "under-assigned",
        goal.goal,
        f"the parts of {goal.name} come to {plain(assigned)}, {missing} less than its raised "
        f"target {plain(goal.target)}; raise a part or split the rest",
        f"「{goal.name}」各部分合计 {plain(assigned)}，比提高后的目标 {plain(goal.target)} "
        f"少 {missing}；请调高某一部分或拆分剩余部分",
    )


def _ratio_out_of_reach(goal: GoalChanged) -> Remark:
    return Remark(
        "ratio-out-of-reach",
        goal.goal,
        f"if every part of {goal.name} reaches its ratio, {plain(goal.target)} is still missed "
        "whatever their sizes; set at least one part a harder ratio",
        f"即使「{goal.name}」的每个部分都达到各自比率，无论规模如何仍达不到 {plain(goal.target)}；"
        "请至少为一个部分设定更高要求",
    )


def _double_counting(goal: GoalChanged, one: GoalChanged, other: GoalChanged) -> Remark:
    return Remark(
        "double-counting",
        goal.goal,
        f"{one.name} and {other.name} can count the same event for {goal.name}: their filters on "
        f"{one.metric} overlap; name different values of one dimension in each",
        f"「{one.name}」与「{other.name}」可能将同一事件重复计入「{goal.name}」："
        f"两者在指标 {one.metric} 上的筛选有重叠；请在同一维度上为两者指定不同取值",
    )


def _beyond(goal: GoalChanged, part: GoalChanged) -> Remark:
    return Remark(
        "counts-beyond-parent",
        part.goal,
        f"{part.name} counts events that {goal.name} does not; let its filter and period lie "
        "within those of its parent",
        f"「{part.name}」会计入「{goal.name}」不计的事件；请使其筛选与期间在上级目标的范围之内",
    )
