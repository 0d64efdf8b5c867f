"""The real shop through every door: the published lights and totals, to the digit.

A window of 52 days; the whole year where PACELINE_WHOLE_YEAR is set, as ``make drill-long`` does.
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


# The late shop waits for its lights every day, and what runs beside it would have to wait, too.
DAY_BY_DAY = tuple(v for v in VARIANTS if v.late)
AT_ONCE = tuple(v for v in VARIANTS if not v.late)


@dataclass
class Window:
    replay: Replay
    path: Path

    async def differences(self, variant: str) -> list[str]:
        (shop,) = (s for s in self.replay.shops if s.variant.name == variant)
        return await check_shop(shop, self.replay.days, retail.expected_lights(self.path))


@pytest_asyncio.fixture(scope="class", loop_scope="module")
async def window(
    request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Window]:
    path = shared_data / "retail"
    days = retail.by_day(path, retail.START, LAST)
    port = int(os.environ.get("PACELINE_RETAIL_PORT", "8640"))
    # A year sent in a minute waits longer than a live system should before it says "incomplete".
    settings = {"PACELINE_WATERMARK_SECONDS": "0.1", "PACELINE_PATIENCE_SECONDS": "3600"}
    opening = retail.local(retail.START, 6)
    with System(tmp_path_factory.mktemp("retail"), port, opening, settings) as system:
        replay = Replay(system, request.cls.variants, days)
        await replay.open()
        await replay.run()
        yield Window(replay, path)
        await replay.close()


class TestAtOnce:
    variants = AT_ONCE

    @pytest.mark.parametrize("variant", [v.name for v in AT_ONCE])
    async def test_ends_with_the_published_lights_and_totals(
        self, window: Window, variant: str
    ) -> None:
        assert await window.differences(variant) == []


class TestDayByDay:
    variants = DAY_BY_DAY

    @pytest.mark.parametrize("variant", [v.name for v in DAY_BY_DAY])
    async def test_ends_with_the_published_lights_and_totals(
        self, window: Window, variant: str
    ) -> None:
        assert await window.differences(variant) == []


async def test_the_window_holds_every_colour(shared_data: Path) -> None:
    lights = retail.expected_lights(shared_data / "retail")
    colours = Counter(
        light for days in lights.values() for day, light in days.items() if day <= LAST
    )
    assert min(colours[c] for c in ("green", "yellow", "red")) > 0
