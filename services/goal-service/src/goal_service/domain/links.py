"""How a goal's target hangs on its parent's: a share follows it, an amount of its own does not.

Example: 40 % and 60 % of 1,500,000 are 600,000 and 900,000; once it is 1,800,000 they are 720,000
and 1,080,000.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import groupby

import msgspec

from event_contracts.goals import GoalChanged
from event_contracts.wire import plain
from goal_service.domain.amounts import check_amount, multiply
from goal_service.domain.calendar import working_days
from goal_service.domain.drafts import Draft, Link, Share
from goal_service.domain.forms import settle_plan
from goal_service.domain.goals import GoalVersion, judged_by
from goal_service.domain.leave import outside_leave
from goal_service.domain.people import Leave
from goal_service.domain.splits import allot
from goal_service.domain.targets import check_order
from service_kit.errors import UserError


def link_of(draft: Draft) -> Link:
    """Return how the target that the draft asks for hangs on others."""
    link = draft.link or Link(share=draft.share)
    return replace(link, floor=_share(draft.floor), stretch=_share(draft.stretch))


def targets_under(target: Decimal, links: Mapping[str, Link]) -> dict[str, Decimal]:
    """Return the targets that goals with these links have under a parent's target, by goal.

    Parts of one split are rounded together, and add up to the parent if their shares are all of
    it. A share that stands alone is exact. Goals with a target of their own are left out.
    """
    following = [(goal, link) for goal, link in links.items() if link.share is not None]
    following.sort(key=lambda each: (each[1].split, each[1].number))
    found: dict[str, Decimal] = {}
    for split, group in groupby(following, key=lambda each: each[1].split):
        parts = list(group)
        amounts = _amounts(target, [link for _, link in parts], split)
        found |= zip((goal for goal, _ in parts), amounts, strict=True)
    return found


def under_parent(
    before: GoalVersion,
    target: Decimal,
    leave: Sequence[Leave],
    currency: str | None,
    reason: str,
    actor: str,
    at_ms: int,
) -> GoalVersion:
    """Return the version that a goal gets when its share of its parent has become ``target``.

    Floor and stretch follow where they are shares of the target, a straight plan does. Raises
    UserError where the goal cannot have the target.
    """
    goal, wanted = before.goal, before.wanted
    _check_target(target)
    floor = _tier(before.link.floor, target, goal.floor)
    stretch = _tier(before.link.stretch, target, goal.stretch)
    check_order(floor, target, stretch, downwards=goal.at_most)
    days = working_days(wanted.calendar, goal.start, goal.end)
    goal = msgspec.structs.replace(
        goal,
        version=goal.version + 1,
        target=target,
        floor=floor,
        stretch=stretch,
        calendar=wanted.calendar,
        plan=settle_plan(goal.form, wanted.plan, goal.level_start, target, days),
        changed_ms=at_ms,
    )
    goal, _ = outside_leave(goal, wanted, leave)
    goal = judged_by(goal, before.rules, currency)
    return replace(before, goal=goal, reason=reason, actor=actor, remarks=())


def reason_to_follow(parent: GoalChanged, reason: str) -> str:
    """Return why a share has a new target: which version of the parent, and why that changed."""
    return f"share of {parent.goal}, version {parent.version}: {reason}"


def _amounts(target: Decimal, links: Sequence[Link], split: str) -> Iterable[Decimal]:
    shares = [link.share for link in links if link.share is not None]
    if split:
        unit = min((link.unit for link in links if link.unit is not None), default=None)
        return allot(target, list(map(Share, shares)), allow_rest=True, unit=unit).amounts
    return [_part(target, share) for share in shares]


def _tier(share: Decimal | None, target: Decimal, amount: Decimal | None) -> Decimal | None:
    return amount if share is None else _part(target, share)


def _part(target: Decimal, share: Decimal) -> Decimal:
    return Decimal(plain(multiply(target, share)))


def _share(amount: Decimal | Share | None) -> Decimal | None:
    return amount.of_target if isinstance(amount, Share) else None


def _check_target(target: Decimal) -> None:
    check_amount(target, "target")
    if target <= 0:
        raise UserError(
            "target-not-positive",
            "target",
            "the share comes to nothing; give the goal a target of its own, or stop it",
            "该比例所得为零；请为该目标设置单独的目标值，或将其停止",
        )
