"""Named policies, and the goals that follow them."""

from typing import NamedTuple

from goal_service.domain.commands import FollowPolicy, SetPolicy
from goal_service.domain.goals import GoalVersion, check_id, is_running, under_policy
from goal_service.domain.policies import PolicyVersion, check_policy
from goal_service.handlers.publishing import publish
from goal_service.ports import GoalBooks
from service_kit.errors import UserError


class Followed(NamedTuple):
    """Goals that got a version, goals that the policy does not fit, and whether all are done."""

    changed: tuple[GoalVersion, ...]
    kept: tuple[tuple[GoalVersion, UserError], ...]
    done: bool


async def set_policy(command: SetPolicy, books: GoalBooks) -> PolicyVersion:
    """Add a version of the policy; the goals that name it follow in transactions of their own."""
    check_id(command.name, "path.name")
    check_policy(command.rules)
    before = await books.policies.current(command.tenant, command.name)
    number = before.version if before else 0
    if command.based_on not in (None, number):
        raise UserError(
            "policy-moved-on",
            "based_on",
            f"the policy is at version {number}, the change was made from {command.based_on}; "
            "read it again and repeat the change",
            f"策略当前为第 {number} 版，而修改基于第 {command.based_on} 版；请重新读取后再修改",
            status=409,
        )
    version = PolicyVersion(
        tenant=command.tenant,
        name=command.name,
        version=number + 1,
        rules=command.rules,
        reason=command.reason,
        actor=command.actor,
        changed_ms=command.at_ms,
    )
    await books.policies.add(version)
    action = "policy.changed" if before else "policy.created"
    detail = {"version": version.version, "reason": version.reason}
    await books.journal.note(
        version.tenant, version.actor, action, version.name, detail, version.changed_ms
    )
    return version


async def follow_policy(command: FollowPolicy, books: GoalBooks) -> Followed:
    """Give the next goals that name the policy a version under it.

    Stopped goals and those whose period is over stay as they were judged. A goal that the new
    rules do not fit keeps its version; the audit trail says why.
    """
    policy = await books.policies.current(command.tenant, command.name)
    after = await books.policies.followed(command.tenant, command.name)
    if policy is None or after is None:
        return Followed((), (), done=True)
    found = await books.goals.naming(command.tenant, command.name, after, command.most)
    changed: list[GoalVersion] = []
    kept: list[tuple[GoalVersion, UserError]] = []
    for goal in found:
        if not _is_due(goal, policy, command.at_ms):
            continue
        try:
            changed.append(await _moved(goal, policy, command.at_ms, books))
        except UserError as error:
            await _note_kept(goal, policy, error, command.at_ms, books)
            kept.append((goal, error))
    done = len(found) < command.most
    await books.policies.follow(policy, None if done else found[-1].goal.goal)
    return Followed(tuple(changed), tuple(kept), done)


def policy_unknown(name: str, where: str = "path.name", *, status: int = 404) -> UserError:
    """Return the refusal of a policy that the tenant does not have."""
    return UserError(
        "policy-unknown",
        where,
        f"there is no policy {name}; make it with PUT /v1/policies/{name}",
        f"策略 {name} 不存在；请用 PUT /v1/policies/{name} 创建",
        status=status,
    )


def _is_due(goal: GoalVersion, policy: PolicyVersion, at_ms: int) -> bool:
    return is_running(goal.goal, at_ms) and goal.policy_version != policy.version


async def _moved(
    goal: GoalVersion, policy: PolicyVersion, at_ms: int, books: GoalBooks
) -> GoalVersion:
    definition = await books.definitions.get(policy.tenant, goal.goal.metric)
    currency = definition.currency if definition else None
    version = under_policy(goal, policy, currency, at_ms)
    await publish(version, goal, "goal.changed", books)
    return version


async def _note_kept(
    goal: GoalVersion, policy: PolicyVersion, error: UserError, at_ms: int, books: GoalBooks
) -> None:
    detail = {"policy": policy.name, "version": policy.version, "why": error.en}
    await books.journal.note(
        policy.tenant, policy.actor, "policy.not-followed", goal.goal.goal, detail, at_ms
    )
