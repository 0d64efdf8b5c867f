"""The two lights of a span: the run light, and the to-date light, which is the headline."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from alerting.domain.figures import ZERO, minus, ratio, share
from alerting.domain.goal import Goal, Policy
from alerting.domain.readings import TOO_FEW, Reading
from alerting.domain.spans import Span

GUARDRAIL = "guardrail"


class LightKind(StrEnum):
    """Which light: of the run of spans, or of everything from the period's start."""

    RUN = "run"
    TO_DATE = "to-date"


class Band(StrEnum):
    """Where r lies."""

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
    """One light of a span. ``ratio`` is r (actual / plan, of a plain sum), None without a plan.

    ``low_run`` counts the low spans in a row up to here; grey and no light carry it on. ``watch``
    marks a low span before red. ``why`` says why a light is grey or missing, or that a guardrail
    keeps it from green.
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
    kind: LightKind = LightKind.RUN


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else decides a light: what is known, and whether a guardrail is breached."""

    knowledge: Knowledge = Knowledge.COMPLETE
    breached: bool = False


def band_of(policy: Policy, done: Decimal, wanted: Decimal, slack: Decimal = ZERO) -> Band:
    """Return the band of r = done / wanted; exactly ``low`` is yellow, exactly ``green`` is green.

    What is short by ``slack`` or less is not low.
    """
    if wanted <= 0:
        return Band.NONE
    if done < share(policy.low, wanted) and minus(wanted, done) > slack:
        return Band.LOW
    enough = share(policy.green, wanted)
    green = done > enough if policy.strictly_more else done >= enough
    return Band.GREEN if green else Band.YELLOW


def judge_run(
    goal: Goal, span: Span, reading: Reading, low_run: int, around: Circumstances
) -> Light:
    """Return the run light of a span, from its reading and the low run before it."""
    return _judge(goal, span, reading, low_run, around, LightKind.RUN)


def judge_to_date(goal: Goal, span: Span, reading: Reading, around: Circumstances) -> Light:
    """Return the to-date light at the close of a span: red at once where it is low."""
    return _judge(goal, span, reading, 0, around, LightKind.TO_DATE)


def _judge(
    goal: Goal,
    span: Span,
    reading: Reading,
    low_run: int,
    around: Circumstances,
    kind: LightKind,
) -> Light:
    red_after = goal.policy.red_after if kind is LightKind.RUN else 1
    band = band_of(goal.policy, reading.done, reading.wanted, reading.slack)
    colour, why = _unlit(reading, around.knowledge)
    if why:
        band = Band.NONE
    else:
        low_run = low_run + 1 if band is Band.LOW else 0
        colour, why = _lit(band, red=low_run >= red_after, breached=around.breached)
    return Light(
        span,
        goal.version,
        reading.plan,
        reading.actual,
        ratio(reading.done, reading.wanted) if reading.wanted > 0 else None,
        band,
        colour,
        low_run,
        watch=band is Band.LOW and colour is Colour.YELLOW,
        why=why,
        kind=kind,
    )


def _unlit(reading: Reading, knowledge: Knowledge) -> tuple[Colour, str]:
    """Return grey or no light, and why; the reason is empty where there is a light.

    What is not known yet may bring enough results: too few of them are then grey, not no light.
    """
    unknown = knowledge is not Knowledge.COMPLETE
    if reading.why and not (unknown and reading.why == TOO_FEW):
        return Colour.NONE, reading.why
    return Colour.GREY, knowledge.value if unknown else ""


def _lit(band: Band, *, red: bool, breached: bool) -> tuple[Colour, str]:
    if band is Band.LOW:
        return (Colour.RED if red else Colour.YELLOW), ""
    if band is Band.GREEN and breached:
        return Colour.YELLOW, GUARDRAIL
    return Colour(band.value), ""
