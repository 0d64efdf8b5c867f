"""`paceline demo`: a whole system on this machine, and a shop's year living in the terminal."""

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import Producer
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from service_kit.embedded import end_leftovers

from paceline.demo_folder import demo_folder
from paceline.demo_model import News, Picture
from paceline.demo_play import Player, Watcher, first_picture
from paceline.demo_view import View, facts, news_line, status_line
from paceline.demo_words import Words, language
from paceline.demo_year import Year, the_year
from paceline.ports import taken
from paceline.trial import retail
from paceline.trial.api import Api, Refused
from paceline.trial.replay import Shop
from paceline.trial.system import System, TrialFailed, until
from paceline.trial.variants import Variant
from paceline.up import MODULES, SERVER_PORT

YEAR_SECONDS = 90.0
BASE_PORT = 8100
PORT_STEP, LAST_PORT = 100, 9900
FRAMES_PER_SECOND = 6
STATUS_EVERY_DAYS = 7  # of the plain output
WATERMARK_SECONDS = "0.2"  # at four days a second, lights shall follow within a day
EXAMPLE = "example.ndjson"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for. ``stay`` None: after the year until Ctrl-C."""

    days: int | None
    seconds_per_day: float
    stay: float | None
    base_port: int
    folder: Path | None


def demo(
    days: Annotated[
        int | None, typer.Option(min=1, help="Play only so many days of the year.")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=0.01, help="Days per second; without it the year takes 90 seconds."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Leave when the year is over.")] = False,
    seconds: Annotated[
        float | None,
        typer.Option("--for", min=0, help="Leave so many seconds after the year is over."),
    ] = None,
    lang: Annotated[
        str | None, typer.Option(help="zh or en; without it as LANG says.", metavar="LANG")
    ] = None,
    base_port: Annotated[
        int, typer.Option(help="Services listen from here on; others are taken when it is busy.")
    ] = BASE_PORT,
    data: Annotated[
        Path | None, typer.Option(help="An empty or new folder; without it one in the cache.")
    ] = None,
) -> None:
    """Start everything and replay a year of a real web shop, with goals, lights and praise."""
    year = the_year(days)
    per_day = 1 / speed if speed else YEAR_SECONDS / len(the_days())
    stay = 0.0 if once else seconds
    wishes = Wishes(days, per_day, stay, base_port, data)
    stage = Stage(wishes, year, Words(language(lang)), Console(highlight=False))
    raise typer.Exit(asyncio.run(stage.run()))
