"""The command: what can be wished for, and which of the two demonstrations is played."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from paceline.demo.firm.piece import FirmPiece
from paceline.demo.firm.plot import FEWEST_DAYS, MOST_DAYS, Plot
from paceline.demo.shop.piece import ShopPiece
from paceline.demo.shop.year import the_year
from paceline.demo.stage import FAILED, Piece, Stage, Wishes
from paceline.demo.words import Words, language

BASE_PORT = 8100


def demo(
    shop: Annotated[
        bool, typer.Option("--shop", help="Replay a year of a real web shop instead.")
    ] = False,
    days: Annotated[
        int | None,
        typer.Option(
            min=1, help=f"Play only so many days (of the organisation: {FEWEST_DAYS} at least)."
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=0.01, help="Days a second at most; without it as fast as can be watched."),
    ] = None,
    browse: Annotated[
        bool, typer.Option("--open", help="Open the console in the browser when it is over.")
    ] = False,
    end: Annotated[
        bool, typer.Option("--end", help="Leave when it is over; fails if something differed.")
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option("--for", min=0, help="Leave so many seconds after it is over."),
    ] = None,
    lang: Annotated[str | None, typer.Option(help="zh or en; else as LANG says.")] = None,
    base_port: Annotated[
        int, typer.Option(help="Services listen from here on; when it is busy, further on.")
    ] = BASE_PORT,
    data: Annotated[
        Path | None, typer.Option(help="A new folder for the data, instead of one in the cache.")
    ] = None,
    prometheus: Annotated[
        bool, typer.Option(help="Start Prometheus, too, where it is installed.")
    ] = True,
) -> None:
    """Start everything and let an organisation live: goals, lights, praise, and what goes wrong."""
    spoken = language(lang)
    console = Console(highlight=False)
    if data is not None and data.exists() and any(data.iterdir()):
        used = Words(spoken).say("folder.used", folder=data)
        console.print(used, style="red", soft_wrap=True)
        raise typer.Exit(FAILED)
    wishes = Wishes(
        1 / speed if speed else None,
        0.0 if end else seconds,
        base_port,
        data,
        browse,
        prometheus,
    )
    piece = ShopPiece(the_year(days), spoken) if shop else _firm(days, spoken)
    raise typer.Exit(asyncio.run(Stage(wishes, piece, Words(spoken), console).run()))


def _firm(days: int | None, spoken: str) -> Piece:
    if days is not None and not FEWEST_DAYS <= days <= MOST_DAYS:
        raise typer.BadParameter(
            f"the organisation's plot needs {FEWEST_DAYS} to {MOST_DAYS} days", param_hint="--days"
        )
    return FirmPiece(Plot(days or MOST_DAYS), spoken)
