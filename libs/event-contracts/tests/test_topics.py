"""The register of topics: nothing is written that nobody reads, and the page says what holds."""

from pathlib import Path

import pytest

from event_contracts import table
from event_contracts.topics import TOPICS, Kind, Topic
from event_contracts.wire import type_of

SERVICES = {"metrics-ingest", "goal-service", "alerting", "incentives"}
EACH = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


@EACH
def test_every_topic_has_a_producer_and_a_consumer(topic: Topic) -> None:
    assert topic.producers
    assert set(topic.producers) <= SERVICES
    assert topic.consumers
    assert set(topic.consumers) <= SERVICES | {"subscribers"}


@EACH
def test_every_topic_promises_something_and_says_where_its_dead_letters_lie(topic: Topic) -> None:
    assert topic.promise.endswith(".")
    assert topic.dead_letters
    assert topic.key.startswith("tenant")


@EACH
def test_only_state_is_compacted_and_only_what_is_not_compacted_is_gapless(topic: Topic) -> None:
    assert topic.compacted == (topic.kind is Kind.STATE)
    assert topic.gapless != topic.compacted
    assert (topic.retention_days == -1) == topic.compacted


@EACH
def test_every_message_type_says_its_topic_and_its_version(topic: Topic) -> None:
    for message in topic.types:
        name, _, version = type_of(message).rpartition(".v")
        assert version == "1"
        assert name == "watermark" or name.startswith(f"{topic.name}.")


def test_the_retention_is_what_the_architecture_says() -> None:
    days = {topic.name: topic.retention_days for topic in TOPICS if not topic.compacted}
    assert days == {"raw": 7, "subjects": 7, "facts": 30, "goal-events": 30, "rewards": 30}


def test_no_two_topics_have_one_name() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_the_page_of_topics_is_the_generated_one() -> None:
    assert table.main(["--check"]) == 0


def test_a_page_that_was_edited_by_hand_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "topics.md"
    assert table.main(["--check", "--page", str(page)]) == 1
    assert table.main(["--write", "--page", str(page)]) == 0
    page.write_text(page.read_text(encoding="utf-8").replace("7 days", "9 days"), encoding="utf-8")
    assert table.main(["--check", "--page", str(page)]) == 1
    assert "--write" in capsys.readouterr().err


def test_a_table_in_the_readme_that_was_edited_by_hand_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# Ours\n\n{table.BEGIN}\n{table.END}\n\nEnd.\n", encoding="utf-8")
    assert table.main(["--check", "--readme", str(readme)]) == 1
    assert table.main(["--write", "--readme", str(readme)]) == 0
    written = readme.read_text(encoding="utf-8")
    assert written.startswith("# Ours\n")
    assert written.endswith("\n\nEnd.\n")
    row = "| `goal-events` | alerting | subscribers | 30 days |"
    assert row in written
    readme.write_text(written.replace(row, row.replace("30", "90")), encoding="utf-8")
    assert table.main(["--check", "--readme", str(readme)]) == 1
    assert "README.md is not as generated" in capsys.readouterr().err


def test_a_readme_without_the_marks_is_refused(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("# Ours\n", encoding="utf-8")
    with pytest.raises(ValueError, match="are not there"):
        table.main(["--check", "--readme", str(readme)])
