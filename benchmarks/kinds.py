"""What an event costs in the fold alone, by what its tenant defines: no broker, no database.

``python benchmarks/kinds.py [WORD]`` prints, for each case (those whose name has WORD), which share
of the events was folded in bulk, and the processor time of an event: reading, folding, facts,
ids. Beside it ``conn``: the shipped connectors, each fed with its vendor's samples made many
(SAMPLES names the folder).
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import yaml

from event_contracts.raw import RawEvent
from event_contracts.wire import encode, key_of
from metrics_ingest.adapters.connectors import connectors
from metrics_ingest.adapters.older_ids import FileOlderIds
from metrics_ingest.adapters.routes import Counts, FoldRoute
from metrics_ingest.domain.definitions import Definitions, Metric, Source
from metrics_ingest.domain.mapping import items_of
from metrics_ingest.domain.memory import Memory, PartitionMemory
from metrics_ingest.domain.money.rates import Rate
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.seen.window import ENTRY
from metrics_ingest.handlers.folding import FoldSlice, fold_slice, remember
from metrics_ingest.stream.raw_records import PlannedReader, SliceRecords
from service_kit.outbox import Outbox
from service_kit.records import Bulk, Partition, Slice, Texts

RAW = Partition("raw", 0)
TENANT = "acme"
EVENTS, SLICE = int(os.environ.get("EVENTS", "40000")), 10_000
BEGIN_MS = 1_793_672_325_000  # 2026-11-03
COUNTS = Counts(raw=4, facts=4, metric_definitions=4, subjects=4)
RATES = tuple(
    Rate(base="USD", quote=quote, date=date(2020, 1, 1), rate=Decimal("0.9"), version=1)
    for quote in ("EUR", "CNY")
)
FOLDER = Path(os.environ.get("SAMPLES", "../shared/samples"))


class NoStore:
    """Writes nothing (handlers.folding's FoldStore)."""

    def __init__(self) -> None:
        self.sets: dict[Any, Any] = {}

    async def moves(self) -> int:
        """No head has moved."""
        return 0

    async def heads(self, tenants: Any) -> dict[str, int]:
        """All are where they were."""
        return dict.fromkeys(tenants, 1)

    async def definitions(self, tenants: Any) -> list[Definitions]:
        """Nobody is asked for."""
        return []

    async def day_sets(self, wanted: Any) -> Any:
        """Return the sets that were written."""
        return {key: self.sets[key] for key in wanted if key in self.sets}

    async def write_day_sets(self, sets: Any) -> None:
        """Remember them."""
        self.sets |= sets

    def __getattr__(self, name: str) -> Any:
        async def nothing(*_: Any) -> None: ...

        return nothing


async def cost(plan: TenantPlan, log: list[tuple[bytes, bytes]]) -> tuple[float, float, float]:
    """Fold a log; return microseconds of processor time an event, the share in bulk, of letters."""
    memory, partition, older = Memory(2**30), PartitionMemory(), FileOlderIds()
    memory.plans[TENANT] = plan
    memory.partitions[0] = partition
    store: Any = NoStore()
    reader, bulk, letters, took = PlannedReader(), 0, 0, 0.0
    for start in range(0, len(log), SLICE):
        part = log[start : start + SLICE]
        records = Bulk(RAW, start, *(Texts.of([each[n] for each in part]) for n in (0, 1)))
        begun = time.process_time()
        ahead = reader.read(records, memory.plans)
        batch = Slice(RAW, start, start + len(part), records, ahead)
        outbox = Outbox("o", {}, start, start + len(part))
        command = FoldSlice("raw", 0, start, batch.end, SliceRecords(batch, reader, BEGIN_MS))
        route = FoldRoute(outbox, COUNTS)
        effect = await fold_slice(command, store, route, memory, partition, older, BEGIN_MS)
        remember(effect, memory, partition, older)
        if start:  # the first slice learns
            took += time.process_time() - begun
            bulk += len(effect.folded.packed) // ENTRY
            letters += len(effect.folded.letters)
    measured = len(log) - SLICE
    return took / measured * 1e6, bulk / measured, letters / measured


def record(source: str, name: str, door: str, body: Any) -> tuple[bytes, bytes]:
    """Return a record of the raw log."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    event = RawEvent(
        tenant=TENANT,
        source=source,
        id=name,
        door=door,
        received_ms=BEGIN_MS,
        body=msgspec.Raw(raw),
    )
    return key_of(TENANT, source, name).encode(), encode(event)


def site(**changes: Any) -> dict[str, Any]:
    """Return the source of the cases, with changes of its door."""
    fields = {
        "visitor": {"paths": ["visitor"]},
        "article": {"paths": ["article"]},
        "channel": {"paths": ["channel"], "required": True},
        "campaign": {"paths": ["campaign"]},
        "amount": {"paths": ["amount"], "kind": "decimal"},
        "items": {"paths": ["items"], "kind": "integer"},
    }
    door = {"id": ["id"], "type": ["type"], "time": ["time"], "fields": fields}
    door |= {
        name: value for name, value in changes.items() if name in ("time", "time_format", "each")
    }
    fields |= changes.get("fields", {})
    rest = {k: v for k, v in changes.items() if k not in ("time", "time_format", "each", "fields")}
    return {"name": "site", "doors": {"http": door}} | rest


TYPES = ("page.viewed", "page.viewed", "page.viewed", "form.sent")


def events(wrap: Callable[[dict[str, Any]], Any] = lambda body: body) -> Iterator[Any]:
    """Yield the records of the cases: three page views to a form, as in the site's own topic."""
    for n in range(EVENTS):
        body = {
            "id": f"0123456789abcdef-{n}",
            "type": TYPES[n % 4],
            "time": f"2026-11-03T00:{n * 60 // EVENTS:02}:{n % 60:02}Z",
            "visitor": f"v{n * 7919 % 5000}",
            "article": f"a{n % 50}",
            "channel": f"channel-{n % 8}",
            "campaign": f"campaign-{n % 40}",
            "amount": (n % 9999) / 100,
            "items": n % 5,
        }
        yield record("site", body["id"], "http", wrap(body))


DIMS = {"dims": ["channel", "campaign"]}
VIEWS = {"name": "views", "types": ["page.viewed"], **DIMS}
SPEND = {"name": "spend", "types": ["page.viewed"], "value": "amount", **DIMS}
PLAIN = [VIEWS, SPEND]
RATE = {"name": "rate", "kind": "ratio", "types": ["form.sent"], "over": {"types": ["page.viewed"]}}
FORM = {"types": ["form.sent"], "of": "visitor"}
MONEY = {
    "amount": {"paths": ["amount"], "kind": "decimal", "currency": "currency"},
    "currency": {"paths": ["currency"]},
}
WHERE = [{"field": "channel", "op": "eq", "value": "channel-1"}]


def same(body: dict[str, Any]) -> Any:
    """Return the body as it is."""
    return body


def with_money(code: str) -> Callable[[dict[str, Any]], Any]:
    """Return what names a currency in a body."""
    return lambda body: body | {"currency": code}


def with_epoch(per_second: int) -> Callable[[dict[str, Any]], Any]:
    """Return what writes the time of a body as a count."""

    def wrap(body: dict[str, Any]) -> Any:
        at_ms = BEGIN_MS + int(body["id"].rpartition("-")[2]) * 90
        return body | {"time": at_ms * per_second // 1000}

    return wrap


def cases() -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]], Any]]:
    """Yield name, source, metrics, and how a body is wrapped."""
    plain = site()
    yield "plain: a count and a sum", plain, PLAIN, same
    yield "+ filter on a dimension", plain, [*PLAIN, VIEWS | {"name": "m", "where": WHERE}], same
    yield (
        "+ filter on a number",
        plain,
        [*PLAIN, VIEWS | {"name": "m", "where": [{"field": "items", "op": "gt", "value": 2}]}],
        same,
    )
    yield "+ cumulative", plain, [*PLAIN, SPEND | {"name": "m", "kind": "cumulative"}], same
    yield "+ ratio of two types", plain, [*PLAIN, RATE | DIMS], same
    yield (
        "+ ratio of two fields",
        plain,
        [
            *PLAIN,
            SPEND
            | {"name": "m", "kind": "ratio", "over": {"types": ["page.viewed"], "value": "items"}},
        ],
        same,
    )
    unique = {"name": "m", "kind": "unique", "of": "visitor", **DIMS}
    yield "+ unique, frequent type", plain, [*PLAIN, unique | {"types": ["page.viewed"]}], same
    yield "+ unique, rare type", plain, [*PLAIN, unique | {"types": ["form.sent"]}], same
    median = {"name": "m", "kind": "quantile", "quantile": "0.5", "value": "amount"}
    yield "+ quantile, frequent type", plain, [*PLAIN, median | {"types": ["page.viewed"]}], same
    yield "+ quantile, rare type", plain, [*PLAIN, median | {"types": ["form.sent"]}], same
    units = {"name": "m", "kind": "unit-threshold", "threshold": 5, "of": "article"}
    yield "+ unit threshold, rare type", plain, [*PLAIN, units | {"types": ["form.sent"]}], same
    yield (
        "+ conversion, rare type",
        plain,
        [
            *PLAIN,
            {
                "name": "m",
                "kind": "conversion",
                "window_days": 9,
                "over": {"types": ["won"]},
                **FORM,
            },
        ],
        same,
    )
    since = {"fields": {"asked": {"paths": ["time"], "kind": "time"}}}
    elapsed = {"since": "asked", "zone": "UTC"}
    yield (
        "+ working time, rare type",
        site(**since),
        [*PLAIN, {"name": "m", "types": ["form.sent"], "elapsed": elapsed}],
        same,
    )
    yield "a field of time", site(**since), PLAIN, same
    money = [VIEWS, SPEND | {"currency": "EUR"}]
    eur = {"amount": MONEY["amount"] | {"currency": "EUR"}}
    yield "money of one currency", site(fields=eur), money, same
    yield "money, its own currency", site(fields=MONEY), money, with_money("EUR")
    yield "money, another currency", site(fields=MONEY), money, with_money("USD")
    upper = {"currency": {"paths": ["currency"], "format": "upper"}}
    yield "money, currency in capitals", site(fields=MONEY | upper), money, with_money("eur")
    yield "records, rare type", site(records=["form.sent"]), PLAIN, same
    yield "records, frequent type", site(records=["page.viewed"]), PLAIN, same
    entity = {"kind": "entity", "types": ["form.sent"], "key": ["visitor"]}
    yield "entities, rare type", site(contributions=[entity, {"kind": "delta"}]), PLAIN, same
    row = {"kind": "snapshot", "key": ["channel", "campaign", "visitor"]}
    yield "snapshots, all", site(contributions=[row]), PLAIN, same
    yield "restates days", site(restates_days=3), PLAIN, same
    yield "drift: quarantine", site(drift="quarantine"), PLAIN, same
    yield "time: or arrival", site(time=["time", "@received"]), PLAIN, same
    two = {"campaign": {"paths": ["campaign", "utm_campaign"]}}
    yield "a field of two paths, the first", site(fields=two), PLAIN, same
    other = {"campaign": {"paths": ["utm_campaign", "campaign"]}}
    yield "a field of two paths, the second", site(fields=other), PLAIN, same
    none = {"extra": {"paths": ["utm_campaign", "utm_term"]}}
    yield "a field of two paths, neither", site(fields=none), PLAIN, same
    default = {"campaign": {"paths": ["campaign", "=none"]}}
    yield "a field with a default", site(fields=default), PLAIN, same
    cents = {"amount": {"paths": ["amount"], "kind": "decimal", "scale": "0.01"}}
    yield "an amount that is scaled", site(fields=cents), PLAIN, same
    named = {"channel": {"paths": ["channel"], "values": {"channel-1": "web"}}}
    yield "a field whose values are translated", site(fields=named), PLAIN, same
    yield "time as epoch_s", site(time_format="epoch_s"), PLAIN, with_epoch(1)
    yield "time as epoch_ms", site(time_format="epoch_ms"), PLAIN, with_epoch(1000)
    day = site(time_format="date")
    yield "time as date", day, PLAIN, lambda body: body | {"time": body["time"][:10]}
    inside = {"id": ["item.id"], "type": ["item.type"], "time": ["item.time"], "each": "batch[]"}
    inside["fields"] = {
        name: each | {"paths": ["item." + path for path in each["paths"]]}
        for name, each in plain["doors"]["http"]["fields"].items()
    }
    yield (
        "items of a list (each)",
        plain | {"doors": {"http": inside}},
        PLAIN,
        lambda body: {"item": body, "root": {}, "query": {}},
    )


def declared(source: Any, metrics: Any) -> TenantPlan:
    """Return the plan of a case; a dollar is 0.9 of every other currency."""
    whole = [
        msgspec.convert(each | {"source": "site", "version": 1}, Metric, strict=False)
        for each in metrics
    ]
    found = msgspec.convert(source | {"version": 1}, Source, strict=False)
    return TenantPlan.of(Definitions(TENANT, 1, (found,), tuple(whole), RATES))


def samples_of(name: str, source: Source, metrics: Any) -> list[tuple[bytes, bytes]]:
    """Return a connector's samples as many records, each under an id of its own."""
    expected = yaml.safe_load(Path("tests/connectors/expected.yaml").read_text("utf-8"))
    bodies = []
    for sample, wanted in expected.items():
        file = FOLDER / f"{sample}.json"
        if wanted["connector"] != name or not file.exists():
            continue
        door = wanted["door"]
        door = door if door in source.doors else next(d for d in source.doors if d.startswith(door))
        read = msgspec.json.decode(file.read_bytes())
        many = read if isinstance(read, list) and door.startswith("topic") else [read]
        for body in many:
            items = items_of(source.doors[door], msgspec.json.encode(body), wanted.get("query"))
            bodies += [(door, item) for item in items if isinstance(item, bytes)]
    return (
        [
            record(source.name, f"a-long-enough-id-{n}", *bodies[n % len(bodies)])
            for n in range(EVENTS)
        ]
        if bodies
        else []
    )


def main() -> None:
    """Print the table."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    print("| case | in bulk | us an event |\n|---|---|---|")
    for name, source, metrics, wrap in cases():
        if word in name:
            show(name, declared(source, metrics), list(events(wrap)))
    for name, each in connectors().items():
        if word in f"conn {name}":
            log = samples_of(name, each.source, each.metrics)
            plan = TenantPlan.of(Definitions(TENANT, 1, each.sources, each.metrics, RATES))
            if log:
                show(f"conn {name}", plan, log)
            else:
                print(f"| conn {name} | no sample | |")


def show(name: str, plan: TenantPlan, log: list[tuple[bytes, bytes]]) -> None:
    """Print one line."""
    took, bulk, letters = min(asyncio.run(cost(plan, log)) for _ in range(2))
    dead = f", {letters:.0%} letters" if letters else ""
    print(f"| {name} | {bulk:.0%}{dead} | {took:.2f} |", flush=True)


if __name__ == "__main__":
    main()
