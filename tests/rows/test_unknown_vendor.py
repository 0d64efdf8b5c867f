"""docs/unknown-vendor.md as an operator follows it: its files, its shell, a running system."""

import asyncio
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from paceline.trial.replay import make_key
from paceline.trial.stage import Stage, noon

PAGE = Path(__file__).resolve().parents[2] / "docs" / "unknown-vendor.md"
MARK = "-- next --"
# The page waits some seconds; a loaded machine is asked until everything is there.
WAITS = {
    "sleep 3": "paceline deadletters groups --source zappix | grep -Eq 'item.spend[^0-9]+2'",
    "sleep 5": "comes spend 12346998.9 && comes fee 123469.789 && comes clicks 11292 "
    "&& comes leads 13",
}
COMES = """
comes() {
  curl -sS "$GOALS/v1/metrics/zappix_$1/series?from=2026-11-12&to=2026-11-12&zone=Europe/Berlin" \\
    -H "Authorization: Bearer $KEY" | grep -q "\\"value\\":\\"$2"
}
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.row("M2", "unknown-vendor-walk")
async def test_the_page_leads_an_operator_to_the_right_number(stage: Stage, tmp_path: Path) -> None:
    stage.clock(noon(stage.weeks(1)))
    team = await stage.tenant("Europe/Berlin")
    facts = stage.system.facts()
    (tmp_path / "report.json").write_text(blocks("json")[0], encoding="utf-8")
    (tmp_path / "zappix.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    command = tmp_path / "paceline"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m paceline "$@"\n')
    command.chmod(0o755)
    key = await make_key(stage.system, team.name)
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PACELINE_JSON": str(stage.system.file),
        "PACELINE_KEY": key,
        "KEY": key,
        "GOALS": facts["services"]["goal-service"],
        "COLUMNS": "200",
        "LC_ALL": "C.UTF-8",
    }
    script = f"\necho '{MARK}'\n".join(["set -eu" + COMES, *blocks("sh")])
    for waiting, there in WAITS.items():
        assert f"\n{waiting}\n" in script
        asked = f"for _ in $(seq 60); do {there} && break; sleep 0.5; done"
        script = script.replace(f"\n{waiting}\n", f"\n{asked}\n")
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    _, tried, hook, posted, broken, mended, numbers = done.stdout.split(f"{MARK}\n")

    together = re.findall(r"together: (\S+) \((\d+) events\)", tried)
    assert [(Decimal(total), count) for total, count in together] == [
        (Decimal("12346978.90"), "3"),
        (Decimal("123469.789"), "3"),
        (Decimal("11292"), "3"),
        (Decimal("13"), "3"),
    ]
    assert tried.count("created") == 5
    assert re.fullmatch(r"[0-9a-f]{16}\n", hook)
    right, wrong = posted.splitlines()
    assert right == '{"events":3,"unreadable":0}'
    assert "signature-wrong" in wrong
    assert re.search(r"zappix\s*│\s*missing-field\s*│\s*item\.spend\s*│\s*2", broken)
    assert "cost:" in broken
    assert "zx-api-token" not in broken
    assert mended.count("unchanged") == 4  # the metrics; the source has a further version
    assert "replayed 2\n" in mended
    found = [Decimal(re.findall(r'"value":"([^"]+)"', line)[0]) for line in numbers.splitlines()]
    assert found == [Decimal(n) for n in ("12346998.90", "123469.789", "11292", "13")]
