"""Whether a benchmark that writes a lot has room for it."""

from pathlib import Path

import pytest
import typer

from paceline.fold.whole_command import GIBIBYTE, check_room


def test_a_run_that_fits_is_let_through(tmp_path: Path) -> None:
    check_room(1, tmp_path)


def test_a_run_that_would_fill_the_disk_is_refused_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        check_room(10**9 * GIBIBYTE, tmp_path)
    told = capsys.readouterr().err
    assert str(tmp_path) in told.replace("\n", "")
    assert "fewer events" in told
