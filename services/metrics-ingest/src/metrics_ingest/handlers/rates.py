"""Rates of exchange are loaded: what is new is added, what differs revises, the old stays known."""

from collections import defaultdict
from dataclasses import dataclass

import msgspec

from metrics_ingest.domain.commands import LoadRates
from metrics_ingest.domain.money.rates import Rate, check_rates
from metrics_ingest.ports.definitions import RateStore

_Year = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the rates; ``version`` is that of the load, None when nothing changed."""

    version: int | None
    added: int
    revised: int
    unchanged: int


async def load_rates(command: LoadRates, store: RateStore, now_ms: int) -> Loaded:
    """Write rates and move the tenant's head; the same rates again change nothing.

    What has been folded stays as it was folded: see docs/money.md. Raises UserError.
    """
    check_rates(command.rates, command.places)
    wanted: dict[_Year, dict[Rate, None]] = defaultdict(dict)
    for rate in command.rates:
        wanted[rate.base, rate.quote, rate.date.year][rate] = None
    changes: dict[_Year, tuple[list[Rate], list[Rate]]] = {}
    added = revised = 0
    for key, rates in sorted(wanted.items()):
        there = await store.year(command.tenant, *key)
        newest = {rate.day: rate for rate in sorted(there, key=lambda rate: rate.version)}
        fresh = {r.day: r for r in rates if r.day not in newest or not newest[r.day].says_as(r)}
        revised += len(fresh.keys() & newest.keys())
        added += len(fresh.keys() - newest.keys())
        if fresh:
            changes[key] = there, list(fresh.values())
    unchanged = len({rate.day for rate in command.rates}) - added - revised
    if not changes:
        return Loaded(None, 0, 0, unchanged)
    version = await store.move_head(command.tenant)
    for key, (there, new) in changes.items():
        stamped = [msgspec.structs.replace(r, version=version, at_ms=now_ms) for r in new]
        await store.write_year(command.tenant, *key, there + stamped)
    pairs = ", ".join(sorted({f"{base}/{quote}" for base, quote, _ in changes}))
    detail = {"version": version, "added": added, "revised": revised}
    await store.note(command.tenant, command.actor, "rates.loaded", pairs, detail)
    return Loaded(version, added, revised, unchanged)
