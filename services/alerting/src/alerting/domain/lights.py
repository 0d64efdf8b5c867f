"""The run light: the band of one span, and its colour after the spans before it."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from alerting.domain.figures import ratio, share
from alerting.domain.goal import Policy
from alerting.domain.spans import Span


class Band(StrEnum):
    """Where actual / plan of one span lies."""

    LOW = "low"
    YELLOW = "yellow"
    GREEN = "green"
    NONE = "none"


class Colour(StrEnum):
    """What is shown; NONE is no light at all (plan 0), GREY a light that cannot be known."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    GREY = "grey"
    NONE = "none"


class Knowledge(StrEnum):
    """How much is known of a span when it is judged."""

    COMPLETE = "complete"
    SILENT = "silent"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Light:
    """A span's result. ``ratio`` is actual / plan, None without a plan.

    ``low_run`` counts the low spans in a row up to here; grey and no light carry it on. ``watch``
    marks a low span before red. ``why`` says why a light is grey or missing.
    """

    span: Span
    version: int
    plan: Decimal
    actual: Decimal
    ratio: Decimal | None
    band: Band
    colour: Colour
    low_run: int
    watch: bool = False
    why: str = ""


def band_of(policy: Policy, actual: Decimal, plan: Decimal) -> Band:
    """Return the band; exactly ``low`` is yellow, exactly ``green`` is green."""
    if plan <= 0:
        return Band.NONE
    if actual < share(policy.low, plan):
        return Band.LOW
    return Band.YELLOW if actual < share(policy.green, plan) else Band.GREEN


def judge(
    policy: Policy,
    span: Span,
    version: int,
    figures: tuple[Decimal, Decimal],
    low_run: int,
    knowledge: Knowledge = Knowledge.COMPLETE,
) -> Light:
    """Return the light of a span from (actual, plan) and the low run before it."""
    actual, plan = figures
    band = band_of(policy, actual, plan)
    completion = None if band is Band.NONE else ratio(actual, plan)
    if band is Band.NONE:
        colour, why = Colour.NONE, "no-plan"
    elif knowledge is not Knowledge.COMPLETE:
        band, colour, why = Band.NONE, Colour.GREY, knowledge.value
    else:
        low_run = low_run + 1 if band is Band.LOW else 0
        colour, why = _colour(policy, band, low_run), ""
    watch = band is Band.LOW and colour is Colour.YELLOW
    return Light(
        span, version, plan, actual, completion, band, colour, low_run, watch=watch, why=why
    )


def _colour(policy: Policy, band: Band, low_run: int) -> Colour:
    if band is Band.LOW:
        return Colour.RED if low_run >= policy.red_after else Colour.YELLOW
    return Colour(band.value)
