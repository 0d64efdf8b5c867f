"""The drill in short: six kills under load lose and double nothing; broken guards are seen."""

import os

import pytest

from paceline.drill import carry_out

PORT = int(os.environ.get("PACELINE_DRILL_PORT", "8680"))


async def test_six_kills_under_load_lose_nothing_and_double_nothing() -> None:
    result = await carry_out(kills=6, events=40_000, seed=7, rate=2_000, base_port=PORT)

    assert (result.lost, result.doubled, result.notes) == (0, 0, [])
    assert result.kills == 6
    assert result.acked >= 40_000 * 0.95
    assert result.compared["deeds"] > 0
    assert result.compared["rewards"] > 0


@pytest.mark.parametrize("guard", ["cas", "head", "exit", "lane"])
async def test_the_drill_sees_that_a_guard_is_off(guard: str) -> None:
    result = await carry_out(
        kills=3, events=20_000, seed=3, rate=1_000, base_port=PORT, broken=guard
    )

    assert result.lost + result.doubled > 0
