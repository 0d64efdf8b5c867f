"""Numbers kept by hand: typed one by one, or loaded from a file after a dry run."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from console.domain import cells
from console.domain.answers import Metric, TypedNumber
from console.domain.cells import Cell, Change, Stand
from console.domain.entries import read_entry
from console.domain.faults import Fault, Faults
from console.domain.number_file import Outcome, outcome, read_rows, span, text_of
from console.ports import INGEST, Api, Refused

BATCH = 500
EVENTS = "application/cloudevents-batch+json"
LOOKS = 40
LOOK_SECONDS = 0.25


class Written(NamedTuple):
    """What became of changes that were sent.

    ``superseded``: somebody else changed the number at the same time, and theirs counts. ``open``:
    accepted, but not seen to count within the time of waiting.
    """

    changes: Sequence[Change]
    counted: int = 0
    superseded: tuple[tuple[Change, Stand], ...] = ()
    open: int = 0


async def hand_metrics(api: Api) -> list[Metric]:
    """Return the metrics that are kept by hand."""
    metrics = await api.all(INGEST, "/v1/metrics", Metric)
    return [metric for metric in metrics if metric.source == cells.SOURCE]


async def metric_named(api: Api, name: str) -> Metric:
    """Return a metric that is kept by hand; raises Faults."""
    for metric in await hand_metrics(api):
        if metric.name == name:
            return metric
    raise Faults(
        [
            Fault(
                "metric",
                "choose one of the metrics that are kept by hand",
                "请选择一个手工维护的指标",
            )
        ]
    )


async def recent(api: Api, metric: str, first: date, last: date) -> dict[Cell, Stand]:
    """Return what stands for a metric from the first day to the last."""
    days = {"from": str(first), "to": str(last)}
    found = await api.all(INGEST, "/v1/numbers", TypedNumber, most=100_000, metric=metric, **days)
    return cells.standing(found)


async def enter(api: Api, form: Mapping[str, str]) -> Written:
    """Write one number; nothing is sent when it says what stands. Raises Faults."""
    metric = await metric_named(api, form.get("metric", ""))
    cell, value, evidence = read_entry(metric, form)
    before = (await recent(api, cell.metric, cell.day, cell.day)).get(cell)
    if before is not None and before.value == value:
        return Written([])
    return await write(api, [Change(cell, before or Stand(), value, evidence)])


async def dry_run(api: Api, metric: Metric, content: bytes) -> tuple[str, Outcome]:
    """Return the file's text and what loading it would do; raises Faults with its wrong lines."""
    text = text_of(content)
    rows = read_rows(text, metric)
    stands = await recent(api, metric.name, *span(rows))
    return text, outcome(rows, stands)


async def write(api: Api, changes: Sequence[Change]) -> Written:
    """Send the changes and wait until each is seen to count, or not."""
    for start in range(0, len(changes), BATCH):
        events = [change.event() for change in changes[start : start + BATCH]]
        body = msgspec.json.encode(events)
        answer = await api.send("POST", INGEST, "/v1/numbers", body, {"Content-Type": EVENTS})
        _check_taken(answer, len(events))
    return await _seen(api, changes)


async def _seen(api: Api, changes: Sequence[Change]) -> Written:
    if not changes:
        return Written(changes)
    days = [change.cell.day for change in changes]
    metric = changes[0].cell.metric
    found: dict[str, Stand] = {}
    for look in range(LOOKS):
        if look:
            await asyncio.sleep(LOOK_SECONDS)
        found = await _by_id(api, metric, min(days), max(days))
        if all(change.id in found for change in changes):
            break
    lost = [
        (change, found[change.id])
        for change in changes
        if change.id in found and found[change.id].value != change.value
    ]
    seen = sum(change.id in found for change in changes)
    return Written(changes, seen - len(lost), tuple(lost), len(changes) - seen)


async def _by_id(api: Api, metric: str, first: date, last: date) -> dict[str, Stand]:
    days = {"from": str(first), "to": str(last)}
    found = await api.all(INGEST, "/v1/numbers", TypedNumber, most=100_000, metric=metric, **days)
    return {each.id: cells.stand_of(each) for each in found}


async def define(api: Api, form: Mapping[str, str], dims: Sequence[str]) -> str:
    """Make a metric that is kept by hand, and the source of such numbers with the first one.

    Return its name; raises Refused with what is wrong.
    """
    name = form.get("name", "").strip()
    try:
        source = cells.source_document(form.get("zone", "").strip() or "UTC")
        await api.send("POST", INGEST, "/v1/sources", source)
    except Refused as error:
        if error.code != "exists":
            raise
    document = cells.metric_document(name, form.get("unit", "").strip(), dims)
    await api.send("POST", INGEST, "/v1/metrics", document)
    return name


def _check_taken(answer: Mapping[str, list[Mapping[str, str]]], sent: int) -> None:
    rejected = answer.get("rejected", [])
    if rejected:
        first = rejected[0]
        raise Refused(INGEST, 422, first["code"], first["where"], first["message"], answer)
    if len(answer.get("accepted", [])) != sent:
        raise Refused(INGEST, 422, "not-taken", "body", "not everything was taken", answer)
