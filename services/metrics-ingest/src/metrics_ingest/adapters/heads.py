"""One head per tenant for all that a fold needs to know: {_id: tenant, version}."""

from service_kit.store import Tx

HEADS = "definition_heads"


async def move_head(tx: Tx, tenant: str) -> None:
    """Move the head: every fold reads the tenant's definitions and rates anew."""
    await tx[HEADS].update_one({"_id": tenant}, {"$inc": {"version": 1}}, upsert=True)


async def head_of(tx: Tx, tenant: str) -> int:
    """Return where the head stands, 0 before the first definition."""
    found = await tx[HEADS].find_one({"_id": tenant})
    return 0 if found is None else int(found["version"])
