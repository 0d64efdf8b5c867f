"""``make rows``: one line per row of product.md with what its examples came to.

A row's examples stand in examples.toml; a test shows one with ``@pytest.mark.row(id, example)``. An
example without a test, or whose test was skipped, has not passed.
"""

import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ORDER = ("failed", "skipped", "passed")


def examples() -> dict[str, dict[str, str]]:
    """Return the examples of each row: name and sentence."""
    return tomllib.loads((HERE / "examples.toml").read_text(encoding="utf-8"))


class Outcomes:
    """Collects the worst outcome of every example's tests."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], str] = {}
        self._marks: dict[str, list[tuple[str, str]]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            marks = [mark.args for mark in item.iter_markers("row")]
            self._marks[item.nodeid] = [(str(row), str(example)) for row, example in marks]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        for example in self._marks.get(report.nodeid, ()):
            before = self.found.get(example, "passed")
            self.found[example] = min(before, report.outcome, key=ORDER.index)


def main() -> int:
    outcomes = Outcomes()
    pytest.main(["-q", "-m", "row", "--no-header", str(HERE.parent), *sys.argv[1:]], [outcomes])
    table = examples()
    print(f"\n{'row':<5}{'listed':>7}{'passed':>7}{'failed':>7}{'skipped':>8}{'missing':>8}")
    for row, listed in table.items():
        states = Counter(outcomes.found.get((row, name), "missing") for name in listed)
        columns = (states["passed"], states["failed"])
        print(f"{row:<5}{len(listed):>7}{columns[0]:>7}{columns[1]:>7}", end="")
        print(f"{states['skipped']:>8}{states['missing']:>8}")
    unknown = {e for e in outcomes.found if e[1] not in table.get(e[0], {})}
    for row, example in sorted(unknown):
        print(f"not in examples.toml: {row} {example}")
    return 1 if unknown or "failed" in outcomes.found.values() else 0


if __name__ == "__main__":
    raise SystemExit(main())
