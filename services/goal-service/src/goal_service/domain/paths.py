"""The way from a goal up to the company's, and why each step matters, in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from event_contracts.goals import GoalChanged, Guardrail
from event_contracts.wire import plain
from goal_service.domain.cascade import share_of


@dataclass(frozen=True, slots=True)
class Step:
    """One goal on the way, its share of the next one's target, and the why in en and zh."""

    goal: GoalChanged
    share: Decimal | None
    en: str
    zh: str


def path(goals: Sequence[GoalChanged]) -> tuple[Step, ...]:
    """Return the steps of the goals, which stand from one's own up to the topmost.

    Goals that are kept from who looks are not among them: the one below helps the next one above.
    """
    parents = [*goals[1:], None]
    return tuple(_step(goal, parent) for goal, parent in zip(goals, parents, strict=True))


def _step(goal: GoalChanged, parent: GoalChanged | None) -> Step:
    if parent is None:
        return Step(goal, None, *_top(goal))
    share = share_of(goal, parent) if goal.parent == parent.goal else None
    if share is None:
        en = f"{goal.name} ({_en(goal)}) helps to reach {parent.name} ({_en(parent)})."
        zh = f"「{goal.name}」（{_zh(goal)}）支撑「{parent.name}」（{_zh(parent)}）。"
    else:
        percent = f"{plain(round(share * 100, 2))} %"
        en = f"{goal.name} ({_en(goal)}) is {percent} of {parent.name} ({_en(parent)})."
        zh = f"「{goal.name}」（{_zh(goal)}）占「{parent.name}」（{_zh(parent)}）的 {percent}。"
    return Step(goal, share, en, zh)


def _top(goal: GoalChanged) -> tuple[str, str]:
    en = f"{goal.name} ({_en(goal)}) is to be reached by {goal.end}"
    zh = f"「{goal.name}」（{_zh(goal)}）须在 {goal.end} 前达成"
    if goal.level == "company":
        return f"{en}; it is the company's goal.", f"{zh}；这是公司目标。"
    if goal.parent:
        return f"{en}.", f"{zh}。"
    return (
        f"{en}; it is linked to no goal of the company yet.",
        f"{zh}；尚未关联公司目标。",
    )


def _en(goal: GoalChanged) -> str:
    most = "at most " if goal.at_most else ""
    start = f"{_amount(goal.level_start)} to " if goal.level_start is not None else ""
    rails = "".join(f", {rail.name} {_limit_en(rail)}" for rail in goal.guardrails)
    return f"{most}{start}{_amount(goal.target)} {goal.unit}".rstrip() + rails


def _zh(goal: GoalChanged) -> str:
    most = "不高于 " if goal.at_most else ""
    start = f"{_amount(goal.level_start)} 到 " if goal.level_start is not None else ""
    rails = "".join(f"，{rail.name} {_limit_zh(rail)}" for rail in goal.guardrails)
    return f"{most}{start}{_amount(goal.target)} {goal.unit}".rstrip() + rails


def _limit_en(rail: Guardrail) -> str:
    return f"at {'most' if rail.at_most else 'least'} {_amount(rail.limit)}"


def _limit_zh(rail: Guardrail) -> str:
    return f"{'不高于' if rail.at_most else '不低于'} {_amount(rail.limit)}"


def _amount(amount: Decimal) -> str:
    whole, point, decimals = plain(amount).partition(".")
    return f"{int(whole):,}{point}{decimals}"
