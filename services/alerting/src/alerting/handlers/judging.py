"""Goals are judged: this alone decides lights and deeds.

Several goals of one progress partition are judged in one transaction, each as if it were alone: no
goal's judgement reads what another's writes. What they share is asked and written once: the
outbox's head, stripes, watermarks, signs of life, the deeds' counter, the directory; what each has
of its own (row, versions, back-fills, days, lights) is asked for all of them at once. So
everything is read before anything is decided, and everything is written at the end.

A transaction takes goals in order until there are SPANS spans to judge: one that looks back over
a year is judged alone, and the loop that keeps progress, which waits its turn, never waits long.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from alerting.domain.board import standing_after
from alerting.domain.goal import Goal, GoalKey
from alerting.domain.judged import State
from alerting.domain.judging import Outcome, judge_goal
from alerting.domain.looking import Case
from alerting.domain.schedule import (
    NEVER,
    Appointment,
    Position,
    due,
    final_after,
    kept,
    next_appointment,
)
from alerting.handlers.heads import alive_head, goal_head
from alerting.handlers.sources import origins_of
from alerting.ports import Books, Correction, Docket, MetricDays, Stored

FAR_MS = 2**53
SPANS = 45  # 60 of 30 goals took up to 185 ms on the embedded server
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class JudgeGoals:
    """Judge what is due of goals of one partition. Of the ``hurried`` also what is incomplete."""

    keys: Sequence[GoalKey]
    now_ms: int
    partitions: int
    hurried: Collection[GoalKey] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided, of goals of which something was; ``left`` are still to be judged."""

    outcomes: Mapping[GoalKey, Outcome]
    left: Sequence[GoalKey]


@dataclass(frozen=True, slots=True)
class Brief:
    """What there is to decide of a goal: ``work`` now, ``correction`` later."""

    docket: Docket
    versions: Sequence[Goal]
    watermark_ms: int
    work: Sequence[Appointment] = ()
    correction: Correction | None = None
    closing: bool = False

    @property
    def newest(self) -> Goal:
        """The newest version."""
        return self.versions[-1]

    @property
    def lit(self) -> list[Appointment]:
        """The work that lights a span."""
        return [one for one in self.work if not one.is_period]

    @property
    def first(self) -> date:
        """The first day that is to be lit."""
        return min((one.span.start for one in self.lit), default=date.max)


async def judge(command: JudgeGoals, books: Books) -> Judgement:
    """Judge what is due of the goals, as far as one transaction goes."""
    briefs, left = await _briefs(command, books)
    outcomes = {
        case.versions[-1].key: judge_goal(case) for case in await _cases(command, books, briefs)
    }
    if not outcomes:
        return Judgement({}, left)
    await books.pause(len(outcomes))
    for key, outcome in outcomes.items():
        await books.lights.write(key, outcome.judged)
        await books.dockets.close(_after(briefs[key], outcome))
    told = [(briefs[key].newest, outcome.deeds) for key, outcome in outcomes.items()]
    await books.post.send(told, command.now_ms)
    through = {key: outcome.position.judged_through for key, outcome in outcomes.items()}
    await books.days.note_judged(through)
    return Judgement(outcomes, left)


async def _briefs(
    command: JudgeGoals, books: Books
) -> tuple[dict[GoalKey, Brief], Sequence[GoalKey]]:
    """Return what there is to decide, and goals of which there is too much for now.

    The rows of goals of which there is nothing are closed.
    """
    dockets = await books.dockets.find(command.keys)
    versions = await books.goals.versions(dockets)
    filled = await books.values.back_filled(mine[-1] for mine in versions.values())
    briefs: dict[GoalKey, Brief] = {}
    spans = 0
    for number, key in enumerate(command.keys):
        if key not in dockets or key not in versions:
            continue
        newest = versions[key][-1]
        origins = origins_of(command.partitions, key.tenant, newest.metrics)
        watermark_ms = await books.values.watermark_ms(dockets[key].partition, key.tenant, origins)
        brief = Brief(dockets[key], versions[key], watermark_ms)
        if filled[key] < newest.version and not newest.stopped:
            await _put_off(books, replace(brief.docket, at_ms=FAR_MS))  # the back-fill calls again
            continue
        brief = _brief(command, brief)
        if brief.work or brief.closing or newest.version > brief.docket.state.version:
            spans += len(brief.work)
            if briefs and spans > SPANS:
                return briefs, command.keys[number:]
            briefs[key] = brief
        else:
            at_ms = _next_ms(brief.versions, brief.docket.position, brief.docket.state)
            await _put_off(books, replace(brief.docket, at_ms=at_ms, correction=brief.correction))
    return briefs, ()


async def _put_off(books: Books, docket: Docket) -> None:
    await books.heads.touch([goal_head(docket.key)])
    await books.dockets.close(docket)


def _brief(command: JudgeGoals, known: Brief) -> Brief:
    """Return the brief with what is to be judged now, and the correction that has to wait."""
    docket, versions, watermark_ms = known.docket, known.versions, known.watermark_ms
    work: list[Appointment] = []
    correction = docket.correction
    if correction is not None and correction.ready(watermark_ms):
        work += kept(versions, docket.position, correction.since)
        correction = correction.rest(watermark_ms)
    now_ms, patient = command.now_ms, docket.key not in command.hurried
    work += due(versions, docket.position, watermark_ms, now_ms, patient=patient)
    final_at = final_after(versions, docket.position.past(work), docket.state.closed)
    until = min(now_ms, watermark_ms)
    closing = correction is None and final_at is not None and final_at <= until
    return replace(known, work=work, correction=correction, closing=closing)


async def _cases(command: JudgeGoals, books: Books, briefs: Mapping[GoalKey, Brief]) -> list[Case]:
    await books.heads.touch(map(goal_head, briefs))
    stored = await _stored(books, briefs)
    quarters = await _quarters(books, briefs)
    parts = await books.days.of_goals(brief.newest for brief in briefs.values())
    return [
        Case(
            versions=brief.versions,
            work=brief.work,
            position=brief.docket.position,
            state=brief.docket.state,
            watermark_ms=brief.watermark_ms,
            now_ms=command.now_ms,
            closing=brief.closing,
            before=stored[key].before,
            standing=stored[key].standing,
            stored=stored[key].spans,
            parts=parts[key],
            quarters=quarters[key],
        )
        for key, brief in briefs.items()
    ]


async def _stored(books: Books, briefs: Mapping[GoalKey, Brief]) -> dict[GoalKey, Stored]:
    """Return what was judged before.

    A goal that goes on has nothing to be judged again: of it only the last span is asked for, which
    its row names, and of all such goals at once. It is the last one if the goal is judged through
    its end; rows of earlier releases may name none, or an older one.
    """
    positions = {key: brief.docket.position for key, brief in briefs.items()}
    going_on = {
        key: brief.docket.standing.start
        for key, brief in briefs.items()
        if brief.first > positions[key].judged_through > NEVER
    }
    last = await books.lights.at(going_on)
    found = {}
    for key, brief in briefs.items():
        if positions[key].judged_through == NEVER:
            found[key] = Stored()
        elif key in last and last[key].span.end == positions[key].judged_through:
            found[key] = Stored(before=last[key])
        else:
            found[key] = await books.lights.since(key, brief.first)
    return found


async def _quarters(
    books: Books, briefs: Mapping[GoalKey, Brief]
) -> dict[GoalKey, dict[str, Mapping[date, int]]]:
    """Return the signs of life of the metrics that the goals' own figures are made of."""
    asked = {key: _days_of_sources(brief) for key, brief in briefs.items()}
    whole = list(dict.fromkeys(one for mine in asked.values() for one in mine))
    await books.heads.touch(alive_head(one.tenant, one.metric) for one in whole)
    known = await books.values.alive(whole)
    return {key: {one.metric: known[one] for one in mine} for key, mine in asked.items()}


def _days_of_sources(brief: Brief) -> list[MetricDays]:
    if all(one.goal.policy.source_always_alive for one in brief.lit):
        return []
    spans = [one.span for one in brief.lit]
    start, end = min(span.first for span in spans) - _DAY, max(span.end for span in spans) + _DAY
    metrics = sorted({source.metric for source in brief.newest.measured})
    return [MetricDays(brief.newest.key.tenant, metric, start, end) for metric in metrics]


def _after(brief: Brief, outcome: Outcome) -> Docket:
    """Return the goal's row after a judgement; what stayed incomplete waits for its watermark."""
    docket, correction, incomplete = brief.docket, brief.correction, outcome.incomplete
    if incomplete is not None:
        correction = Correction.at(incomplete.span.start, incomplete.at_ms - 1).with_(correction)
    return replace(
        docket,
        position=outcome.position,
        state=outcome.state,
        correction=correction,
        at_ms=_next_ms(brief.versions, outcome.position, outcome.state),
        judged_close_ms=max([docket.judged_close_ms, *(one.close_ms for one in brief.work)]),
        standing=standing_after(docket.standing, outcome.judged, brief.newest),
    )


def _next_ms(versions: Sequence[Goal], position: Position, state: State) -> int:
    coming = next_appointment(versions, position)
    if coming is not None:
        return coming.at_ms
    final_at = final_after(versions, position, state.closed)
    return FAR_MS if final_at is None else final_at
