"""How the door has a command carried out."""

from collections.abc import Awaitable, Callable
from typing import Any

from goal_service.adapters.books import GoalBooks
from goal_service.handlers import handle
from service_kit.outbox import Outbox
from service_kit.runtime import Runtime
from service_kit.store import Tx

Carry = Callable[[Any], Awaitable[Any]]


def carrier(runtime: Runtime) -> Carry:
    """Return what carries a command out: document, audit entry and messages in one transaction."""

    async def carry(command: Any) -> Any:
        async def body(tx: Tx, outbox: Outbox) -> Any:
            books = GoalBooks(tx, outbox, runtime.settings.partitions)
            return await handle(command, books)

        return await runtime.api.run(body)

    return carry
