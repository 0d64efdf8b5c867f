"""Fold two events, so that every loop of the bulk fold is compiled before the first real one.

``python -m metrics_ingest.domain.bulk.warm`` does so once, for all starts that follow: compiling
takes some ten seconds of processor time, taking what was compiled before about one.
"""

import msgspec

from event_contracts.raw import RawEvent
from event_contracts.wire import encode, key_of
from metrics_ingest.domain.bulk.fold import fold_prepared
from metrics_ingest.domain.bulk.reading import BulkReader
from metrics_ingest.domain.definitions import (
    Definitions,
    FieldMapping,
    Kind,
    Mapping,
    Measure,
    Metric,
    MetricKind,
    Source,
)
from metrics_ingest.domain.folding import Arrival
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.seen.window import Block, Window
from service_kit.records import Texts

_TENANT, _SOURCE, _DOOR, _METRIC = "a-tenant", "a-source", "http", "a-metric"
_RATIO = "a-ratio"


def warm() -> None:
    """Compile, or take what was compiled before."""
    mapping = Mapping(
        id=("id",),
        type=("type",),
        time=("time",),
        fields={
            "amount": FieldMapping(paths=("amount",), kind=Kind.DECIMAL),
            "moment": FieldMapping(paths=("time",), kind=Kind.TIME),
        },
    )
    source = Source(name=_SOURCE, doors={_DOOR: mapping}, version=1)
    metric = Metric(name=_METRIC, source=_SOURCE, value="amount", version=1)
    ratio = msgspec.structs.replace(metric, name=_RATIO, kind=MetricKind.RATIO, over=Measure())
    plans = {_TENANT: TenantPlan.of(Definitions(_TENANT, 1, (source,), (metric, ratio)))}
    ids = ["a-long-enough-id-1", "a-long-enough-id-2"]
    keys = Texts.of([key_of(_TENANT, _SOURCE, id_).encode() for id_ in ids])
    values = Texts.of([_event(id_) for id_ in ids])
    prepared = BulkReader(plans).read(Texts.joined([keys]), Texts.joined([values]))
    sources = {(_TENANT, _SOURCE): plans[_TENANT].sources[_SOURCE]}
    window = Window()
    folded, _ = fold_prepared(prepared, _no_arrivals, sources, window.find)
    window.add(Block(0, folded.packed))
    (found,) = folded.sources.values()
    written = [part for each in found.columns.values() for part in each[0].parts()]
    if not (window.find(prepared.ids)[0].all() and len(written) == 2):
        raise RuntimeError("the bulk fold does not fold")


def _no_arrivals(rows: object) -> list[Arrival]:
    return []


def _event(id_: str) -> bytes:
    body = b'{"id":"%s","type":"sold","time":"2026-11-03T02:18:45Z","amount":1.5}' % id_.encode()
    return encode(
        RawEvent(
            tenant=_TENANT,
            source=_SOURCE,
            id=id_,
            door=_DOOR,
            received_ms=1_793_672_325_000,
            body=msgspec.Raw(body),
        )
    )


if __name__ == "__main__":
    warm()
