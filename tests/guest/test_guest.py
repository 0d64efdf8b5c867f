"""Paceline as a guest on an organisation's own broker: credentials, ACLs and prefixes are theirs.

The broker is a real one, with no listener that lets anybody in unasked; the services are real and
run with the ACLs that `paceline topics acls` prints and no other.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from event_contracts.topics import TOPICS
from paceline.trial.stage import OPENING, Stage, noon
from paceline.trial.system import System, until
from service_kit.security import KafkaAccess, KafkaSecurity

PREFIX = "mkt.prod."
WEEK = timedelta(days=4)


@pytest.fixture
async def stage(running: System) -> Any:
    found = Stage(running)
    yield found
    await found.close()


def records(house: Any, topic: str) -> int:
    """Return how many records a topic of one generation holds."""
    consumer = Consumer({**house.kafka.access.librdkafka(), "group.id": "looking"})
    try:
        partitions = consumer.list_topics(topic, 15).topics[topic].partitions
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, n), 15) for n in partitions]
        return sum(high - low for low, high in ends)
    finally:
        consumer.close()


def groups_of(house: Any) -> set[str]:
    """Return the consumer groups on the broker, but for that of :func:`records`."""
    found = house.admin.list_consumer_groups().result(15).valid
    return {group.group_id for group in found} - {"looking"}


@pytest.mark.row("M9", "prefix-mkt-prod")
async def test_with_the_printed_acls_alone_events_become_progress_and_lights(
    house: Any, stage: Stage
) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    goal = await team.goal(monday, monday + WEEK, 100)

    days = [monday + timedelta(days=n) for n in range(3)]
    assert await team.play(goal, zip(days, (65, 60, 69), strict=True)) == [
        "yellow",
        "yellow",
        "red",
    ]
    await team.total_becomes(goal, 194)
    assert [deed["kind"] for deed in await team.deeds_become(goal, "goal.off_track", 1)]

    topics = {t for t in house.admin.list_topics(timeout=15).topics if not t.startswith("__")}
    assert topics
    assert all(topic.startswith(PREFIX) for topic in topics)
    ours = {
        f"{PREFIX}{topic.group_of(service)}"
        for topic in TOPICS
        for service in topic.consumers
        if service != "subscribers"
    }

    async def joined() -> bool:  # praise has no part in a light, and may come a little later
        return groups_of(house) >= ours

    await until(joined, 60, f"all of {ours} are there")
    assert groups_of(house) == ours

    async def sent() -> bool:
        return await asyncio.to_thread(records, house, f"{PREFIX}goal-events") > 0

    await until(sent, 60, "the relay has sent a goal event")


async def test_a_topic_of_the_organisation_is_read_with_the_acls_printed_for_it(
    house: Any, stage: Stage
) -> None:
    monday = stage.weeks(1)
    stage.clock(noon(monday))
    team = await stage.tenant()
    made = house.admin.create_topics([NewTopic("legacy.leads", 2, 1)])
    await asyncio.to_thread(made["legacy.leads"].result)
    producer = Producer(house.kafka.access.librdkafka())
    for number in range(9):
        lead = {"uid": f"L{number}", "kind": "lead", "when": f"{monday}T09:00:00Z", "n": 1}
        producer.produce("legacy.leads", value=msgspec.json.encode(lead))
    assert await asyncio.to_thread(producer.flush, 30) == 0

    fields = {"amount": {"paths": ["n"], "kind": "decimal", "required": True}}
    mapping = {"id": ["uid"], "type": ["kind"], "time": ["when"], "fields": fields}
    doors = {"http": mapping, "topic:legacy.leads": mapping}
    source = {"name": "legacy", "zone": "UTC", "records": [], "doors": doors}
    await team.api.call("POST", "metrics-ingest", "/v1/sources", source)
    await team.metric("old_leads", source="legacy", value="amount")
    goal = await team.goal(monday, monday + WEEK, 100, metric="old_leads")
    await team.total_becomes(goal, 9)


def test_doctor_finds_nothing_to_do_for_the_operator_and_for_each_service(
    house: Any, running: System
) -> None:
    done = house.paceline(house.guest(), "doctor", "--json", str(running.file))
    assert done.exit_code == 0, done.output
    for service in ("metrics-ingest", "goal-service", "alerting", "incentives", "relay"):
        done = house.paceline(house.guest(), "doctor", "--service", service)
        assert done.exit_code == 0, done.output
        assert f"mkt-{service}" in done.output


@pytest.mark.parametrize("way", ["plaintext", "tls", "wrong protocol", "mutual", "controller"])
def test_nobody_comes_in_without_credentials(house: Any, way: str) -> None:
    kafka, ca = house.kafka, str(house.kafka.authority.certificate)
    tls = KafkaSecurity("SSL", ca=ca)
    access = {
        "plaintext": KafkaAccess(kafka.bootstrap),
        "tls": KafkaAccess(kafka.bootstrap, tls),
        "wrong protocol": replace(kafka.as_user("admin"), bootstrap=kafka.mutual),
        "mutual": KafkaAccess(kafka.mutual, tls),
        "controller": KafkaAccess(kafka.controller, tls),
    }[way]
    admin = AdminClient({**access.librdkafka(), "log_level": 0})
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=1.5)


@pytest.mark.parametrize(
    ("service", "kind", "name"),
    [("goal-service", "topic", "facts"), ("alerting", "group", "alerting")],
)
def test_doctor_names_the_service_and_the_acl_that_was_taken_away(
    house: Any, running: System, service: str, kind: str, name: str
) -> None:
    acl = house.acl(f"User:mkt-{service}", "READ", kind, PREFIX + name)
    house.take_away(acl)
    try:
        operator = house.paceline(house.guest(), "doctor", "--json", str(running.file))
        itself = house.paceline(house.guest(), "doctor", "--service", service)
    finally:
        house.give_back(acl)
    for done in (operator, itself):
        assert done.exit_code == 1
        assert f"ACL {service} (User:mkt-{service})" in done.output
        assert f"may not Read {kind} {PREFIX}{name}" in done.output
        command = f"--allow-principal User:mkt-{service} --operation Read --{kind} {PREFIX}{name}"
        assert command in done.output


async def test_once_the_acl_is_back_the_service_goes_on_and_nothing_is_lost(
    house: Any, stage: Stage
) -> None:
    monday = stage.weeks(3)
    team = await stage.tenant()
    goal = await team.goal(monday, monday + WEEK, 100)
    acl = house.acl("User:mkt-goal-service", "READ", "topic", f"{PREFIX}facts")
    house.take_away(acl)
    before = stage.system.facts()["pids"]["goal-service"]
    try:
        stage.clock(noon(monday))
        await team.on(monday, 7)

        async def gone() -> bool:
            return bool(stage.system.facts()["pids"].get("goal-service") != before)

        await until(gone, 60, "goal-service left for want of the ACL")
    finally:
        house.give_back(acl)
    await team.total_becomes(goal, 7)


def test_an_operator_who_may_not_see_acls_is_told_so_and_not_that_there_are_none(
    house: Any,
) -> None:
    acl = house.acl("User:mkt-paceline", "DESCRIBE", "broker", "kafka-cluster")
    house.take_away(acl)
    try:
        done = house.paceline(house.guest(), "doctor")
    finally:
        house.give_back(acl)
    assert done.exit_code == 1
    assert "User:mkt-paceline may not see them" in done.output
    assert "may not Read" not in done.output


def test_doctor_names_a_wrong_password_and_whose(house: Any) -> None:
    wrong = house.guest(PACELINE_KAFKA_PASSWORD="no", PACELINE_KAFKA_PASSWORD_FILE="")
    done = house.paceline(wrong, "doctor")
    assert done.exit_code == 1
    assert "does not know user mkt-paceline with this password" in done.output
    assert "PACELINE_KAFKA_PASSWORD_FILE" in done.output


def test_doctor_names_a_certificate_authority_that_is_not_the_brokers(house: Any) -> None:
    certificate, _ = house.kafka.authority.issue("stranger")
    done = house.paceline(house.guest(PACELINE_KAFKA_CA_FILE=str(certificate)), "doctor")
    assert done.exit_code == 1
    assert "set PACELINE_KAFKA_CA_FILE to the organisation's" in done.output


def test_doctor_names_a_missing_client_certificate(house: Any) -> None:
    bare = house.certified(PACELINE_KAFKA_CERTIFICATE_FILE="", PACELINE_KAFKA_KEY_FILE="")
    done = house.paceline(bare, "doctor")
    assert done.exit_code == 1
    assert "PACELINE_KAFKA_CERTIFICATE_FILE" in done.output


def test_a_stranger_may_not_look_at_topics_under_another_prefix(house: Any) -> None:
    done = house.paceline(house.guest(PACELINE_PREFIX="sales."), "doctor")
    assert done.exit_code == 1
    assert "grant User:mkt-paceline Describe on topics sales.*" in done.output


@pytest.fixture
def as_admin(house: Any, running: System) -> dict[str, str]:
    """The administrator's environment, with topics and positions of its own."""
    found: dict[str, str] = house.guest(
        PACELINE_PREFIX="mkt.test.",
        PACELINE_MONGODB=running.facts()["mongodb"],
        PACELINE_DATABASE_PREFIX="mkt_test_",
        PACELINE_KAFKA_USER="admin",
        PACELINE_KAFKA_PASSWORD="admin-secret",
        PACELINE_KAFKA_PASSWORD_FILE="",
    )
    return found


def test_plan_says_what_apply_would_do_and_changes_nothing(
    house: Any, as_admin: dict[str, str]
) -> None:
    def plan(*words: str) -> tuple[int, str]:
        done = house.paceline(as_admin, "topics", "plan", *words)
        return done.exit_code, done.output

    before = set(house.admin.list_topics(timeout=15).topics)
    code, text = plan("--partitions", "2")
    assert (code, text.count("create")) == (2, len(TOPICS))
    assert "first positions to make: 20" in text
    assert set(house.admin.list_topics(timeout=15).topics) == before
    assert "topic mkt.test.raw" in house.paceline(as_admin, "doctor").output

    done = house.paceline(as_admin, "topics", "apply", "--partitions", "2", "--replication", "1")
    assert done.exit_code == 0, done.output
    assert done.output.count("created") == len(TOPICS)
    assert plan("--partitions", "2")[0] == 0

    code, text = plan("--partitions", "4", "--replication", "3")
    assert code == 3
    assert "has 2 partitions, 4 are wanted: the count cannot be changed" in text
    assert "has 1 replicas, 3 are wanted" in text
    refused = house.paceline(as_admin, "topics", "apply", "--partitions", "4")
    assert refused.exit_code == 1
    assert len(house.admin.list_topics(timeout=15).topics["mkt.test.raw"].partitions) == 2


def test_the_services_run_as_well_with_certificates_alone(
    house: Any, running: System, tmp_path_factory: pytest.TempPathFactory
) -> None:
    running.stop()  # two systems at once would only be slower
    environment = house.certified(PACELINE_WATERMARK_SECONDS="0.1")
    house.let_in(environment)
    opening = datetime.combine(OPENING, time(8), UTC).timestamp()

    async def play(system: System) -> None:
        stage = Stage(system)
        monday = stage.weeks(1)
        stage.clock(noon(monday))
        team = await stage.tenant()
        goal = await team.goal(monday, monday + WEEK, 100)
        assert await team.play(goal, [(monday, 65)]) == ["yellow"]
        await team.total_becomes(goal, 65)
        await stage.close()

    with System(tmp_path_factory.mktemp("certified"), 8670, opening, environment) as system:
        asyncio.run(play(system))
        done = house.paceline(environment, "doctor", "--json", str(system.file))
        assert done.exit_code == 0, done.output
