"""Faust as a peer: a stock agent with a table, on a short topic of the same events."""

import sys
from typing import Any

import msgspec

from paceline.fold.feed import Filled
from paceline.fold.job import Truth, differences
from paceline.fold.outcome import Outcome
from paceline.fold.peers import PEERS, run
from paceline.fold.place import Place
from paceline.fold.streams import place_of

FAUST = "Faust table"


def faust(place: Place, filled: Filled, number: int) -> Outcome:
    """Run the job on Faust; the table that it has in the end is compared."""
    outcome = Outcome(FAUST, filled.truth.records)
    script = PEERS / "faust_table.py"
    if not script.exists():
        outcome.skipped = f"there is no {script}: it is run from the repository"
        return outcome
    job, truth = filled.job, filled.truth
    given = [place.access.bootstrap, filled.name, str(job.partitions), str(truth.records)]
    folder = place.folder / f"faust-{number}"
    run([sys.executable, str(script), *given, str(folder)])
    found: dict[str, Any] = msgspec.json.decode((folder / "result.json").read_bytes())
    outcome.seconds = found["seconds"]
    sums = Truth.empty(job)
    for group, (cents, count) in found["table"].items():
        sums.add(place_of(job, group), cents, count)
    outcome.wrong = differences(job, truth, sums)
    for name, wanted in (("duplicates", truth.duplicates), ("malformed", truth.malformed)):
        if found[name] != wanted:
            outcome.wrong.append(f"{found[name]} {name}, {wanted} are right")
    return outcome
