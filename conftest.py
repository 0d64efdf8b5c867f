"""Fixtures that every package's tests may use."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["service_kit.testing.servers"]

SHARED_DATA = Path(__file__).resolve().parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository.

    A machine without it skips the test; with PACELINE_REQUIRE_DATA=1 the test fails instead.
    """
    if SHARED_DATA.is_dir():
        return SHARED_DATA
    missing = f"there is no {SHARED_DATA}"
    if os.environ.get("PACELINE_REQUIRE_DATA") == "1":
        pytest.fail(missing)
    pytest.skip(missing)
