"""Heads: what two writers who decide by what the other writes touch both, so that one waits."""

from alerting.domain.goal import GoalKey
from event_contracts.wire import key_of


def goal_head(key: GoalKey) -> str:
    """Return the id of a goal's head."""
    return key_of("goal", *key)


def alive_head(tenant: str, metric: str) -> str:
    """Return the id of the head of a source's signs of life."""
    return key_of("alive", tenant, metric)
