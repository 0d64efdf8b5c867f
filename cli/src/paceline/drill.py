"""``paceline drill``: kill parts of a system under load, and count what is lost or doubled."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from paceline.show import console
from paceline.trial.breaks import BREAKS
from paceline.trial.run import MOST_SECONDS, carry_out
from paceline.trial.series import SEEN_WITH, Run, exit_code, table
from paceline.trial.system import TrialFailed


def drill(
    kills: Annotated[int, typer.Option(help="How many processes to kill.")] = 60,
    events: Annotated[int, typer.Option(help="How many events to send.")] = 400_000,
    seed: Annotated[int, typer.Option(help="Which world and which kills.")] = 1,
    rate: Annotated[int, typer.Option(help="Events a second.")] = 2_000,
    json: Annotated[Path | None, typer.Option(help="Write the report here.")] = None,
    base_port: Annotated[int, typer.Option(help="First port of the drill's own system.")] = 8700,
    within: Annotated[float, typer.Option(help="Give a drill up after so many seconds.")] = (
        MOST_SECONDS
    ),
    broken: Annotated[
        str | None,
        typer.Option(
            "--break", help="Switch a guard off and add its fault: cas, head, exit, lane."
        ),
    ] = None,
    then_break: Annotated[
        str,
        typer.Option(
            help="Afterwards a short drill without each of these guards, by commas; it must see it."
        ),
    ] = "",
) -> None:
    """Kill parts of a system of its own under load; exit 1 when anything is lost or doubled.

    With ``--then-break`` also when a guard's absence is not seen; all are carried out and told in a
    table. Exit 2: a drill could not be carried out, and says nothing about that.
    """
    later = _guards(then_break, "--then-break")
    _guards(broken or "", "--break")
    limits = {"base_port": base_port, "within": within}
    sizes = {"kills": kills, "events": events, "seed": seed, "rate": rate}
    runs = [_run(broken, sizes | limits), *(_run(guard, SEEN_WITH | limits) for guard in later)]
    if json is not None:
        json.write_bytes(_document(runs) if later else _report(runs[0]))
    if later:
        console.print(table(runs))
        raise typer.Exit(exit_code(runs))
    found = runs[0].result
    raise typer.Exit(2 if found is None else 1 if found.lost or found.doubled else 0)


def _guards(text: str, option: str) -> list[str]:
    names = text.split(",") if text else []
    for name in names:
        if name not in BREAKS:
            raise typer.BadParameter(f"{name}: one of {', '.join(BREAKS)}", param_hint=option)
    return names


def _run(broken: str | None, options: dict[str, Any]) -> Run:
    """Carry one drill out, and print its report."""
    try:
        run = Run(broken, asyncio.run(carry_out(broken=broken, **options)))
    except TrialFailed as failed:
        typer.echo(f"the drill could not be carried out: {failed}", err=True)
        return Run(broken, None, str(failed))
    typer.echo(_report(run).decode())
    return run


def _report(run: Run) -> bytes:
    found = {"failed": run.failed} if run.result is None else asdict(run.result)
    return msgspec.json.format(msgspec.json.encode(found), indent=2)


def _document(runs: list[Run]) -> bytes:
    drills = [msgspec.Raw(_report(run)) for run in runs]
    found = {"passed": exit_code(runs) == 0, "drills": drills}
    return msgspec.json.format(msgspec.json.encode(found), indent=2)
