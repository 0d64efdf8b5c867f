"""The indexes behind the queries."""

from service_kit.store import Store

INDEXES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("facts", ("head", "first")),
    ("facts", ("head", "last")),
    ("loose_facts", ("partition",)),
    ("progress", ("tenant", "goal")),
    ("goal_uses", ("partition",)),
    ("goals", ("tenant", "current", "goal")),
    ("goals", ("tenant", "goal", "version")),
    ("goals", ("tenant", "current", "parent")),
    ("goals", ("tenant", "current", "policy", "goal")),
    ("goals", ("tenant", "current", "owner", "goal")),
    ("policies", ("tenant", "current", "name")),
    ("policies", ("tenant", "name", "version")),
    ("policies", ("open",)),
    ("metric_definitions", ("tenant", "metric")),
    ("directory", ("tenant", "kind", "id")),
    ("directory", ("leave_open",)),
    ("directory_versions", ("tenant", "kind", "id", "version")),
    ("views", ("tenant", "person", "at_ms", "viewer")),
    ("lane_ranges", ("group", "partition")),
)
# A transaction should not have to create a collection.
COLLECTIONS = ("directory_heads", "hot_days", "alive", "heads", "audit", "dead_letters")


async def make_indexes(store: Store) -> None:
    """Make collections and indexes that are not there yet."""
    for collection, fields in INDEXES:
        await store.db[collection].create_index([(field, 1) for field in fields])
    for collection in COLLECTIONS:
        await store.db[collection].create_index([("tenant", 1)])
