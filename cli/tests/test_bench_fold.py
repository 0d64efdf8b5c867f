"""The fold benchmark: that it counts right and sees what is wrong; how fast it is, no test asks."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from event_contracts.raw import RawEvent
from event_contracts.wire import decoder_of, encode, key_of
from paceline.fold.feed import Filled, make, note
from paceline.fold.job import Job, Truth, differences
from paceline.fold.outcome import Outcome
from paceline.fold.rounds import Measured, Round, Variant, wrong

JOB = Job(events=5000, group_size=1.2, types=4, campaigns=6, tenants=3, malformed=0.01)
NOW_MS = 1_767_225_600_000


def truth_of(job: Job) -> Truth:
    truth = Truth.empty(job)
    for made in make(job, NOW_MS):
        note(truth, made)
    return truth


def test_the_same_seed_makes_the_same_events() -> None:
    assert list(make(JOB, NOW_MS)) == list(make(JOB, NOW_MS))


def test_records_stand_in_the_log_as_a_door_writes_them() -> None:
    read = decoder_of(RawEvent)
    for made in make(Job(events=200, malformed=0.0), NOW_MS):
        event: RawEvent = read(made.value)
        assert encode(event) == made.value
        assert made.key == key_of(event.tenant, event.source, event.id).encode()


def test_a_re_sent_event_is_the_same_record_once_more_in_the_same_partition() -> None:
    seen = {}
    for made in make(JOB, NOW_MS):
        if made.resent:
            assert seen[made.key] == (made.partition, made.value)
        seen[made.key] = (made.partition, made.value)


def test_the_truth_knows_every_record() -> None:
    truth = truth_of(JOB)
    assert truth.records == sum(truth.by_partition.values()) == JOB.events
    assert truth.counted + truth.duplicates + truth.malformed == JOB.events
    assert 20 < truth.malformed < 80
    assert 20 < truth.duplicates < 80


def test_groups_have_names_and_places() -> None:
    for place in range(JOB.groups):
        assert JOB.index_of(*JOB.names(place)) == place
    with pytest.raises(ValueError, match="no such group"):
        JOB.index_of("t0", "type-00", "c06", JOB.names(0)[3])


@pytest.mark.parametrize(
    ("size", "least", "most"), [(1.2, 1.1, 1.3), (14, 13, 15), (140, 130, 150)]
)
def test_groups_are_about_as_large_as_asked(size: float, least: float, most: float) -> None:
    job = Job(events=2_000_000, group_size=size)
    assert least < job.events / job.groups < most


def test_a_cent_or_an_event_too_much_is_a_difference() -> None:
    truth = truth_of(JOB)
    assert differences(JOB, truth, truth.copy()) == []
    cent, event = truth.copy(), truth.copy()
    cent.add(7, 1, 0)
    event.add(7, 0, 1)
    assert len(differences(JOB, truth, cent)) == 1
    assert "events of" in differences(JOB, truth, event)[0]
    assert differences(JOB, truth, Truth.empty(JOB))[-1].startswith("and ")


def test_a_window_that_knows_the_samples_drops_them() -> None:
    truth = truth_of(JOB)
    [first, *_] = [made for made in make(JOB, NOW_MS) if made.group is not None]
    without = Filled(JOB, "", "", truth, [first]).without_samples()
    assert without.counted == truth.counted - 1
    assert without.duplicates == truth.duplicates + 1
    assert sum(truth.sums) - sum(without.sums) == first.cents


def measured(java: float, bare: float, wrong: list[str]) -> Measured:
    runs = [
        Outcome("Java fetch", 1000, 1000 / java),
        Outcome("aiokafka fetch", 1000, 1000 / bare),
        Outcome("paceline, one", 1000, 1.0, wrong=wrong),
    ]
    return Measured(Variant("the job", JOB, 0, 1, ()), 250.0, [Round(0, runs)])


def test_a_round_is_void_when_the_two_fetches_are_too_near_or_too_far_apart() -> None:
    assert not measured(3.0, 1.0, []).rounds[0].void
    assert measured(2.0, 1.0, []).rounds[0].void
    assert measured(4.0, 1.0, []).rounds[0].void


def test_a_run_that_is_not_the_truth_has_no_rate() -> None:
    found = measured(3.0, 1.0, ["a cent too much"])
    assert [each.peer for each in wrong([found])] == ["paceline, one"]
    assert found.rounds[0].rate("paceline, one") is None


def test_the_command_starts_without_the_services_code() -> None:
    code = "import sys, paceline.main; sys.exit('metrics_ingest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def bench(result: Path, *more: str) -> "tuple[int, dict[str, Any], str]":
    options = ("--events", "4000", "--rounds", "1", "--window", "2000", "--json", str(result))
    done = subprocess.run(
        [sys.executable, "-m", "paceline", "bench", "fold", *options, *more],
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, msgspec.json.decode(result.read_bytes()), done.stdout + done.stderr


def test_a_short_run_is_the_truth_and_says_what_it_measured(tmp_path: Path) -> None:
    code, found, said = bench(tmp_path / "fold.json", "--peers", "aiokafka,one,two")
    assert code == 0, said
    [variant] = found["variants"]
    assert variant["events"] == 4000
    assert list(variant["peers"]) == [
        "aiokafka fetch",
        "paceline, one",
        "paceline, two",
    ]
    for peer in variant["peers"].values():
        speed = peer["events_per_second"]
        assert 0 < speed["min"] <= speed["median"] <= speed["max"]
        assert peer["ratios"]["to_aiokafka"] > 0
    runs = variant["rounds"][0]["runs"]
    assert all(run["wrong"] == [] for run in runs)
    assert runs[1]["more"]["ids_before"] >= 2000
    assert found["versions"]["kafka"] == "4.1.1"


def test_a_spoiled_truth_voids_the_run_and_fails_the_command(tmp_path: Path) -> None:
    code, found, said = bench(tmp_path / "fold.json", "--peers", "one", "--spoil")
    assert code == 1
    assert "VOID" in said
    [variant] = found["variants"]
    assert variant["peers"]["paceline, one"]["events_per_second"] == {}
