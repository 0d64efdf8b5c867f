"""What `paceline doctor` says of a tenant whose own topics stand still."""

import pytest

from paceline.held import HeldTenant, held_findings
from paceline.positions import UNSEEN, Positions
from service_kit.records import Partition

HELD = HeldTenant("acme", 1_772_532_000_000, [{"_id": "crm.deals", "source": "crm"}])
HALT = {"reason": "gap", "detail": "x", "at_ms": 0}


def at(next: int, end: int, halted: dict[str, object] | None = None) -> list[Positions]:
    topic = Partition("foreign:crm.deals", 0)
    return [
        Positions("metrics-ingest", Partition("raw", 0), 0, 5, None),
        Positions("metrics-ingest-rekey", topic, next, end, halted),
    ]


@pytest.mark.parametrize(
    ("positions", "state", "do"),
    [
        (at(1, 9, HALT), "is halted", "mend its position"),
        (at(1, UNSEEN), "is gone, or not to be read", "take the door out of source crm"),
        (at(1, 9), "is 8 records behind", "add workers"),
    ],
)
def test_a_held_tenant_is_named_with_its_topic_since_when_and_what_to_do(
    positions: list[Positions], state: str, do: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    (found,) = held_findings(HELD, positions)
    wanted = "held since 2026-03-03T10:00:00+00:00: its lights wait for topic crm.deals, which "
    assert (found.what, found.state) == ("tenant acme", wanted + state)
    assert do in found.do


def test_it_is_said_in_chinese_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    (found,) = held_findings(HELD, at(1, 9))
    assert found.what == "租户 acme"
    assert found.state == "自 2026-03-03T10:00:00+00:00 起等待：灯在等 topic crm.deals（积压 8 条）"
    assert "增加 worker" in found.do


def test_a_tenant_whose_topics_are_read_again_needs_nothing_done() -> None:
    (found,) = held_findings(HELD, at(9, 9))
    assert found.well
