"""Thousands of seeds: whatever is disturbed wherever, the totals and deeds are right in the end."""

import logging
import multiprocessing
import os
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

from service_kit.errors import Gap
from service_kit.guards import Guards
from service_kit.records import Partition
from service_kit.testing.sim import NO_FAULTS, Apart, failing, first_failing, run_seed

SEEDS = int(os.environ.get("PACELINE_SIM_SEEDS", "2000"))
APART_SEEDS = SEEDS // 4
CHUNK = 50
FRESH = (
    "import sys; from service_kit.testing.sim import run_seed; sys.stdout.write(str(run_seed(5)))"
)


def test_without_faults_everything_is_right() -> None:
    for seed in range(5):
        assert run_seed(seed, faults=NO_FAULTS).violations == ()


def test_nothing_is_lost_doubled_or_judged_wrongly_under_any_seed() -> None:
    chunks = [range(at, min(at + CHUNK, SEEDS)) for at in range(0, SEEDS, CHUNK)]
    with ProcessPoolExecutor(
        mp_context=multiprocessing.get_context("spawn"),
        initializer=logging.disable,
        initargs=(logging.CRITICAL,),
    ) as pool:
        bad = [seed for found in pool.map(failing, chunks) for seed in found]
    assert not bad, f"{len(bad)} of {SEEDS} seeds fail: {bad[:50]}; the first:\n{run_seed(bad[0])}"


def test_a_goal_whose_topic_stands_still_is_held_and_comes_out_right_under_any_seed() -> None:
    chunks = [range(at, min(at + CHUNK, APART_SEEDS)) for at in range(0, APART_SEEDS, CHUNK)]
    with ProcessPoolExecutor(
        mp_context=multiprocessing.get_context("spawn"),
        initializer=logging.disable,
        initargs=(logging.CRITICAL,),
    ) as pool:
        found = pool.map(partial(failing, apart=Apart.HELD), chunks)
        bad = [seed for seeds in found for seed in seeds]
    assert not bad, f"{len(bad)} of {APART_SEEDS}: {bad[:50]}\n{run_seed(bad[0], apart=Apart.HELD)}"


def test_without_holding_it_the_harness_sees_a_watermark_that_lies() -> None:
    wrong = [run_seed(seed, apart=Apart.FORGOTTEN).violations for seed in range(20)]
    assert any("watermark" in text for texts in wrong for text in texts)


@pytest.mark.parametrize(
    ("guard", "within"), [("cas", 60), ("lane", 60), ("head", 200), ("exit", 20)]
)
def test_without_a_guard_the_harness_sees_the_damage(guard: str, within: int) -> None:
    found = first_failing(range(within), Guards(**{guard: False}))
    assert found is not None, f"{within} seeds without {guard}, and nothing is wrong"
    assert run_seed(found.seed).violations == ()


def test_a_seed_repeats_in_another_process() -> None:
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    again = subprocess.run(
        [sys.executable, "-c", FRESH], env=environment, capture_output=True, text=True, check=True
    )
    assert again.stdout == str(run_seed(5))


def test_a_hole_halts_its_partition_and_no_other() -> None:
    result = run_seed(3, faults=NO_FAULTS, holes=[(Partition("facts", 0), 2)])
    halted = [text for text in result.violations if "is halted" in text]
    assert len(halted) == 1
    assert halted[0].startswith(f"b|facts|0 is halted: {{'reason': '{Gap.reason}'")
    wrong = {text.split()[0] for text in result.violations if "produced were" in text}
    assert wrong == {"g0", "g2"}  # the goals of facts/0


def test_every_kind_of_fault_happens() -> None:
    seen: Counter[str] = Counter()
    for seed in range(60):
        result = run_seed(seed)
        lines = [re.sub(r"[^A-Za-z ].*", "", what) for _, _, what in result.trace]
        seen += Counter(lines)
        sent = Counter(what for _, _, what in result.trace if what.startswith("send:"))
        seen["sent again"] += sum(times > 1 for times in sent.values())
        life = [who for _, who, what in result.trace if what == "WAKES"]
        seen["goes on after waking"] += len(life)
    for kind in (
        "DIES crash",
        "FREEZES for ",
        "WAKES",
        "LOST",
        "REBALANCE",
        "sent again",
        "goes on after waking",
    ):
        assert seen[kind] >= 10, f"{kind}: {seen[kind]}"
