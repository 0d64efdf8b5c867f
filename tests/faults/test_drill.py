"""The drill in short: kills under load lose and double nothing, and the drill can see a loss.

`paceline drill --break cas|head|exit|lane` runs every guard's fault; here one stands for them, and
the simulator's tests switch each guard off over many seeds.
"""

import os

from paceline.trial.run import LEAST_IN_BULK, carry_out

PORT = int(os.environ.get("PACELINE_DRILL_PORT", "8680"))
EVERYTHING = {
    *("accepted", "dead letters", "records", "lights", "to-date lights", "deeds", "rewards"),
    *("facts of revenue", "facts of click_value", "facts of price_views"),
    *("facts of members", "facts of won", "goal all", "goal clicks", "goal members"),
}


async def test_six_kills_under_load_lose_nothing_and_double_nothing() -> None:
    result = await carry_out(kills=6, events=10_000, seed=7, rate=700, base_port=PORT)

    assert (result.lost, result.doubled, result.notes) == (0, 0, [])
    assert result.kills == 6
    assert {kind for kind, count in result.compared.items() if count} >= EVERYTHING
    assert result.acked > 9_000
    assert result.folded_in_bulk >= LEAST_IN_BULK * result.plain > 1_500


async def test_the_drill_sees_rows_that_are_sent_twice_when_no_lane_is_checked() -> None:
    result = await carry_out(
        kills=2, events=8_000, seed=3, rate=1_000, base_port=PORT, broken="lane"
    )

    assert result.doubled > 0
    assert result.doubled_by_kind["facts of click_value"] > 0
