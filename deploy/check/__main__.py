"""`make compose-check`: docker-compose.yml on a real engine, under load and kills, then counted.

Exit codes: 0 all is well, 1 a step failed or something was lost or doubled, 77 skipped: this
machine has no engine and cannot start one (the reason is printed).
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import steps
from engine import Engine, Failed, Missing
from stack import ROOT, Stack

from paceline.trial.load import first_moment
from paceline.trial.system import TrialFailed

SKIPPED = 77
BREAKS = ("lost", "doubled")


def main(arguments: Sequence[str] | None = None) -> int:
    """Check and return the exit code."""
    chosen = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    try:
        with Engine(chosen.data) as engine:
            whose = "one of our own, with stand-ins" if engine.own else "the one that answers"
            say(f"engine: {whose}")
            standins = engine.own or chosen.standins
            stack = Stack(engine, chosen.data, chosen.base_port, standins=standins)
            return _check(stack, chosen)
    except Missing as lacking:
        say(f"SKIPPED: {lacking}")
        return SKIPPED
    except (Failed, TrialFailed) as error:
        say(f"FAILED: {error}")
        return 1


def say(text: str) -> None:
    """Print one line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _check(stack: Stack, chosen: argparse.Namespace) -> int:
    began = time.monotonic()
    stack.build(services=not chosen.tests)
    say(f"images: built in {time.monotonic() - began:.0f} s")
    if chosen.images_only:
        return 0
    if chosen.tests:
        return stack.test(chosen.tests)
    stack.clock_at = first_moment()
    try:
        began = time.monotonic()
        stack.start()
        healthy = ", ".join(each.service for each in stack.containers())
        say(f"up: all healthy after {time.monotonic() - began:.0f} s: {healthy}")
        if chosen.keep:
            return _keep(stack)
        return asyncio.run(steps.carry_out(stack, say, chosen.events, chosen.kills, chosen.broken))
    finally:
        stack.stop()
        say("down: containers, network and volumes are gone")


def _keep(stack: Stack) -> int:
    host = stack.facts()
    say(f"kept until SIGTERM or Ctrl-C: {host['services']}")
    signal.pause()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make compose-check", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=ROOT / ".cache" / "compose-check", help="of an own engine")
    add("--base-port", type=int, default=8900, help="what is published, from here on")
    add("--events", type=int, default=6000)
    add("--kills", type=int, default=len(steps.TARGETS), help="one of each kind by default")
    add("--standins", action="store_true", help="put stand-ins on the engine that answers, too")
    add("--images-only", action="store_true", help="build and leave")
    add("--tests", nargs="+", metavar="PATH", help="run pytest --containers on these instead")
    add("--keep", action="store_true", help="start and stay, without load and kills")
    add("--break", dest="broken", choices=BREAKS, help="spoil the run: the check must fail")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
