"""One running system for all worked examples, and the marker that ties a test to its row."""

import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from paceline.trial.stage import OPENING, Stage
from paceline.trial.system import System


@pytest.fixture(scope="session")
def running(
    tmp_path_factory: pytest.TempPathFactory, servers_of_a_system: dict[str, str]
) -> Iterator[Stage]:
    data: Path = tmp_path_factory.mktemp("rows")
    opening = datetime.combine(OPENING, time(8), UTC).timestamp()
    port = int(os.environ.get("PACELINE_ROWS_PORT", "8600"))
    fast = {"PACELINE_WATERMARK_SECONDS": "0.1"}
    with System(data, port, opening, fast | servers_of_a_system) as system:
        yield Stage(system)


@pytest.fixture
async def stage(running: Stage) -> AsyncIterator[Stage]:
    yield running
    await running.close()
