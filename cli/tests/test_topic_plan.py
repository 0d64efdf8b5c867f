import pytest

from event_contracts.topics import PROGRESS, RAW
from paceline.topic_plan import Standing, spec_of
from service_kit.topic_admin import TopicFound

WANTED = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "retention.ms": "604800000",
}


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


def standing(found: TopicFound | None, replication: int = -1) -> Standing:
    return Standing(RAW, "mkt.prod.raw", spec_of(RAW, 12), replication, found)


def test_a_topic_as_wanted_is_in_order() -> None:
    assert standing(TopicFound(12, 3, WANTED)).in_order


def test_a_missing_topic_is_to_be_made() -> None:
    missing = standing(None)
    assert not missing.in_order
    assert (missing.changes, missing.differs) == ({}, [])


def test_a_setting_that_differs_is_to_be_changed() -> None:
    short = standing(TopicFound(12, 3, WANTED | {"retention.ms": "1"}))
    assert short.changes == {"retention.ms": ("1", "604800000")}
    assert short.differs == []
    assert not short.in_order


def test_partitions_and_replicas_are_said_and_not_changed() -> None:
    other = standing(TopicFound(4, 1, WANTED), replication=3)
    assert "has 4 partitions, 12 are wanted" in other.wrong_count
    assert "PACELINE_PARTITIONS=4" in other.wrong_count
    assert [text.split(",")[0] for text in other.differs] == [
        "has 4 partitions",
        "has 1 replicas",
    ]
    assert list(other.changes) == ["min.insync.replicas"]


def test_the_clusters_default_replication_is_as_wanted() -> None:
    assert standing(TopicFound(12, 3, WANTED), replication=-1).in_order


def test_settings_that_cannot_be_seen_are_said() -> None:
    [text] = standing(TopicFound(12, 3, None)).differs
    assert "DescribeConfigs" in text


def test_a_compacted_topic_keeps_records_for_ever() -> None:
    assert spec_of(PROGRESS, 4).config(1)["retention.ms"] == "-1"
    assert spec_of(PROGRESS, 4).config(1)["cleanup.policy"] == "compact"
