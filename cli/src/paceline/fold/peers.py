"""The peers that only fetch: what the broker and a bare client manage on the same topic."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from paceline.fold.feed import Filled
from paceline.fold.outcome import Outcome
from paceline.fold.place import Place
from service_kit.embedded.jars import jars
from service_kit.embedded.java import java

PEERS = Path(__file__).resolve().parents[4] / "benchmarks" / "peers"
JAVA_FETCH = "Java fetch"
AIOKAFKA = "aiokafka fetch"
UNCHECKED = "aiokafka unchecked"
PATIENCE_SECONDS = 300
QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"


def aiokafka_fetch(place: Place, filled: Filled, *, checked: bool = True) -> Outcome:
    """Fetch by bare aiokafka; right when every partition was read to its end, each record once."""
    outcome = Outcome(AIOKAFKA if checked else UNCHECKED, filled.truth.records)
    script = PEERS / "aiokafka_fetch.py"
    if not script.exists():
        outcome.skipped = f"there is no {script}: it is run from the repository"
        return outcome
    numbers = [str(filled.job.partitions), str(filled.truth.records)]
    more = [] if checked else ["unchecked"]
    command = [str(script), place.access.bootstrap, filled.name, *numbers, *more]
    answer = run([sys.executable, *command])
    found: dict[str, Any] = msgspec.json.decode(answer)
    outcome.seconds = found["seconds"]
    ends = {int(number): end for number, end in found["ends"].items()}
    if (found["records"], ends) != (filled.truth.records, filled.truth.by_partition):
        outcome.wrong = [f"{found['records']} records, up to {ends}"]
    return outcome


def java_fetch(place: Place, filled: Filled) -> Outcome:
    """Fetch by kafka-consumer-perf-test; its own time of fetching, without that of joining."""
    outcome = Outcome(JAVA_FETCH, filled.truth.records)
    tool = ["-cp", f"{jars()}/*", QUIET, "org.apache.kafka.tools.ConsumerPerformance"]
    options = {
        "--bootstrap-server": place.access.bootstrap,
        "--topic": filled.name,
        "--messages": str(filled.truth.records),
        "--timeout": "20000",
    }
    arguments = [text for pair in options.items() for text in pair]
    lines = run([java(), *tool, *arguments]).decode().strip().splitlines()
    found = dict(zip(*([text.strip() for text in line.split(",")] for line in lines), strict=True))
    outcome.seconds = int(found["fetch.time.ms"]) / 1000
    if int(found["data.consumed.in.nMsg"]) != filled.truth.records:
        outcome.wrong = [f"{found['data.consumed.in.nMsg']} records of {filled.truth.records}"]
    return outcome


def run(command: list[str]) -> bytes:
    """Run a peer and return what it printed; raises RuntimeError with what it said on errors."""
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS)
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")[-2000:]
        raise RuntimeError(f"{command[:2]} ended with {done.returncode}:\n{said}")
    return done.stdout
