"""The versions of a goal, however many there are."""

from datetime import date, timedelta
from decimal import Decimal

import bson

from event_contracts.goals import Plan
from service_kit.store import CODEC

LONG = Plan(days={date(2026, 1, 1) + timedelta(days=n): Decimal("1234.5678") for n in range(366)})

KEPT = ("goals", "goal_versions", "due", "heads")


async def test_no_document_grows_with_the_number_of_versions(stage):
    """MongoDB takes 16 MB; beyond them no version could be kept, and all that follows waited."""
    team = await stage()
    period = {"start": date(2026, 1, 1), "end": date(2026, 12, 31), "plan": LONG}
    sizes = []
    for version in range(1, 9):
        await team.goal(version=version, filled=False, **period)
        found = [row for name in KEPT for row in await team.store.db[name].find({}).to_list(None)]
        sizes.append(max(len(bson.encode(row, codec_options=CODEC)) for row in found))
    assert sizes[-1] < sizes[0] + 100
