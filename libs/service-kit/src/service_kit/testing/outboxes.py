"""What stands in an outbox, row by row."""

from service_kit.outbox import rows_of
from service_kit.store import Document, Store


async def rows_in(store: Store, topic: str = "") -> list[Document]:
    """Return the rows of the outbox in the order of their bundles; of one topic, if it is named."""
    bundles = await store.db["outbox"].find({}, sort=[("_id", 1)]).to_list(None)
    rows = [row for bundle in bundles for row in rows_of(bundle)]
    return [row for row in rows if topic in ("", row["topic"])]


def lane_order(row: Document) -> tuple[str, int]:
    """Return what sorts rows lane by lane, in the order of each lane."""
    return row["lane"], row["seq"]
