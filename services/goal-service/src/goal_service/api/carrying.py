"""How a command on the directory is carried out: one transaction with all that it brings about."""

from typing import Any

from goal_service.adapters.books import PeopleBooks
from goal_service.domain.commands import ChangeDirectory
from goal_service.domain.people import Kept, Patch
from goal_service.handlers import handle
from service_kit.outbox import Outbox
from service_kit.runtime import Runtime
from service_kit.store import Tx
from service_kit.web import Caller


async def carry(runtime: Runtime, command: Any) -> Any:
    """Carry the command out and return what its handler returns."""

    async def body(tx: Tx, outbox: Outbox) -> Any:
        books = PeopleBooks(tx, outbox, runtime.settings.partitions, runtime.guards)
        return await handle(command, books)

    return await runtime.api.run(body)


async def change(runtime: Runtime, caller: Caller, patch: Patch) -> Kept:
    """Change one entry in the caller's name; return it as it is then."""
    command = ChangeDirectory(caller.tenant, (patch,), caller.actor, runtime.clock.now_ms())
    (kept,) = await carry(runtime, command)
    assert isinstance(kept, Kept)
    return kept
