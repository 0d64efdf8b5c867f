"""Target, floor and stretch: read, settled, and checked to be in order."""

import re
from decimal import Decimal, InvalidOperation

from event_contracts.goals import GoalChanged
from event_contracts.wire import plain
from goal_service.domain.amounts import add, check_amount, divide, multiply
from goal_service.domain.drafts import Amount, Between, Draft, Share
from service_kit.errors import UserError

_NUMBER = r"(\d{1,3}(?:[,，]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
_SINGLE = re.compile(_NUMBER)
_BETWEEN = re.compile(rf"{_NUMBER}\s*(?:to|-|–|—|~|～|到|至)\s*{_NUMBER}", re.IGNORECASE)


def read_target(given: object) -> Decimal | Between | None:
    """Return a target as a request says it: a number, a number as text, or "800 to 1,000".

    Between the two numbers stands to, -, ~, 到 or 至. Raises UserError for anything else.
    """
    if given is None or isinstance(given, Decimal):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return Decimal(given)
    if isinstance(given, str):
        return _read_text(given.strip())
    raise _unreadable(given)


def settle_tiers(
    draft: Draft, planned: Decimal | None, parent: GoalChanged | None
) -> tuple[Decimal | None, Decimal, Decimal | None]:
    """Return floor, target and stretch of the draft; ``planned`` is what its plan adds up to.

    The better a tier the nearer it stands to the end that is wanted: upwards, or downwards for
    an at-most goal and for a level that falls. Raises UserError for what is missing or misplaced.
    """
    low, high = _ends(draft)
    target = _target(draft, low, high, planned, parent)
    check_amount(target, "target")
    if draft.form != "level" and target <= 0:
        raise UserError(
            "target-not-positive",
            "target",
            f"the target is {target}; it has to be above 0",
            f"目标为 {target}；必须大于 0",
        )
    floor, stretch = _amount(low, target), _amount(high, target)
    check_order(floor, target, stretch, downwards=_downwards(draft, target))
    return floor, target, stretch


def check_share(share: Decimal, where: str, most: int = 100) -> None:
    """Raise UserError unless it is a ratio from 0 to ``most`` of at most 4 decimals."""
    check_amount(share, where)
    if not 0 <= share <= most or share != round(share, 4):
        raise UserError(
            "share-invalid",
            where,
            f"{share} is no share of the target; 80 % is 0.8, with at most 4 decimals",
            f"{share} 不是目标的比例；80 % 写作 0.8，小数不超过 4 位",
        )


def check_order(
    floor: Decimal | None, target: Decimal, stretch: Decimal | None, *, downwards: bool
) -> None:
    """Raise UserError unless the floor is easier and the stretch harder than the target."""
    sign = -1 if downwards else 1
    if floor is not None and not (floor >= 0 and sign * floor <= sign * target):
        raise _out_of_order("floor", "保底值", floor, target)
    if stretch is not None and not (stretch >= 0 and sign * stretch >= sign * target):
        raise _out_of_order("stretch", "冲刺值", stretch, target)


def _read_text(text: str) -> Decimal | Between:
    between = _BETWEEN.fullmatch(text)
    if between:
        low, high = (_number(part) for part in between.groups())
        if low > high:
            raise UserError(
                "target-reversed",
                "target",
                f"{text!r} goes down; write the smaller number first: {high} to {low}",
                f"{text!r} 由大到小；请先写较小的数：{high} 到 {low}",
            )
        return Between(low, high)
    try:
        return _number(text) if _SINGLE.fullmatch(text) else Decimal(text)
    except InvalidOperation:
        raise _unreadable(text) from None


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("，", ""))


def _unreadable(given: object) -> UserError:
    return UserError(
        "target-unreadable",
        "target",
        f"{str(given)[:60]!r} is no target; write a number, or a range like 800 to 1000",
        f"{str(given)[:60]!r} 不是目标值；请写一个数字，或如 800 到 1000 的区间",
    )


def _ends(draft: Draft) -> tuple[Amount | None, Amount | None]:
    """Return what floor and stretch are said to be; of a range the worse and the better end."""
    for where, amount in (("floor", draft.floor), ("stretch", draft.stretch)):
        if isinstance(amount, Share):
            check_share(amount.of_target, f"{where}.share")
        else:
            check_amount(amount, where)
    if not isinstance(draft.target, Between):
        return draft.floor, draft.stretch
    if draft.floor is not None or draft.stretch is not None:
        raise UserError(
            "target-said-twice",
            "target",
            "a range is floor and stretch already; leave those out, or give a single target",
            "区间已包含保底值与冲刺值；请省略它们，或只给出单一目标值",
        )
    low, high = draft.target.low, draft.target.high
    for amount in (low, high):
        check_amount(amount, "target")
    return (high, low) if _downwards(draft, low) else (low, high)


def _target(
    draft: Draft,
    low: Amount | None,
    high: Amount | None,
    planned: Decimal | None,
    parent: GoalChanged | None,
) -> Decimal:
    if draft.share is not None:
        return _of_parent(draft, draft.share, parent)
    if isinstance(draft.target, Decimal):
        check_amount(draft.target, "target")
        return draft.target
    if planned is not None and draft.target is None:
        return planned
    if isinstance(low, Decimal) and isinstance(high, Decimal):
        # "a to b" means floor a, stretch b, target the middle.
        return divide(add(low, high), Decimal(2))
    raise UserError(
        "target-missing",
        "target",
        "give a target, a share of the parent's, a plan that adds up to one, or floor and stretch "
        "as amounts",
        "请给出目标值、占上级目标的比例、可合计为目标的计划，或以数额给出的保底值与冲刺值",
    )


def _of_parent(draft: Draft, share: Decimal, parent: GoalChanged | None) -> Decimal:
    check_share(share, "share")
    if draft.target is not None:
        raise UserError(
            "target-said-twice",
            "share",
            "a share of the parent's target is a target already; keep one of the two",
            "占上级目标的比例已确定目标值；请只保留其中之一",
        )
    if parent is None:
        raise UserError(
            "parent-missing",
            "parent",
            "a share is one of a parent's target; name the parent",
            "比例是相对于上级目标而言的；请指定 parent",
        )
    if (draft.form, draft.metric) != ("sum", parent.metric) or parent.form != "sum":
        raise UserError(
            "share-of-another-metric",
            "share",
            f"the parent {parent.goal} is a {parent.form} of {parent.metric}: only a sum of the "
            "same metric is a share of it; give a target of its own",
            f"上级目标 {parent.goal} 是指标 {parent.metric} 的 {parent.form}："
            "只有同一指标的合计才能按比例分配；请单独给出目标值",
        )
    return Decimal(plain(multiply(parent.target, share)))


def _amount(amount: Amount | None, target: Decimal) -> Decimal | None:
    if isinstance(amount, Share):
        return Decimal(plain(multiply(target, amount.of_target)))
    return amount


def _downwards(draft: Draft, target: Decimal) -> bool:
    falls = draft.form == "level" and draft.level_start is not None and target < draft.level_start
    return draft.at_most or falls


def _out_of_order(where: str, name: str, tier: Decimal, target: Decimal) -> UserError:
    return UserError(
        "tiers-out-of-order",
        where,
        f"the {where} {plain(tier)} and the target {plain(target)} are out of order: 0 or more, "
        "the floor easier and the stretch harder than the target",
        f"{name} {plain(tier)} 与目标 {plain(target)} 顺序不对：须不小于 0，"
        "保底值比目标容易，冲刺值比目标难",
    )
