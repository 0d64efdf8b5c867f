"""Praises on their way out: the messages of ``rewards``."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from event_contracts.rewards import Praised
from event_contracts.topics import REWARDS
from event_contracts.wire import encode, key_of, partition_of
from incentives.domain.praise import Award
from service_kit.outbox import Message
from service_kit.records import Partition


def messages_of(awards: Iterable[Award], partitions: int) -> Iterator[Message]:
    """Yield the messages of those awards that are posted."""
    for award in awards:
        if award.address.posted:
            rule = award.rule
            number = partition_of(partitions, rule.tenant, rule.id)
            key = key_of(rule.tenant, rule.id, award.window.value).encode()
            yield Message(Partition(REWARDS.name, number), key, encode(praised(award)))


def praised(award: Award) -> Praised:
    """Return the award as other systems read it."""
    rule, window = award.rule, award.window
    return Praised(
        id=window.deed,
        tenant=rule.tenant,
        rule=rule.id,
        rule_version=rule.version,
        name=rule.name,
        metric=rule.metric,
        dim=rule.dim,
        value=window.value,
        window_start=window.day,
        window_end=window.day,
        threshold=rule.threshold,
        actual=award.actual,
        at=datetime.fromtimestamp(award.at_ms / 1000, UTC),
        dim_is=rule.dim_is,
        team=award.address.team,
        group=award.address.group,
        ceo_channel=award.address.ceo_channel,
        people=award.address.people,
    )
