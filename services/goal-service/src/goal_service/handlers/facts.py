"""The facts log: what batches add, and what a goal's control record brings in and takes away."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta

from event_contracts.facts import FactBatch
from event_contracts.progress import BackFilled, DayProgress, SourceAlive
from goal_service.domain.alive import Days, MetricDay, Quarters, looked_at, quarters_of
from goal_service.domain.amounts import Sum
from goal_service.domain.commands import RecordFacts, TellDays, UseMetric
from goal_service.domain.days import MARGIN_MINUTES, first_minute, windows
from goal_service.domain.matching import Index, Use, UseKey
from goal_service.domain.progress import DayValue
from goal_service.domain.sheets import Sheet, day_sums, sheet_of_batch
from goal_service.ports import FactBooks, Facts, MetricKey, Place

WINDOW_DAYS = 31


async def record_facts(command: RecordFacts, books: FactBooks) -> None:
    """Append the cells, then write each touched goal-day once.

    What it has come to is said later (:func:`tell_days`), or when it has to make room.
    """
    facts = _by_metric(command.batches)
    await books.facts.append(facts)
    parts: dict[Place, tuple[Sum, int, int]] = {}
    for metric, (sheets, as_of_ms) in facts.items():
        index = books.uses.index(metric)
        for (goal, day, name), part in day_sums(sheets, index).items():
            place = Place(metric.tenant, goal, metric.metric, day, name)
            parts[place] = part, index.by_key[UseKey(goal, name)].version, as_of_ms
    earlier = await books.progress.read(parts)
    made_room = await books.progress.write(
        {place: earlier.get(place, DayValue()).plus(*part) for place, part in parts.items()}
    )
    _send(made_room, books)
    await _mark_alive(command.batches, books)


async def tell_days(_: TellDays, books: FactBooks) -> None:
    """Say what each day has come to of which the last version was not said yet."""
    _send(books.progress.untold(), books)


async def use_metric(command: UseMetric, books: FactBooks) -> None:
    """Note the use and back-fill what it counts; what the log brings later is added as it comes.

    A control older than what is known changes nothing. A version that counts the same cells on the
    same days needs no back-fill. A day that the goal no longer counts becomes 0.
    """
    use = command.use
    metric = MetricKey(use.tenant, use.metric)
    place = books.post.place(use.tenant, use.goal)
    before = books.uses.index(metric).by_key.get(use.key)
    told = _looked_at_in(place, metric, books)
    if before is not None and before.version >= use.version:
        return
    await books.uses.put(use)
    if use.stopped:
        return
    if before is None or not before.counts_like(use):
        await _back_fill(use, books)
        await _tell_signs(metric, place, told, books)
    books.post.send(
        BackFilled(
            tenant=use.tenant,
            goal=use.goal,
            goal_version=use.version,
            metric=use.metric,
            part=use.part,
        )
    )


def _by_metric(batches: Iterable[FactBatch]) -> dict[MetricKey, Facts]:
    """Return the cells by metric; a batch that only counts accepted events has none."""
    sheets: dict[MetricKey, list[Sheet]] = {}
    as_of: dict[MetricKey, int] = {}
    for batch in batches:
        if batch.cells:
            metric = MetricKey(batch.tenant, batch.metric)
            sheets.setdefault(metric, []).append(sheet_of_batch(batch))
            as_of[metric] = max(as_of.get(metric, 0), batch.as_of_ms)
    return {metric: Facts(tuple(found), as_of[metric]) for metric, found in sheets.items()}


async def _mark_alive(batches: Iterable[FactBatch], books: FactBooks) -> None:
    bits: dict[MetricDay, int] = {}
    for batch in batches:
        for day, quarters in quarters_of(batch.accepted).items():
            place = MetricDay(batch.tenant, batch.metric, day)
            bits[place] = bits.get(place, 0) | quarters
    looking: dict[MetricKey, dict[int, Days]] = {}
    for place, known in (await books.alive.join(bits)).items():
        metric = MetricKey(place.tenant, place.metric)
        if metric not in looking:
            looking[metric] = _looking(metric, books)
        for number, days in looking[metric].items():
            if place.day in days:  # others are told when a goal of theirs begins to look at them
                books.post.send(_sign_of_life(place, known), number)


async def _tell_signs(metric: MetricKey, place: int, told: Days, books: FactBooks) -> None:
    """Tell a partition the signs of life on days that no goal of it has looked at so far."""
    days = _looked_at_in(place, metric, books)
    if days == told:
        return
    for day, known in (await books.alive.between(metric, days)).items():
        if day.day not in told:
            books.post.send(_sign_of_life(day, known), place)


def _looking(metric: MetricKey, books: FactBooks) -> dict[int, Days]:
    """Return by progress partition the days on which its goals ask for the metric's source.

    Most metrics have few goals: to tell all partitions would be most of what is sent.
    """
    uses: dict[int, list[Use]] = defaultdict(list)
    for use in books.uses.index(metric).by_key.values():
        uses[books.post.place(use.tenant, use.goal)].append(use)
    return {place: looked_at(mine) for place, mine in uses.items()}


def _looked_at_in(place: int, metric: MetricKey, books: FactBooks) -> Days:
    uses = books.uses.index(metric).by_key.values()
    return looked_at(use for use in uses if books.post.place(use.tenant, use.goal) == place)


def _sign_of_life(place: MetricDay, known: Quarters) -> SourceAlive:
    return SourceAlive(
        tenant=place.tenant,
        metric=place.metric,
        day=place.day,
        quarters=known.hexadecimal,
        version=known.version,
    )


async def _back_fill(use: Use, books: FactBooks) -> None:
    """Give every day of the goal the value that all facts so far add up to."""
    sums, as_of_ms = await _stored_sums(use, books)
    earlier = await books.progress.of_use(use)
    values: dict[Place, DayValue] = {}
    for day in sorted(sums.keys() | earlier.keys()):
        known, whole = earlier.get(day, DayValue()), sums.get(day, Sum())
        if (known.value, known.count) != whole:
            place = Place(use.tenant, use.goal, use.metric, day, use.part)
            values[place] = known.replaced(whole, use.version, as_of_ms)
    await books.progress.replace(values)
    _send(values, books)


async def _stored_sums(use: Use, books: FactBooks) -> tuple[dict[date, Sum], int]:
    """Return the goal's sums by day, read in stretches so that memory stays bounded."""
    sums: dict[date, Sum] = {}
    as_of_ms = 0
    for start, end in windows(use.start, use.end, WINDOW_DAYS):
        stretch = Index.of([replace(use, start=start, end=end)])
        begin = first_minute(use.zone, start) - MARGIN_MINUTES
        stop = first_minute(use.zone, end + timedelta(days=1)) + MARGIN_MINUTES
        for facts in await books.facts.between(MetricKey(use.tenant, use.metric), begin, stop):
            found = day_sums(facts.sheets, stretch)
            as_of_ms = max(as_of_ms, facts.as_of_ms) if found else as_of_ms
            for (_, day, _), part in found.items():
                sums[day] = sums.get(day, Sum()).plus(*part)
    return sums, as_of_ms


def _send(values: Mapping[Place, DayValue], books: FactBooks) -> None:
    for place, value in values.items():
        books.post.send(_day_progress(place, value))


def _day_progress(place: Place, value: DayValue) -> DayProgress:
    return DayProgress(
        tenant=place.tenant,
        goal=place.goal,
        goal_version=value.goal_version,
        metric=place.metric,
        day=place.day,
        value=value.value,
        count=value.count,
        version=value.version,
        as_of_ms=value.as_of_ms,
        part=place.part,
    )
