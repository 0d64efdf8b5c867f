"""The real shop through every door: the published lights and totals, to the digit.

A window of 52 days; the whole year where PACELINE_WHOLE_YEAR is set, as ``make drill`` does.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
import pytest_asyncio

from paceline.trial import retail
from paceline.trial.check import check_shop
from paceline.trial.replay import Replay
from paceline.trial.system import System
from paceline.trial.variants import VARIANTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Shut over Christmas, the giant order and its cancellation on 18 January.
WINDOW = date(2011, 1, 21)
LAST = retail.END if os.environ.get("PACELINE_WHOLE_YEAR") else WINDOW


@dataclass
class Window:
    replay: Replay
    path: Path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def window(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Window]:
    path = shared_data / "retail"
    days = retail.by_day(path, retail.START, LAST)
    port = int(os.environ.get("PACELINE_RETAIL_PORT", "8640"))
    fast = {"PACELINE_WATERMARK_SECONDS": "0.1"}
    opening = retail.local(retail.START, 6)
    with System(tmp_path_factory.mktemp("retail"), port, opening, fast) as system:
        replay = Replay(system, VARIANTS, days)
        await replay.open()
        await replay.run()
        yield Window(replay, path)
        await replay.close()


@pytest.mark.parametrize("variant", [v.name for v in VARIANTS])
async def test_the_shop_ends_with_its_published_lights_and_totals(
    window: Window, variant: str
) -> None:
    (shop,) = (s for s in window.replay.shops if s.variant.name == variant)

    differences = await check_shop(shop, window.replay.days, retail.expected_lights(window.path))

    assert differences == []


async def test_the_window_holds_every_colour(window: Window) -> None:
    lights = retail.expected_lights(window.path)
    colours = Counter(
        light for days in lights.values() for day, light in days.items() if day <= LAST
    )
    assert min(colours[c] for c in ("green", "yellow", "red")) > 0
