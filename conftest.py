"""Fixtures that every package's tests may use."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["service_kit.testing.servers"]

# An example that takes long says something of the machine beside it, and nothing of the code.
settings.register_profile("paceline", deadline=None)
settings.load_profile("paceline")

SHARED = Path(__file__).resolve().parent.parent / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository.

    A machine without it skips the test; with PACELINE_REQUIRE_DATA=1 the test fails instead.
    """
    return _beside("data")


@pytest.fixture(scope="session")
def shared_samples() -> Path:
    """The folder of vendors' payloads beside the repository; missing as :func:`shared_data`."""
    return _beside("samples")


def _beside(name: str) -> Path:
    folder = SHARED / name
    if folder.is_dir():
        return folder
    missing = f"there is no {folder}"
    if os.environ.get("PACELINE_REQUIRE_DATA") == "1":
        pytest.fail(missing)
    pytest.skip(missing)
