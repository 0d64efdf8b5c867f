"""Lets goals follow policies and their owners' leave, in transactions of bounded size."""

from typing import Protocol

from goal_service.adapters.directory import DirectoryReader
from goal_service.adapters.policies import PolicyReader
from goal_service.api.carrying import Carry
from goal_service.domain.commands import FollowLeave, FollowPolicy
from goal_service.domain.goals import GoalVersion
from goal_service.handlers.leave import LeaveFollowed
from goal_service.handlers.policies import Followed
from service_kit.clock import Clock
from service_kit.errors import UserError

MOST_PER_TRANSACTION = 50


class Follower(Protocol):
    """Something that goals follow."""

    async def run(self) -> int:
        """Work off what goals have still to follow; return how many moved."""
        ...


class PolicyFollower:
    """Works off what a change of a policy leaves to do; after a kill, from where it stood."""

    def __init__(self, carry: Carry, reader: PolicyReader, clock: Clock) -> None:
        self._carry = carry
        self._reader = reader
        self._clock = clock

    async def follow(self, tenant: str, name: str) -> Followed:
        """Let all goals that name the policy follow its current version."""
        changed: list[GoalVersion] = []
        kept: list[tuple[GoalVersion, UserError]] = []
        done = False
        while not done:
            now = self._clock.now_ms()
            command = FollowPolicy(tenant, name, now, MOST_PER_TRANSACTION)
            some: Followed = await self._carry(command)
            changed += some.changed
            kept += some.kept
            done = some.done
        return Followed(tuple(changed), tuple(kept), done)

    async def run(self) -> int:
        """Work off every policy that goals have still to follow; return how many goals moved."""
        moved = 0
        for tenant, name in await self._reader.unfollowed():
            moved += len((await self.follow(tenant, name)).changed)
        return moved


class LeaveFollower:
    """Works off what a changed leave leaves to do; after a kill, from where it stood."""

    def __init__(self, carry: Carry, reader: DirectoryReader, clock: Clock) -> None:
        self._carry = carry
        self._reader = reader
        self._clock = clock

    async def follow(self, tenant: str, person: str) -> int:
        """Let the person's own goals follow the leave that is known; return how many moved."""
        moved, done = 0, False
        while not done:
            now = self._clock.now_ms()
            command = FollowLeave(tenant, person, now, MOST_PER_TRANSACTION)
            some: LeaveFollowed = await self._carry(command)
            moved += len(some.changed)
            done = some.done
        return moved

    async def run(self) -> int:
        """Work off every leave that goals have still to follow; return how many goals moved."""
        return sum([await self.follow(*person) for person in await self._reader.unfollowed()])
