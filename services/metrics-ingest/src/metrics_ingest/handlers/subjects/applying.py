"""The subjects log is applied: states move on, and the difference leaves as facts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import localcontext

import msgspec

from event_contracts.subjects import SubjectBatch, SubjectEvent
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.subjects.booking import Differences, batches
from metrics_ingest.domain.subjects.subject import State, Subject
from metrics_ingest.domain.tallies import Tally
from metrics_ingest.domain.values import EXACT
from metrics_ingest.handlers.subjects.landing import land
from metrics_ingest.handlers.subjects.memory import SubjectMemory, SubjectsEffect
from metrics_ingest.handlers.subjects.stepping import KINDS, mended_by, step_of
from metrics_ingest.ports.folds import Facts, SubjectStore


@dataclass(frozen=True, slots=True)
class ApplySubjects:
    """Apply what arrived in one partition of the subjects log."""

    batches: Sequence[SubjectBatch]


async def apply_subjects(
    command: ApplySubjects,
    store: SubjectStore,
    facts: Facts,
    memory: SubjectMemory,
    now_ms: int,
) -> SubjectsEffect:
    """Write the new states, send what changed; memory itself is not changed."""
    effect = SubjectsEffect()
    if not command.batches:
        return effect
    effect.plans = await _moved_plans(store, memory, {b.tenant for b in command.batches})
    plans = memory.plans | effect.plans
    told = _by_subject(command.batches)
    before = await _states(store, memory, told)
    with localcontext(EXACT):
        after = {s: step_of(s, before[s], told[s], plans, effect) for s in told}
        moved = {s: state for s, state in after.items() if state != before[s]}
        effect.mended = list(mended_by(before, moved))
        moved = await land(store, memory, plans, before, moved, effect)
        found = Differences()
        for subject, state in moved.items():
            found.add(subject, before[subject], state)
        as_of_ms = max(batch.as_of_ms for batch in command.batches)
        facts.publish(batches(found, as_of_ms, _restating(plans)))
    effect.states = {s: moved.get(s, before[s]) for s in told}
    await store.write_states(moved)
    conflicts = {name: Tally(conflicts=n, last_ms=now_ms) for name, n in effect.conflicts.items()}
    effect.tallies = memory.tallies.plus(conflicts, conflicts)
    await store.write_tallies(effect.tallies)
    return effect


async def _moved_plans(
    store: SubjectStore, memory: SubjectMemory, tenants: Collection[str]
) -> dict[str, TenantPlan]:
    heads = await store.heads(tenants)
    known = {tenant: plan.version for tenant, plan in memory.plans.items()}
    moved = [tenant for tenant, head in sorted(heads.items()) if known.get(tenant) != head]
    return {each.tenant: TenantPlan.of(each) for each in await store.definitions(moved)}


def _by_subject(batches: Sequence[SubjectBatch]) -> dict[Subject, list[SubjectEvent]]:
    found: dict[Subject, list[SubjectEvent]] = {}
    for batch in batches:
        for event in batch.events:
            subject = Subject(batch.tenant, batch.source, event.role, event.name, event.key)
            found.setdefault(subject, []).append(event)
    return found


async def _states(
    store: SubjectStore, memory: SubjectMemory, wanted: Collection[Subject]
) -> dict[Subject, State]:
    """Return every subject's state: remembered, stored, or empty."""
    states = {s: memory.states[s] for s in wanted if s in memory.states}
    missing = [subject for subject in wanted if subject not in states]
    stored = await store.states(missing) if missing else {}
    for subject in missing:
        kind = KINDS[subject.role][0]
        text = stored.get(subject)
        states[subject] = kind() if text is None else msgspec.json.decode(text, type=kind)
    return states


def _restating(plans: Mapping[str, TenantPlan]) -> dict[tuple[str, str], bool]:
    return {
        (tenant, name): source.source.restates_days > 0
        for tenant, plan in plans.items()
        for name, source in plan.sources.items()
    }
