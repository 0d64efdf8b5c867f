"""What the operator sees of the fold."""

from typing import Any

from service_kit.marks import Mark
from service_kit.metrics import REGISTRY
from service_kit.records import Partition


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"paceline_ingest_{name}", labels) or 0.0


async def test_a_dead_letter_is_told_by_its_source_only_if_that_is_declared(
    stage: Any, make: Any
) -> None:
    bad = {"source": "shop", "cause": "missing-field"}
    stray = {"source": "-", "cause": "unknown-source"}
    before = value("dead_letters_total", **bad), value("dead_letters_total", **stray)
    await stage.declare()
    order = make.cloud(make.order("a", 1))
    del order["data"]
    await stage.send(order)
    event = make.cloud(make.order("b", 1))
    await stage.append(make.raw_event(event, id="b", source="whatever-a-sender-likes"))
    await stage.pump()
    after = value("dead_letters_total", **bad), value("dead_letters_total", **stray)
    assert after == (before[0] + 1, before[1] + 1)


async def test_a_watermark_is_shown_while_the_partition_is_held(stage: Any) -> None:
    partition = Partition("raw", 0)
    stage.handler.memory.partitions[0].completeness.probe(Mark(stage.clock.now_ms()), 0)
    await stage.applier.tick()
    assert value("watermark_seconds", partition="0") == stage.clock.now_ms() / 1000
    await stage.applier.drop([partition])
    assert value("watermark_seconds", partition="0") == 0
