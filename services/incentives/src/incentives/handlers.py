"""What happens for each command, step by step; the table at the bottom is the whole service."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from event_contracts.directory import DirectoryMessage
from event_contracts.metrics import MetricDefined
from incentives.domain import rules
from incentives.domain.kinds import check_countable, unknown_metric
from incentives.domain.praise import Award, Facts, additions, settle
from incentives.domain.rules import Rule
from incentives.ports import DirectoryShelf, Ledger, MetricShelf, RuleDesk, WaitingRoom

DirectoryBooks = tuple[DirectoryShelf, WaitingRoom]


@dataclass(frozen=True, slots=True)
class AddFacts:
    """Facts have arrived, all of one record."""

    facts: Sequence[Facts]


@dataclass(frozen=True, slots=True)
class LearnEntries:
    """People, teams or the organisation's settings have changed."""

    entries: Sequence[DirectoryMessage]


@dataclass(frozen=True, slots=True)
class LearnMetric:
    """A metric has been defined, or its definition has changed."""

    defined: MetricDefined


@dataclass(frozen=True, slots=True)
class MakeRule:
    """Somebody wants a new rule; its version is 1."""

    rule: Rule
    actor: str


@dataclass(frozen=True, slots=True)
class ChangeRule:
    """Somebody wants another name or threshold; None leaves it as it is."""

    tenant: str
    rule_id: str
    name: str | None
    threshold: Decimal | None
    actor: str


@dataclass(frozen=True, slots=True)
class StopRule:
    """Somebody wants a rule to praise no more."""

    tenant: str
    rule_id: str
    actor: str


async def add_facts(command: AddFacts, ledger: Ledger) -> None:
    """Add the facts to the windows of their rules and praise those that they carry over.

    Raises BadRecord before anything is kept. Facts marked as history count for nothing, and those
    that do not add up: a rule on such a metric may be older than its refusal.
    """
    counted = [facts for facts in command.facts if facts.adds_up and not facts.history]
    rules = [await ledger.rules_on(facts.tenant, facts.metric) for facts in counted]
    found = [additions(running, facts) for running, facts in zip(rules, counted, strict=True)]
    for running, facts, added in zip(rules, counted, found, strict=True):
        if added:
            after, awards = settle(running, await ledger.totals(added), added, facts.as_of_ms)
            ledger.put(after)
            ledger.grant([await _addressed(award, ledger) for award in awards])


async def learn_entries(command: LearnEntries, books: DirectoryBooks) -> None:
    """Keep what is new, the highest version of each, and decide the praise that waited for it."""
    shelf, room = books
    fresh = [entry for entry in command.entries if await shelf.keep(entry)]
    waiting = await room.waiting_for(fresh)
    await room.decide([await _addressed(award, shelf) for award in waiting])


async def learn_metric(command: LearnMetric, shelf: MetricShelf) -> None:
    """Keep the definition, the highest version of each metric."""
    await shelf.keep(command.defined)


async def make_rule(command: MakeRule, desk: RuleDesk) -> Rule:
    """Keep a new rule.

    Raises UserError when it is not right, cannot be counted, has a taken id, or is one too many.
    A metric that is not known may have been defined a moment ago: who asks may ask again.
    """
    rule = command.rule
    rules.check(rule)
    if await desk.find(rule.tenant, rule.id) is not None:
        raise rules.taken(rule.id)
    metric = await desk.metric(rule.tenant, rule.metric)
    if metric is None:
        raise unknown_metric(rule.metric)
    check_countable(metric)
    rules.check_number(await desk.running_on(rule.tenant, rule.metric), rule.metric)
    await desk.save(command.rule, command.actor, "rule.made")
    return command.rule


async def change_rule(command: ChangeRule, desk: RuleDesk) -> Rule:
    """Keep the rule's next version; raises UserError when there is none or it is stopped."""
    rule = await _known(command.tenant, command.rule_id, desk)
    if rule.stopped:
        raise rules.ended(command.rule_id)
    wanted = rule.changed(command.name, command.threshold)
    if wanted != rule:
        await desk.save(wanted, command.actor, "rule.changed")
    return wanted


async def stop_rule(command: StopRule, desk: RuleDesk) -> Rule:
    """Stop the rule; stopping it again changes nothing."""
    rule = await _known(command.tenant, command.rule_id, desk)
    wanted = rule.stop()
    if wanted != rule:
        await desk.save(wanted, command.actor, "rule.stopped")
    return wanted


async def _addressed(award: Award, known: Ledger | DirectoryShelf) -> Award:
    """Return the award with its address, settled once who it is about is known.

    A consent given later posts no old deed.
    """
    rule, value = award.rule, award.window.value
    return replace(award, address=await known.address(rule.tenant, rule.dim_is, value))


async def _known(tenant: str, rule_id: str, desk: RuleDesk) -> Rule:
    rule = await desk.find(tenant, rule_id)
    if rule is None:
        raise rules.unknown(rule_id)
    return rule


HANDLERS: Mapping[type, Callable[[Any, Any], Awaitable[Any]]] = {
    AddFacts: add_facts,
    LearnEntries: learn_entries,
    LearnMetric: learn_metric,
    MakeRule: make_rule,
    ChangeRule: change_rule,
    StopRule: stop_rule,
}
