"""What alerting does with what it hears, and how a goal is judged.

Applying progress decides nothing: it keeps values and marks judged days that changed. The judge
alone decides lights and deeds, once its clock and the watermark have passed.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from alerting.domain.board import standing_after
from alerting.domain.goal import Goal, GoalKey, Source
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
    redone_by,
)
from alerting.domain.silence import fresh_quarters
from alerting.domain.spans import Span
from alerting.domain.stripes import DayPlace, DayState
from alerting.ports import Books, Correction, Docket, MetricDay, Quarters
from event_contracts.directory import DirectoryMessage
from event_contracts.wire import key_of, partition_of
from service_kit.marks import Mark

FAR_MS = 2**53
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class KeepGoal:
    """A goal has a new version, which has been kept."""

    goal: Goal
    partition: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class KeepDays:
    """Days of goals have these values."""

    days: Mapping[DayPlace, DayState]


@dataclass(frozen=True, slots=True)
class NoteBackFilled:
    """All days of one of the sums of a goal's version have been told."""

    key: GoalKey
    source: Source
    version: int


@dataclass(frozen=True, slots=True)
class NoteAlive:
    """Metrics' sources have delivered in these quarter hours."""

    quarters: Mapping[MetricDay, Quarters]
    partition: int


@dataclass(frozen=True, slots=True)
class NoteWatermarks:
    """All that an origin's mark promises stands before this."""

    partition: int
    marks: Mapping[str, Mark]


@dataclass(frozen=True, slots=True)
class KeepEntry:
    """A person, a team or the organisation's settings have changed."""

    entry: DirectoryMessage


@dataclass(frozen=True, slots=True)
class JudgeGoal:
    """Judge what is due of a goal. Not ``patient``: also what never became complete."""

    key: GoalKey
    now_ms: int
    partitions: int
    patient: bool = True


def goal_head(key: GoalKey) -> str:
    """Return the id of a goal's head."""
    return key_of("goal", *key)


def alive_head(tenant: str, metric: str) -> str:
    """Return the id of the head of a source's signs of life."""
    return key_of("alive", tenant, metric)


def origins_of(partitions: int, tenant: str, metrics: Iterable[str]) -> set[str]:
    """Return the origins whose watermarks have to pass before the metrics are complete."""
    return {f"facts/{partition_of(partitions, tenant, metric)}" for metric in metrics}


async def keep_goal(command: KeepGoal, books: Books) -> None:
    """Have the judge look at a goal whose version was kept just now.

    A version that comes after spans were judged that are its own to judge has them judged again,
    and so has one that restates days that were judged.
    """
    key = command.goal.key
    await books.heads.touch([goal_head(key)])
    await books.dockets.open(command.goal, command.partition)
    docket, versions = (await books.dockets.find([key]))[key], await books.goals.versions(key)
    redo = redone_by(versions, docket.position, command.goal)
    if redo:
        await books.dockets.correct({key: Correction.at(min(redo), command.now_ms)})


async def keep_days(command: KeepDays, books: Books) -> None:
    """Keep values that are newer; a judged day that changed is to be judged again."""
    known = await books.days.read(command.days)
    fresh = {
        place: state
        for place, state in command.days.items()
        if place not in known or known[place].version < state.version
    }
    if not fresh:
        return
    judged = await _judged({place.key for place in fresh}, books)
    await books.days.write(fresh, judged)
    await books.dockets.correct(_corrections(fresh, judged))


async def _judged(keys: Collection[GoalKey], books: Books) -> dict[GoalKey, date]:
    """Return how far the goals are judged: NEVER of one that nobody has told of yet."""
    known = await books.days.judged(keys)
    dockets = await books.dockets.find(set(keys) - known.keys())
    asked = {key: docket.position.judged_through for key, docket in dockets.items()}
    return {**dict.fromkeys(keys, NEVER), **asked, **known}


def _corrections(
    fresh: Mapping[DayPlace, DayState], judged: Mapping[GoalKey, date]
) -> dict[GoalKey, Correction]:
    """Return the corrections by when their results were accepted, not by when they were applied.

    A worker that was down applies late: a span that closed meanwhile must not be judged beside a
    day whose correction was accepted before it.
    """
    found: dict[GoalKey, Correction] = {}
    for place, state in fresh.items():
        if place.day <= judged[place.key]:
            one = Correction.at(place.day, state.as_of_ms)
            found[place.key] = one.with_(found.get(place.key))
    return found


async def note_back_filled(command: NoteBackFilled, books: Books) -> None:
    """Note it and have the judge look at the goal."""
    await books.heads.touch([goal_head(command.key)])
    await books.values.note_back_filled(command.key, command.source, command.version)
    await books.dockets.call([command.key])


async def note_alive(command: NoteAlive, books: Books) -> None:
    """Keep the quarter hours; goals that judged their day without them are judged again."""
    if not command.quarters:
        return
    places = command.quarters
    await books.heads.touch([alive_head(place.tenant, place.metric) for place in places])
    before = await books.values.join_alive(places)
    late: dict[MetricDay, int] = {}
    for place, now in places.items():
        fresh = fresh_quarters(before.get(place, 0), now.bits, place.day)
        if fresh:
            late[place] = min(fresh)
    await books.dockets.correct_silent(late, command.partition)


async def note_watermarks(command: NoteWatermarks, books: Books) -> None:
    """Raise the watermarks."""
    await books.values.note_watermarks(command.partition, command.marks)


async def keep_entry(command: KeepEntry, books: Books) -> None:
    """Keep what is new of the directory: the highest version holds."""
    await books.directory.keep(command.entry)


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


HANDLERS: dict[type, Callable[[Any, Books], Awaitable[Any]]] = {
    KeepGoal: keep_goal,
    KeepDays: keep_days,
    NoteBackFilled: note_back_filled,
    NoteAlive: note_alive,
    NoteWatermarks: note_watermarks,
    KeepEntry: keep_entry,
    JudgeGoal: judge,
}


async def handle(command: Any, books: Books) -> Any:
    """Carry the command out."""
    return await HANDLERS[type(command)](command, books)
