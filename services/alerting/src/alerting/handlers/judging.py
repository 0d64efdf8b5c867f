"""A goal is judged: this alone decides lights and deeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from alerting.domain.board import standing_after
from alerting.domain.goal import Goal, GoalKey
from alerting.domain.judged import State
from alerting.domain.judging import Outcome, judge_goal
from alerting.domain.looking import Case
from alerting.domain.schedule import (
    Appointment,
    Position,
    due,
    final_after,
    kept,
    next_appointment,
)
from alerting.domain.spans import Span
from alerting.handlers.heads import alive_head, goal_head
from alerting.handlers.sources import origins_of
from alerting.ports import Books, Correction, Docket

FAR_MS = 2**53
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class JudgeGoal:
    """Judge what is due of a goal. Not ``patient``: also what never became complete."""

    key: GoalKey
    now_ms: int
    partitions: int
    patient: bool = True


async def judge(command: JudgeGoal, books: Books) -> Outcome | None:
    """Judge what is due of the goal; None when there was nothing to decide."""
    key = command.key
    await books.heads.touch([goal_head(key)])
    docket = (await books.dockets.find([key])).get(key)
    versions = await books.goals.versions(key)
    if docket is None or not versions:
        return None
    newest = versions[-1]
    if await books.values.back_filled(newest) < newest.version and not newest.stopped:
        await books.dockets.close(replace(docket, at_ms=FAR_MS))  # the back-fill calls again
        return None
    origins = origins_of(command.partitions, key.tenant, newest.metrics)
    watermark_ms = await books.values.watermark_ms(docket.partition, key.tenant, origins)
    work, correction = _work(command, docket, versions, watermark_ms)
    until = min(command.now_ms, watermark_ms)
    final_at = final_after(versions, docket.position.past(work), docket.state.closed)
    closing = correction is None and final_at is not None and final_at <= until
    if not (work or closing or newest.version > docket.state.version):
        at_ms = _next_ms(versions, docket.position, docket.state)
        await books.dockets.close(replace(docket, at_ms=at_ms, correction=correction))
        return None
    case = await _case(command, books, docket, versions, work, watermark_ms)
    outcome = judge_goal(replace(case, closing=closing))
    await books.pause()
    await books.lights.write(key, outcome.judged)
    await books.post.send(outcome.deeds, newest, command.now_ms)
    await books.days.note_judged(key, outcome.position.judged_through)
    await books.dockets.close(_after(docket, versions, work, correction, outcome))
    return outcome


def _work(
    command: JudgeGoal, docket: Docket, versions: Sequence[Goal], watermark_ms: int
) -> tuple[list[Appointment], Correction | None]:
    """Return what is to be judged, and the correction that has to wait for its watermark."""
    work: list[Appointment] = []
    correction = docket.correction
    if correction is not None and correction.ready(watermark_ms):
        work += kept(versions, docket.position, correction.since)
        correction = correction.rest(watermark_ms)
    now_ms = command.now_ms
    work += due(versions, docket.position, watermark_ms, now_ms, patient=command.patient)
    return work, correction


async def _case(
    command: JudgeGoal,
    books: Books,
    docket: Docket,
    versions: Sequence[Goal],
    work: Sequence[Appointment],
    watermark_ms: int,
) -> Case:
    key, newest = docket.key, versions[-1]
    lit = [one for one in work if not one.is_period]
    stored = await books.lights.since(key, min((one.span.start for one in lit), default=date.max))
    quarters: Mapping[str, Mapping[date, int]] = {}
    if not all(one.goal.policy.source_always_alive for one in lit):
        quarters = await _quarters(books, newest, [one.span for one in lit])
    return Case(
        versions=versions,
        work=work,
        position=docket.position,
        state=docket.state,
        watermark_ms=watermark_ms,
        now_ms=command.now_ms,
        before=stored.before,
        standing=stored.standing,
        stored=stored.spans,
        parts=await books.days.of_goal(newest),
        quarters=quarters,
    )


async def _quarters(
    books: Books, goal: Goal, spans: Sequence[Span]
) -> dict[str, Mapping[date, int]]:
    """Return the signs of life of the metrics that the goal's own figure is made of."""
    metrics = sorted({source.metric for source in goal.measured})
    await books.heads.touch([alive_head(goal.key.tenant, metric) for metric in metrics])
    start, end = min(span.first for span in spans) - _DAY, max(span.end for span in spans) + _DAY
    return {
        metric: await books.values.alive(goal.key.tenant, metric, start, end) for metric in metrics
    }


def _after(
    docket: Docket,
    versions: Sequence[Goal],
    work: Sequence[Appointment],
    correction: Correction | None,
    outcome: Outcome,
) -> Docket:
    """Return the goal's row after a judgement; what stayed incomplete waits for its watermark."""
    incomplete = outcome.incomplete
    if incomplete is not None:
        correction = Correction.at(incomplete.span.start, incomplete.at_ms - 1).with_(correction)
    return replace(
        docket,
        position=outcome.position,
        state=outcome.state,
        correction=correction,
        at_ms=_next_ms(versions, outcome.position, outcome.state),
        judged_close_ms=max([docket.judged_close_ms, *(one.close_ms for one in work)]),
        standing=standing_after(docket.standing, outcome.judged, versions[-1]),
    )


def _next_ms(versions: Sequence[Goal], position: Position, state: State) -> int:
    coming = next_appointment(versions, position)
    if coming is not None:
        return coming.at_ms
    final_at = final_after(versions, position, state.closed)
    return FAR_MS if final_at is None else final_at
