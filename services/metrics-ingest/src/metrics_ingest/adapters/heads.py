"""Heads of what a fold needs to know.

definition_heads  {_id: tenant, version}
definition_moves  {_id: "all", count}: moved with each of them, so that a fold that knows many
                  tenants sees by one document that none has moved
"""

from service_kit.store import Tx

HEADS = "definition_heads"
MOVES = "definition_moves"
_ALL = {"_id": "all"}


async def move_head(tx: Tx, tenant: str) -> None:
    """Move the head: every fold reads the tenant's definitions and rates anew."""
    await tx[HEADS].update_one({"_id": tenant}, {"$inc": {"version": 1}}, upsert=True)
    await tx[MOVES].update_one(_ALL, {"$inc": {"count": 1}}, upsert=True)


async def head_of(tx: Tx, tenant: str) -> int:
    """Return where the head stands, 0 before the first definition."""
    found = await tx[HEADS].find_one({"_id": tenant})
    return 0 if found is None else int(found["version"])


async def moves(tx: Tx) -> int:
    """Return how often any head has been moved."""
    found = await tx[MOVES].find_one(_ALL)
    return 0 if found is None else int(found["count"])
