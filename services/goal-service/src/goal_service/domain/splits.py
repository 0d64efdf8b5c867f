"""A goal's target split into parts that add up to it exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from event_contracts.facts import Condition
from event_contracts.goals import Guardrail
from event_contracts.wire import plain
from goal_service.domain.amounts import check_amount, multiply, total
from goal_service.domain.calendars import CalendarWish
from goal_service.domain.drafts import Amount, Draft, Link, Share
from goal_service.domain.goals import GoalVersion
from goal_service.domain.plans import unit_of
from goal_service.domain.targets import check_share
from service_kit.errors import UserError

MOST_PARTS = 500
"""Each is a goal, and all of them are made in one transaction."""


class Allotment(NamedTuple):
    """What each part gets, in order, and what is left: together the whole."""

    amounts: tuple[Decimal, ...]
    rest: Decimal


@dataclass(frozen=True, slots=True)
class SplitPart:
    """A part as wanted; what is None is as in the parent. ``where`` narrows the parent's filter."""

    goal: str
    name: str
    size: Amount
    where: tuple[Condition, ...] = ()
    level: str | None = None
    owner: str = ""
    owner_team: str | None = None
    start: date | None = None
    end: date | None = None
    floor: Amount | None = None
    stretch: Amount | None = None
    guardrails: tuple[Guardrail, ...] = ()


def allot(
    whole: Decimal,
    sizes: Sequence[Amount],
    *,
    allow_rest: bool = False,
    unit: Decimal | None = None,
) -> Allotment:
    """Split the whole: amounts as they are, shares of it by largest remainder.

    Shares come out in whole units of a whole target and whole amounts, else in their decimals (two
    at least), and never in more than a ``unit``; units left over go to the largest remainders, the
    earlier part first. Raises UserError when the parts come to more than the whole, or to less
    without ``allow_rest``.
    """
    fixed = _fixed(sizes)
    shares = [size.of_target for size in sizes if isinstance(size, Share)]
    quotas = [Fraction(whole) * Fraction(share) for share in shares]
    rest = Fraction(whole) - Fraction(fixed) - sum(quotas)
    _check_sum(whole, rest, allow_rest=allow_rest)
    finest = unit_in(whole, sizes)
    parts = _largest_remainder([*quotas, rest], min(finest, unit or finest))
    rounded = iter(parts[:-1])
    amounts = tuple(next(rounded) if isinstance(size, Share) else size for size in sizes)
    return Allotment(amounts, parts[-1])


def unit_in(whole: Decimal, sizes: Sequence[Amount]) -> Decimal:
    """Return what a split of the whole into these is counted in."""
    return min(unit_of(whole), unit_of(_fixed(sizes)))


def check_parts(parts: Sequence[SplitPart]) -> None:
    """Raise UserError unless there are 1 to MOST_PARTS parts, each of some size and an own id."""
    if not parts:
        raise UserError(
            "parts-missing",
            "parts",
            "name at least one part with its share or amount",
            "请至少给出一个部分及其比例或数额",
        )
    if len(parts) > MOST_PARTS:
        raise UserError(
            "parts-too-many",
            "parts",
            f"a goal is split into at most {MOST_PARTS} parts at once, not {len(parts)}; split it "
            "into fewer, and those again",
            f"一次最多拆分为 {MOST_PARTS} 个部分，而不是 {len(parts)} 个；请减少部分，再逐级拆分",
        )
    named: set[str] = set()
    for number, part in enumerate(parts):
        at = f"parts.{number}"
        if isinstance(part.size, Share):
            check_share(part.size.of_target, f"{at}.share")
        check_amount(_number(part.size), f"{at}.amount")
        if _number(part.size) <= 0:
            raise UserError(
                "part-empty",
                at,
                "a part's share or amount is above 0; leave an empty part out",
                "每个部分的比例或数额须大于 0；空的部分请省略",
            )
        if part.goal in named:
            raise UserError(
                "part-twice",
                f"{at}.id",
                f"the id {part.goal} stands twice; give each part its own",
                f"标识 {part.goal} 重复；请为每个部分设置不同标识",
            )
        named.add(part.goal)


def part_draft(
    parent: GoalVersion,
    part: SplitPart,
    amount: Decimal,
    split: str = "",
    number: int = 0,
    unit: Decimal | None = None,
) -> Draft:
    """Return the draft of a part: the parent's metric, period and rules, its own target.

    A part by share has the place ``number`` in the ``split``, so that it can follow, in units as
    fine as those that it was split in. The calendar
    is the one that was wanted: the leave of the parent's owner is not the part's.

    Who sees the parent sees the part: a split tells nobody of a goal that was kept from them.
    """
    goal = parent.goal
    calendar = parent.wanted.calendar
    share = part.size.of_target if isinstance(part.size, Share) else None
    return Draft(
        name=part.name,
        metric=goal.metric,
        start=part.start or goal.start,
        end=part.end or goal.end,
        zone=goal.zone,
        target=amount,
        floor=part.floor,
        stretch=part.stretch,
        where=(*goal.where, *part.where),
        calendar=CalendarWish("own", None, calendar.weekdays, calendar.off, calendar.on),
        rules=parent.rules,
        policy_name=parent.policy_name,
        level=part.level or goal.level,
        owner=part.owner,
        owner_team=goal.owner_team if part.owner_team is None else part.owner_team,
        at_most=goal.at_most,
        guardrails=part.guardrails,
        deal_value=goal.deal_value,
        parent=goal.goal,
        visibility=goal.visibility,
        link=Link() if share is None else Link(share, split, number, unit=unit),
    )


def check_splittable(parent: GoalVersion) -> None:
    """Raise UserError unless the goal is a running sum: other forms have no parts that add up."""
    if parent.goal.form == "sum" and not parent.goal.stopped:
        return
    raise UserError(
        "not-splittable",
        "path.goal",
        "only a running goal of form sum is split; make the parts of a ratio or level as goals "
        "with this parent",
        "只有进行中的合计类目标可以拆分；比率或水平类目标请以其为 parent 单独建立子目标",
    )


def _fixed(sizes: Sequence[Amount]) -> Decimal:
    return total(size for size in sizes if not isinstance(size, Share))


def _largest_remainder(quotas: Sequence[Fraction], unit: Decimal) -> list[Decimal]:
    """Round quotas, which add up to whole units, to whole units that add up to the same."""
    exact = [quota / Fraction(unit) for quota in quotas]
    units = [each.numerator // each.denominator for each in exact]
    left = int(sum(exact)) - sum(units)
    order = sorted(range(len(exact)), key=lambda i: (units[i] - exact[i], i))
    for i in order[:left]:
        units[i] += 1
    return [Decimal(plain(multiply(unit, Decimal(each)))) for each in units]


def _check_sum(whole: Decimal, rest: Fraction, *, allow_rest: bool) -> None:
    if rest == 0 or (rest > 0 and allow_rest):
        return
    share = _percent(1 - rest / Fraction(whole))
    if rest > 0:
        raise UserError(
            "parts-do-not-add-up",
            "parts",
            f"the parts come to {share} % of {plain(whole)}; share out all of it, or say "
            "allow_rest to leave the rest unassigned",
            f"各部分合计为 {plain(whole)} 的 {share} %；请全部分配，"
            "或设置 allow_rest 保留未分配部分",
        )
    raise UserError(
        "parts-exceed-the-whole",
        "parts",
        f"the parts come to {share} % of {plain(whole)}; lower some until they are 100 %",
        f"各部分合计为 {plain(whole)} 的 {share} %；请调低至 100 %",
    )


def _percent(share: Fraction) -> str:
    return plain(round(Decimal(share.numerator) * 100 / Decimal(share.denominator), 2))


def _number(size: Amount) -> Decimal:
    return size.of_target if isinstance(size, Share) else size
