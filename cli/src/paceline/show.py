"""How every command speaks: one console for results, one for what went wrong."""

from decimal import Decimal
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from paceline.words import say

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

COLOURS = {"green": "green", "yellow": "yellow", "red": "bold red", "grey": "bright_black"}


def fail(text: str, code: int = 1) -> NoReturn:
    """Say what went wrong and leave."""
    errors.print(f"paceline: {text}", style="red", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def light(colour: str | None) -> str:
    """Return a light as markup."""
    style = COLOURS.get(colour or "")
    name = say(colour or "none")
    return f"[{style}]● {name}[/]" if style else f"[bright_black]○ {say('none')}[/]"


def percent(ratio: Any) -> str:
    """Return a ratio in whole percent, rounded down so that 69.9 % never reads as 70."""
    return "" if ratio is None else f"{int(Decimal(str(ratio)) * 100)} %"


def text(value: Any) -> str:
    """Return a value of an answer as a text, empty where there is none."""
    return "" if value is None else str(value)


def cell(value: Any) -> Text:
    """Return a value of an answer as it stands in a table, whole.

    Brackets in it are no markup. A text without spaces (Chinese, a long id) is folded, not cut.
    """
    return Text(text(value), overflow="fold")
