"""How complete a metric is: what a door remembers is never ahead of what is committed."""

from typing import Any

from goal_service.adapters.held import Held
from goal_service.adapters.watermarks import feeding_origins, stored_mark
from goal_service.stream import GROUP
from service_kit.marks import UNKNOWN, Mark
from service_kit.records import Partition

FACTS = Partition("facts", 2)


async def test_a_held_partition_is_as_complete_as_the_store_says_and_nobody_is_asked(
    stage: Any,
) -> None:
    held: Held = stage.held
    origins = feeding_origins(4)
    here, elsewhere = FACTS, Partition("facts", 9)

    async def both() -> tuple[Mark, Mark]:
        stored = await stored_mark(stage.store, GROUP, here, origins)
        stage.calls.clear()
        here_held = await held.mark(stage.store, GROUP, here, origins)
        assert not stage.calls
        return here_held, stored

    assert await both() == (UNKNOWN, UNKNOWN)
    names = [f"{topic}/{number}" for topic in ("raw", "subjects") for number in range(4)]
    for name in names[:-1]:
        await stage.feed(stage.watermark(name, 1000))
        assert await both() == (UNKNOWN, UNKNOWN)  # one origin was never heard of
    await stage.feed(stage.watermark(names[-1], 900))
    assert await both() == (Mark(900), Mark(900))
    assert await held.mark(stage.store, GROUP, elsewhere, origins) == UNKNOWN
    assert stage.calls  # not held here: the store was asked
    await stage.applier.drop([here])
    stage.calls.clear()
    assert await held.mark(stage.store, GROUP, here, origins) == Mark(900)
    assert stage.calls
