"""Numbers kept by hand: typing one, loading a file, and making a metric for them."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from console.api.render import page
from console.api.visit import Posted, Visit, place_of, posted, signed_in
from console.domain.answers import Metric
from console.domain.cells import DIMS, Cell, Stand
from console.domain.faults import Fault, Faults
from console.domain.number_file import MOST_LINES, outcome, read_rows, span
from console.handlers import numbers
from console.handlers.goal import local_day
from console.handlers.notices import Notices
from console.handlers.numbers import Written
from console.handlers.overview import names_of, zone_of
from console.ports import Refused

Signed = Annotated[Visit, Depends(signed_in)]
Form = Annotated[Posted, Depends(posted)]
RECENT_DAYS = 30
SHOWN_CHANGES = 200

router = APIRouter()


@router.get("/numbers")
async def form(request: Request, visit: Signed, metric: str = "", day: str = "") -> Response:
    """The form for one number."""
    values = {"metric": metric, "day": day}
    return await _form_page(request, visit, values)


@router.post("/numbers")
async def enter(request: Request, form: Form) -> Response:
    """Write one number, and show what became of it beside what stands."""
    try:
        written = await numbers.enter(form.visit.api, form.fields)
    except Faults as wrong:
        return await _form_page(request, form.visit, form.fields, wrong.faults, status=422)
    except Refused as error:
        fault = Fault("", error.message, error.message)
        return await _form_page(request, form.visit, form.fields, [fault], status=error.status)
    return await _form_page(request, form.visit, form.fields, written=written)


@router.get("/numbers/file")
async def file_form(request: Request, visit: Signed, metric: str = "") -> Response:
    """The form for a file."""
    return await _file_page(request, visit, metric)


@router.post("/numbers/file")
async def dry_run(request: Request, form: Form) -> Response:
    """Say what loading the file would do; nothing is written."""
    name = form.fields.get("metric", "")
    try:
        metric = await numbers.metric_named(form.visit.api, name)
        content = form.files.get("file", b"")
        text, planned = await numbers.dry_run(form.visit.api, metric, content)
    except Faults as wrong:
        return await _file_page(request, form.visit, name, faults=wrong.faults, status=422)
    return await _file_page(request, form.visit, name, text=text, planned=planned)


@router.post("/numbers/file/load")
async def load(request: Request, form: Form) -> Response:
    """Load the file of a dry run; what stands may have changed since, so all is worked out anew."""
    name, text = form.fields.get("metric", ""), form.fields.get("text", "")
    api = form.visit.api
    try:
        metric = await numbers.metric_named(api, name)
        rows = read_rows(text, metric)
        planned = outcome(rows, await numbers.recent(api, name, *span(rows)))
    except Faults as wrong:
        return await _file_page(request, form.visit, name, faults=wrong.faults, status=422)
    written = await numbers.write(api, planned.changes)
    return await _file_page(request, form.visit, name, planned=planned, written=written)


@router.post("/numbers/metrics")
async def define(request: Request, form: Form) -> Response:
    """Make a metric that is kept by hand."""
    try:
        name = await numbers.define(form.visit.api, form.fields, form.lists.get("dims", []))
    except Refused as error:
        if error.status not in (409, 422):
            raise
        fault = Fault("name", error.message, error.message)
        return await _form_page(request, form.visit, form.fields, making=[fault], status=422)
    return RedirectResponse(f"/numbers?metric={name}", 303)


async def _form_page(
    request: Request,
    visit: Visit,
    values: Any,
    faults: Sequence[Fault] = (),
    *,
    making: Sequence[Fault] = (),
    written: Written | None = None,
    status: int = 200,
) -> Response:
    notices = Notices()
    metrics, names, zone = await asyncio.gather(
        numbers.hand_metrics(visit.api), names_of(visit.api, notices), zone_of(visit.api, notices)
    )
    chosen = _chosen(metrics, values.get("metric", ""))
    today = local_day(place_of(request).clock.now_ms(), zone)
    stands = await _stands(visit, chosen, today) if chosen else {}
    return page(
        request,
        "numbers.html",
        visit,
        status,
        metrics=metrics,
        chosen=chosen,
        values=values,
        faults=[(fault.where, fault.text(visit.language)) for fault in faults],
        making=[(fault.where, fault.text(visit.language)) for fault in making],
        written=written,
        today=today,
        names=names,
        zone=zone,
        stands=sorted(stands.items(), key=lambda each: (each[0].day, each[0].dims), reverse=True),
        known=_known(stands),
        dims=DIMS,
    )


def _known(stands: Mapping[Cell, Stand]) -> dict[str, list[str]]:
    """Return the values that each dimension has had of late."""
    found: dict[str, set[str]] = {}
    for cell in stands:
        for dim, value in cell.dims:
            found.setdefault(dim, set()).add(value)
    return {dim: sorted(values) for dim, values in found.items()}


async def _file_page(
    request: Request,
    visit: Visit,
    name: str,
    *,
    faults: Sequence[Fault] = (),
    status: int = 200,
    **more: Any,
) -> Response:
    metrics, zone = await asyncio.gather(
        numbers.hand_metrics(visit.api), zone_of(visit.api, Notices())
    )
    values = {"text": None, "planned": None, "written": None} | more
    return page(
        request,
        "number_file.html",
        visit,
        status,
        metrics=metrics,
        chosen=_chosen(metrics, name),
        faults=[(fault.line, fault.where, fault.text(visit.language)) for fault in faults],
        most=MOST_LINES,
        shown=SHOWN_CHANGES,
        today=local_day(place_of(request).clock.now_ms(), zone),
        **values,
    )


async def _stands(visit: Visit, metric: Metric, today: date) -> dict[Cell, Stand]:
    first = today - timedelta(days=RECENT_DAYS)
    return await numbers.recent(visit.api, metric.name, first, today + timedelta(days=1))


def _chosen(metrics: Sequence[Metric], name: str) -> Metric | None:
    for metric in metrics:
        if metric.name == name:
            return metric
    return metrics[0] if metrics else None
