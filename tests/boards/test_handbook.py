"""The operators' tables are what the code says, and no variable is missing from them."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = runpy.run_path(str(ROOT / "docs" / "operators" / "generate.py"))["pages"]()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_table_is_current(path: Path) -> None:
    assert path.read_text() == PAGES[path], "run make boards"


def test_every_variable_that_a_service_reads_is_in_the_table() -> None:
    sources = [*ROOT.glob("services/*/src/**/*.py"), *ROOT.glob("libs/service-kit/src/**/*.py")]
    read = {
        name
        for path in sources
        if "testing" not in path.parts
        for name in re.findall(r"\"(PACELINE_[A-Z_]+)\"", path.read_text())
    }
    guest = (ROOT / "libs/service-kit/src/service_kit/security_environment.py").read_text()
    asked = re.findall(r"(?:text|_file|_one_of)\(\"([A-Z_]+)\"", guest)
    read |= {f"PACELINE_KAFKA_{name}" for name in asked}
    page = PAGES[ROOT / "docs" / "operators" / "settings.md"]
    assert {name for name in read if f"`{name}`" not in page} == set()
    assert len(read) > 30
