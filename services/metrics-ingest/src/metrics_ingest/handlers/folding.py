"""One slice of the raw log is folded: everything it comes to is written in its transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from event_contracts.wire import hash16
from metrics_ingest.domain import pausing
from metrics_ingest.domain.bulk.fold import Find, fold_prepared
from metrics_ingest.domain.bulk.reading import Prepared
from metrics_ingest.domain.folding import NO_COUNTS, Arrival, Folded, Plans
from metrics_ingest.domain.letters import kept
from metrics_ingest.domain.memory import Memory, PartitionMemory
from metrics_ingest.domain.plans import SourcePlan, TenantPlan
from metrics_ingest.domain.seen.generations import Mask, Words
from metrics_ingest.domain.seen.window import Block, pack
from metrics_ingest.domain.subjects.contributions import ROLES
from metrics_ingest.domain.tallies import Stripe, Tally
from metrics_ingest.handlers import drifting
from metrics_ingest.handlers.publishing import Published, publish
from metrics_ingest.ports.folds import FoldPost, FoldStore, OlderIds, SourceName
from metrics_ingest.ports.raw import RawRecords
from service_kit.marks import Mark

WINDOW_MS = 72 * 3600 * 1000
PRUNE_EVERY_MS = 3600 * 1000


@dataclass(frozen=True, slots=True)
class FoldSlice:
    """Fold what arrived in one partition of the raw log, from offset ``start`` up to ``end``.

    ``records`` are what arrived, None: nothing. Once they are folded, ``arrivals`` are those among
    them that were read one by one, and ``newest_ms`` is the newest acceptance among the others.
    """

    topic: str
    partition: int
    start: int
    end: int
    records: RawRecords | None = None
    arrivals: Sequence[Arrival] = ()
    newest_ms: int | None = None


@dataclass(slots=True)
class Effect:
    """What memory takes over once the transaction is committed."""

    plans: dict[str, TenantPlan] = field(default_factory=dict)
    looked_at: dict[str, int] = field(default_factory=dict)
    block: Block | None = None
    prune_before_ms: int | None = None
    published: Published = field(default_factory=Published)
    new_letters: set[bytes] = field(default_factory=set)
    superseded: set[bytes] = field(default_factory=set)
    tallies: dict[int, Stripe] = field(default_factory=dict)
    quality: dict[SourceName, pausing.Record] = field(default_factory=dict)
    drift: drifting.Looked = field(default_factory=drifting.Looked)
    told: Mark | None = None
    folded: Folded = field(default_factory=Folded)


async def fold_slice(
    command: FoldSlice,
    store: FoldStore,
    facts: FoldPost,
    memory: Memory,
    partition: PartitionMemory,
    older: OlderIds,
    now_ms: int,
) -> Effect:
    """Write what the slice comes to and return what to remember; memory itself is not changed.

    The definitions are those of the transaction's snapshot: when a tenant's head has moved, they
    are read anew. Watermarks go behind the facts of the slice.
    """
    effect = Effect()
    if command.records is not None:
        await _fold(command, store, facts, memory, partition, older, now_ms, effect)
    reached = partition.completeness.reached(command.end)
    if reached is not None:
        facts.complete(f"{command.topic}/{command.partition}", reached)
        effect.told = reached
    return effect


async def _fold(
    command: FoldSlice,
    store: FoldStore,
    facts: FoldPost,
    memory: Memory,
    partition: PartitionMemory,
    older: OlderIds,
    now_ms: int,
    effect: Effect,
) -> None:
    assert command.records is not None
    prepared, plans = await _read(command.records, store, memory, effect)
    find = _find(partition, older)
    folded, arrivals = fold_prepared(prepared, command.records.arrivals, plans, find)
    command = replace(command, arrivals=arrivals, newest_ms=prepared.received_ms)
    effect.folded = folded
    as_of_ms = _as_of_ms(command, partition.arrived_ms, now_ms)
    effect.published = await publish(store, facts, memory, folded, as_of_ms)
    await _remember_ids(command, store, partition, folded, now_ms, effect)
    await _write_letters(command, store, partition, folded, now_ms, effect)
    for source in folded.sources.values():
        if source.records:
            await store.write_records(source.records)
    effect.tallies = partition.tallies.plus(_tallies(folded, now_ms), plans)
    await store.write_tallies(effect.tallies)
    await _judge(store, partition, folded, plans, effect)
    samples = (
        command.records.arrivals(drifting.rows_of(len(prepared.ids))) if command.records else []
    )
    effect.drift = await drifting.look(samples, plans, store, partition, now_ms)


async def _read(
    records: RawRecords, store: FoldStore, memory: Memory, effect: Effect
) -> tuple[Prepared, dict[SourceName, SourcePlan]]:
    """Read with the plans as of the transaction: anew, if it was done ahead with others."""
    tenants = records.tenants()
    await _look_at_heads(store, memory, tenants, effect)
    known = {**memory.plans, **effect.plans}
    prepared = records.read(known)
    # What a key does not tell.
    others = {a.event.tenant for a in records.arrivals(prepared.rest)} - tenants
    if others:
        await _look_at_heads(store, memory, others, effect)
        known |= effect.plans
    plans = {
        (tenant, name): source
        for tenant in (tenants | others) & known.keys()
        for name, source in known[tenant].sources.items()
    }
    return prepared, plans


async def _look_at_heads(
    store: FoldStore, memory: Memory, tenants: Collection[str], effect: Effect
) -> None:
    """Read the plans of the tenants whose head is not where memory has it.

    A tenant whose head was looked at when as many heads had been moved as now is not asked for.
    """
    moves = await store.moves()
    doubtful = [tenant for tenant in tenants if memory.looked_at.get(tenant) != moves]
    heads = await store.heads(doubtful)
    known = {tenant: plan.version for tenant, plan in memory.plans.items()}
    moved = [tenant for tenant, head in heads.items() if known.get(tenant) != head]
    for definitions in await store.definitions(moved):
        effect.plans[definitions.tenant] = TenantPlan.of(definitions)
    effect.looked_at |= dict.fromkeys(heads, moves)


def _find(partition: PartitionMemory, older: OlderIds) -> Find:
    """Return what tells which ids were seen, in memory and beyond."""

    def find(ids: Words) -> tuple[Mask, Words]:
        here, stamps = partition.window.find(ids)
        if len(older):
            left = np.flatnonzero(~here)
            here[left], stamps[left] = older.find(ids[left])
        return here, stamps

    return find


async def _remember_ids(
    command: FoldSlice,
    store: FoldStore,
    partition: PartitionMemory,
    folded: Folded,
    now_ms: int,
    effect: Effect,
) -> None:
    """Keep the new ids, and drop the blocks that the window has left behind.

    Arrival is told by the records, not by the time of folding: after a standstill a copy that
    came in time still meets its first in the window.
    """
    at_ms = _arrived_ms(command, partition.arrived_ms, now_ms)
    effect.block = Block(at_ms, folded.packed + pack(folded.fresh.items()))
    if len(effect.block):
        await store.write_seen(command.start, effect.block)
    before_ms = at_ms - WINDOW_MS
    if before_ms - (partition.pruned_ms or at_ms) >= PRUNE_EVERY_MS:
        effect.prune_before_ms = before_ms
        await store.forget_seen(before_ms)


def _arrived_ms(command: FoldSlice, before_ms: int, now_ms: int) -> int:
    """Return when a slice arrived: never before the slice before it, never after now.

    A replayed event carries the time of its first arrival and says nothing.
    """
    times = [a.event.received_ms for a in command.arrivals if a.event.replay_of is None]
    if command.newest_ms is not None:
        times.append(command.newest_ms)
    return max(before_ms, min(max(times, default=before_ms), now_ms))


def _as_of_ms(command: FoldSlice, before_ms: int, now_ms: int) -> int:
    """Return when the newest of the slice was accepted; a replay is accepted as it is folded."""
    if any(arrival.event.replay_of is not None for arrival in command.arrivals):
        return now_ms
    return _arrived_ms(command, before_ms, now_ms)


async def _write_letters(
    command: FoldSlice,
    store: FoldStore,
    partition: PartitionMemory,
    folded: Folded,
    now_ms: int,
    effect: Effect,
) -> None:
    letters = [kept(each, command.topic, command.partition, now_ms) for each in folded.letters]
    effect.new_letters = {letter.key for letter in letters}
    if letters:
        await store.write_letters(letters)
    closing = partition.letters | effect.new_letters
    if closing and effect.block is not None:
        effect.superseded = effect.block.having(closing)
    if effect.superseded:
        effect.superseded -= _states(folded)
    if effect.superseded:
        await store.supersede(effect.superseded)


def _states(folded: Folded) -> set[bytes]:
    """Return the keys of the ids that came with a state.

    Another state under the id of a letter may be the older one, and the letter all there is of the
    newer: it stays new. Replayed for nothing it does no harm, for its as-of tells.
    """
    return {
        hash16(tenant, name, event.id)
        for (tenant, name), source in folded.sources.items()
        for event in source.diverted
        if event.role in ROLES.values()
    }


def _tallies(folded: Folded, now_ms: int) -> dict[SourceName, Tally]:
    found = {}
    for name in folded.sources.keys() | folded.counts.keys():
        source, counts = folded.sources.get(name), folded.counts.get(name, NO_COUNTS)
        found[name] = Tally(
            accepted=source.accepted if source is not None else 0,
            duplicates=counts.duplicates,
            conflicts=counts.conflicts,
            skipped=counts.skipped,
            dead_letters=counts.dead,
            unmatched=source.unmatched if source is not None else 0,
            last_ms=now_ms,
        )
    return found


async def _judge(
    store: FoldStore, partition: PartitionMemory, folded: Folded, plans: Plans, effect: Effect
) -> None:
    """Pause a source of which this partition's last thousand records were mostly bad."""
    for name in (folded.sources.keys() | folded.counts.keys()) & plans.keys():
        source, counts = folded.sources.get(name), folded.counts.get(name, NO_COUNTS)
        record = partition.quality.get(name, pausing.NOTHING).plus(
            source.accepted if source is not None else 0, counts.bad
        )
        if record.mostly_bad:
            total = record.good + record.bad
            await store.pause(*name, f"{record.bad} of the last {total} records were bad")
        effect.quality[name] = pausing.NOTHING if record.ripe else record


def remember(effect: Effect, memory: Memory, partition: PartitionMemory, older: OlderIds) -> int:
    """Take the effect of a committed slice into memory; return how many ids had to leave it."""
    memory.plans.update(effect.plans)
    memory.looked_at.update(effect.looked_at)
    memory.learn_day_sets(effect.published.sets)
    if effect.block is not None:
        partition.window.add(effect.block)
        partition.arrived_ms = effect.block.at_ms
        partition.pruned_ms = partition.pruned_ms or effect.block.at_ms
    if effect.prune_before_ms is not None:
        partition.window.prune(effect.prune_before_ms)
        older.prune(effect.prune_before_ms)
        partition.pruned_ms = effect.prune_before_ms
    partition.letters |= effect.new_letters
    partition.letters -= effect.superseded
    partition.tallies.take(effect.tallies)
    partition.quality.update(effect.quality)
    drifting.remember_drift(effect.drift, partition)
    if effect.told is not None:
        partition.completeness.told(effect.told)
    return spill(memory, partition, older)


def spill(memory: Memory, partition: PartitionMemory, older: OlderIds) -> int:
    """Move the oldest ids out of memory when it holds too many; return how many."""
    full = partition.window.shrink(memory.ids_per_partition)
    if full:
        older.add(full)
    return sum(map(len, full))
