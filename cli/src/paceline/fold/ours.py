"""Our own run: the service's real process on a log that is full already, until it has caught up."""

import asyncio
import re
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from paceline.fold.check import check, positions
from paceline.fold.feed import Filled
from paceline.fold.outcome import Outcome
from paceline.fold.place import Place, environment_of
from service_kit.embedded import free_port
from service_kit.embedded.process import Child
from service_kit.settings import Settings
from service_kit.store import Store

GROUP = "metrics-ingest"
OURS = {1: "paceline, one", 2: "paceline, two"}  # processes
LOOK_SECONDS = 0.02
STALLED_SECONDS = 120.0
TAKES = re.compile(rf"^(\S+ \S+),(\d+) .* {GROUP} takes raw/", re.MULTILINE)
MEBIBYTE = 2**20


@dataclass(slots=True)
class Watched:
    """What was seen of the processes while they ran."""

    began: float = 0.0  # epoch seconds of the first fetch
    ended: float = 0.0
    loading: float = 0.0  # seconds from the start of the processes to the first fetch
    peak: int = 0  # bytes of resident memory, of the largest process
    cpu: dict[str, float] = field(default_factory=dict)
    memory: list[tuple[float, int]] = field(default_factory=list)

    def sizes(self) -> list[tuple[float, int]]:
        """Return resident memory in MiB at seconds after the first fetch."""
        return [(round(at - self.began, 1), size // MEBIBYTE) for at, size in self.memory]


async def run(
    place: Place, filled: Filled, name: str, processes: int, ids: int, *, known: bool = True
) -> Outcome:
    """Fold the topic with ``processes`` workers, ``ids`` in the window; checked.

    ``known``: the window has also seen one event in a thousand of the job.
    """
    # The service's own code, which the image of `paceline prepare` does not have.
    from paceline.fold.declare import declare
    from paceline.fold.window import preload

    job = filled.job
    place.renew_documents()
    settings = place.settings(filled.prefix, f"{name}_", job.partitions)
    outcome = Outcome(OURS[processes], filled.truth.records)
    samples = filled.samples if known else []
    truth = filled.without_samples() if known else filled.truth
    store = Store.connect(settings.mongodb, settings.database)
    try:
        await asyncio.to_thread(place.make_topics, settings)
        await declare(store, job)
        await preload(store, job.partitions, ids, samples)
        watched = await _work(place, store, settings, filled, processes)
        outcome.seconds = watched.ended - watched.began
        outcome.cpu = watched.cpu
        outcome.wrong, counted = await check(store, job, truth)
        outcome.more = counted | {
            "ids_before": ids + len(samples),
            "start_seconds": round(watched.loading, 2),
            "peak_mib": watched.peak // MEBIBYTE,
            "mib_over_time": watched.sizes(),
        }
    finally:
        await store.close()
    return outcome


async def _work(
    place: Place, store: Store, settings: Settings, filled: Filled, processes: int
) -> Watched:
    """Start the workers, wait until they have caught up, end them."""
    folder = place.folder / settings.database
    started = time.time()
    children = [_start(settings, folder, number) for number in range(processes)]
    try:
        watched = await _watch(place, store, filled, children)
        watched.loading = watched.began - started
        return watched
    finally:
        for child in children:
            child.stop(10)


def _start(settings: Settings, folder: Path, number: int) -> Child:
    instance = f"{GROUP}-{number}"
    environment = environment_of(settings, instance, free_port())
    return Child(instance, [sys.executable, "-m", "metrics_ingest"], folder, environment)


async def _watch(place: Place, store: Store, filled: Filled, children: list[Child]) -> Watched:
    ends = filled.truth.by_partition
    watched = Watched()
    meters = _meters(place, children)
    seen, moved, last = [(time.time(), _cpu(meters))], time.monotonic(), -1
    while True:
        stands = await positions(store, filled.job.partitions, GROUP)
        now, total = time.time(), sum(stands.values())
        if total != last:
            moved, last = time.monotonic(), total
        if not total:
            seen.append((now, _cpu(meters)))
        elif not watched.began:
            watched.began = _first_fetch(children)
        if stands == ends:
            watched.ended = now
            break
        _look(watched, meters, children, now)
        if time.monotonic() - moved > STALLED_SECONDS or not all(c.alive for c in children):
            raise RuntimeError(f"stands still at {stands} of {ends}:\n{_tail(children)}")
        await asyncio.sleep(LOOK_SECONDS)
    # The processor time of starting and of loading the window is not the job's.
    before = [cpu for at, cpu in seen if at <= watched.began][-1]
    after = _cpu(meters)
    watched.cpu = {name: round(after[name] - before[name], 2) for name in after}
    return watched


def _first_fetch(children: list[Child]) -> float:
    """Return when the first worker took partitions: from then on it fetches.

    Its log says so, in local time.
    """
    found = [_when(*match) for child in children for match in TAKES.findall(child.log.read_text())]
    if not found:
        raise RuntimeError("no worker says in its log that it took partitions of raw")
    return min(found)


def _when(second: str, millisecond: str) -> float:
    return datetime.fromisoformat(second).timestamp() + int(millisecond) / 1000


def _meters(place: Place, children: list[Child]) -> dict[str, psutil.Process]:
    pids = {child.name: child.pid for child in children} | place.pids
    return {name: psutil.Process(pid) for name, pid in pids.items()}


def _cpu(meters: dict[str, psutil.Process]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, process in meters.items():
        times: Any = process.cpu_times()
        found[name] = times.user + times.system
    return found


def _look(
    watched: Watched, meters: dict[str, psutil.Process], children: list[Child], now: float
) -> None:
    size = max(meters[child.name].memory_info().rss for child in children)
    watched.peak = max(watched.peak, size)
    if not watched.memory or now - watched.memory[-1][0] >= 1:
        watched.memory.append((now, size))


def _tail(children: list[Child]) -> str:
    return "\n".join(child.log.read_text(errors="replace")[-2000:] for child in children)
