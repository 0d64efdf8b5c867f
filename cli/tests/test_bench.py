"""The latency benchmark: that it counts right. How fast it is, no test asks."""

import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from paceline.bench import median_of, summary
from paceline.bench_load import BITS, PROBE, Events, Probe, Shape, first_of_days, goals, seen
from paceline.demo.place import free_base_port

TODAY = date(2026, 5, 4)
SHAPE = Shape(
    rate=500, seconds=20, goals=100, types=20, campaigns=40, tenants=3, probes=4, warm_up=3
)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 201)]
    assert summary(values) == {"count": 200, "p50": 100.0, "p99": 198.0, "max": 200.0}
    assert summary([7.0]) == {"count": 1, "p50": 7.0, "p99": 7.0, "max": 7.0}
    assert summary([]) == {"count": 0, "p50": None, "p99": None, "max": None}


@pytest.mark.parametrize(
    ("p50s", "told"), [([5.0], 5.0), ([9.0, 1.0, 4.0], 4.0), ([8.0, 2.0], 2.0)]
)
def test_of_several_runs_the_median_is_told_beside_all_of_them(
    p50s: list[float], told: float
) -> None:
    runs = [{"latency_ms": {"p50": p50, "p99": 10.0, "max": 11.0}} for p50 in p50s]
    found = median_of(runs)
    assert found["latency_ms"]["p50"] == told
    assert found["runs"] == [{"p50": p50, "p99": 10.0} for p50 in p50s]


def test_a_shape_tells_its_cells_requests_and_batches() -> None:
    assert SHAPE.cells == 20 * 40 * 3
    assert SHAPE.batch == 10
    assert SHAPE.slots == 23 * 500 / 10


def test_every_tenant_has_a_probe_and_the_goals_add_up() -> None:
    documents = [goals(SHAPE, tenant, TODAY, 30) for tenant in range(3)]
    assert sum(map(len, documents)) == 100
    probes = [[g["id"] for g in found if g["id"].startswith(PROBE)] for found in documents]
    assert probes == [["probe-0", "probe-3"], ["probe-1"], ["probe-2"]]
    assert len({goal["id"] for found in documents for goal in found}) == 100


def test_events_touch_every_cell_by_turns_with_ids_of_their_own() -> None:
    events = Events(SHAPE)
    batch = events.batch(0, 300) + events.batch(0, 500)
    cells = Counter((event["type"], event["data"]["campaign"]) for event in batch)
    assert len(cells) == 800
    assert set(cells.values()) == {1}
    assert len({event["id"] for event in batch}) == 800


def test_every_day_of_the_probes_has_begun_for_every_type_outside_of_their_cells() -> None:
    events = first_of_days(SHAPE, TODAY, 5)
    probes = [Probe(1, number) for number in range(5 * BITS)]
    days = {probe.event(SHAPE, TODAY)["time"] for probe in probes}
    assert {(event["time"], event["type"]) for event in events} == {
        (day, f"type-{kind:02}") for day in days for kind in range(SHAPE.types)
    }
    assert PROBE not in {event["data"]["campaign"] for event in events}
    assert len({event["id"] for event in events}) == len(events) == 5 * SHAPE.types


def item(probes: list[Probe]) -> dict[str, object]:
    """Return a day of progress that holds the probes."""
    day, _ = probes[0].place(TODAY)
    events = [probe.event(SHAPE, TODAY) for probe in probes]
    assert {event["time"][:10] for event in events} == {day.isoformat()}
    value = sum(event["data"]["amount"] for event in events)
    return {"day": day.isoformat(), "value": str(value), "count": len(probes)}


def test_probes_are_told_apart_whatever_their_order() -> None:
    first_day = [Probe(1, number) for number in (0, 7, BITS - 1)]
    second_day = [Probe(1, number) for number in (BITS, BITS + 3)]
    assert list(seen(1, [item(first_day), item(second_day)], TODAY)) == first_day + second_day


def test_a_probe_that_was_counted_twice_is_noticed() -> None:
    twice = item([Probe(0, 3)]) | {"value": "16", "count": 2}  # 8 + 8
    with pytest.raises(ValueError, match="counted twice"):
        list(seen(0, [twice], TODAY))


def test_a_day_of_probes_stays_within_eighteen_digits() -> None:
    assert Decimal(2**BITS) < Decimal(10) ** 18


def test_a_tiny_run_counts_exactly_and_says_what_it_measured(tmp_path: Path) -> None:
    result = tmp_path / "latency.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "paceline", "bench", "latency", "--json", str(result)),
            *("--rate", "50", "--seconds", "1", "--warm-up", "0.2", "--goals", "4"),
            *("--types", "2", "--campaigns", "3", "--tenants", "2"),
            *("--base-port", str(free_base_port(24_000))),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = msgspec.json.decode(result.read_bytes())
    # 1.2 seconds at 50 events a second, one a request; those after the warm-up are probes.
    assert found["events"] == {"sent": 60, "folded": 60, "per_request": 1}
    assert found["latency_ms"]["count"] == found["accept_ms"]["count"] == 50
    assert found["floor_ms"]["count"] == 50
    assert (found["goals"], found["cells"], found["tenants"]) == (4, 12, 2)
    for values in (found["latency_ms"], found["accept_ms"], found["floor_ms"]):
        assert 0 <= values["p50"] <= values["p99"] <= values["max"]
    assert found["rate"]["asked"] == 50
    assert 0 < found["rate"]["reached"] <= 60
    assert datetime.fromisoformat(found["at"]).tzinfo == UTC
    assert "times the floor" in done.stdout
