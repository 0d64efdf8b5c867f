"""How the door has a command carried out: one transaction with all that it brings about."""

from collections.abc import Awaitable, Callable
from typing import Any

from goal_service.adapters.books import GoalBooks
from goal_service.domain.commands import ChangeDirectory
from goal_service.domain.people import Kept, Patch
from goal_service.handlers import handle
from service_kit.outbox import Outbox
from service_kit.runtime import Runtime
from service_kit.store import Tx
from service_kit.web import Caller

Carry = Callable[[Any], Awaitable[Any]]


def carrier(runtime: Runtime) -> Carry:
    """Return what carries a command out: document, audit entry and messages in one transaction."""

    async def carry(command: Any) -> Any:
        async def body(tx: Tx, outbox: Outbox) -> Any:
            books = GoalBooks(tx, outbox, runtime.settings.partitions, runtime.guards)
            return await handle(command, books)

        return await runtime.api.run(body)

    return carry


async def change(runtime: Runtime, caller: Caller, patch: Patch) -> Kept:
    """Change one entry of the directory in the caller's name; return it as it is then."""
    command = ChangeDirectory(caller.tenant, (patch,), caller.actor, runtime.clock.now_ms())
    (kept,) = await carrier(runtime)(command)
    assert isinstance(kept, Kept)
    return kept
