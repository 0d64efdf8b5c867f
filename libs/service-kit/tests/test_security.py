import ast
import ssl
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from service_kit.errors import SettingError
from service_kit.loops import LoopSettings
from service_kit.loops.aiokafka import kafka_consumer
from service_kit.loops.faust import app_settings
from service_kit.security import KafkaAccess, KafkaSecurity
from service_kit.security_environment import principal_of, read_security
from service_kit.settings import Settings
from service_kit.testing.certificates import Authority

ROOT = Path(__file__).resolve().parents[3]
SCRAM = KafkaSecurity("SASL_SSL", "SCRAM-SHA-512", "mkt", "secret")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def variables(**values: object) -> dict[str, str]:
    return {f"PACELINE_KAFKA_{name}": str(value) for name, value in values.items()}


def refusal(**values: object) -> SettingError:
    with pytest.raises(SettingError) as refused:
        read_security("alerting", variables(**values))
    return refused.value


def test_without_variables_a_client_speaks_plaintext_as_before() -> None:
    assert read_security("alerting", {}) == KafkaSecurity()
    assert KafkaAccess("k:9").librdkafka() == {
        "bootstrap.servers": "k:9",
        "client.id": "paceline",
        "security.protocol": "PLAINTEXT",
    }


def test_one_set_of_variables_gives_every_service_its_own_user_and_password_file(
    tmp_path: Path,
) -> None:
    for service in ("alerting", "relay"):
        (tmp_path / service).write_text(f"of {service}\n")
    env = variables(
        PROTOCOL="SASL_SSL", USER="mkt-{service}", PASSWORD_FILE=f"{tmp_path}/{{service}}"
    )
    found = [read_security(service, env) for service in ("alerting", "relay")]
    assert [(each.user, each.password) for each in found] == [
        ("mkt-alerting", "of alerting"),
        ("mkt-relay", "of relay"),
    ]
    assert principal_of("relay", env) == "User:mkt-relay"
    assert principal_of("relay", variables(PRINCIPAL="CN={service},O=x")) == "User:CN=relay,O=x"


def test_a_password_is_not_shown_with_the_settings() -> None:
    assert "secret" not in repr(Settings("alerting", security=SCRAM))


@pytest.mark.parametrize(
    ("values", "where", "right"),
    [
        ({"PROTOCOL": "TLS"}, "PROTOCOL", "SASL_SSL"),
        ({"PROTOCOL": "SASL_SSL", "USER": "u", "PASSWORD": "p", "MECHANISM": "MD5"},
         "MECHANISM", "SCRAM-SHA-512"),
        ({"USER": "u"}, "USER", "SASL_SSL"),
        ({"CA_FILE": "/ca"}, "CA_FILE", "SASL_SSL"),
        ({"PROTOCOL": "SSL", "PASSWORD": "p"}, "PASSWORD", "SASL_SSL"),
        ({"PROTOCOL": "SASL_PLAINTEXT", "USER": "u", "PASSWORD": "p", "CHECK_HOSTNAME": "false"},
         "CHECK_HOSTNAME", "SASL_SSL"),
        ({"PROTOCOL": "SASL_SSL", "PASSWORD": "p"}, "USER", "needs it"),
        ({"PROTOCOL": "SASL_SSL", "USER": "u"}, "PASSWORD_FILE", "needs it"),
        ({"PROTOCOL": "SASL_SSL", "USER": "u", "PASSWORD": "p", "PASSWORD_FILE": "/p"},
         "PASSWORD", "only one"),
        ({"PROTOCOL": "SASL_SSL", "USER": "u", "PASSWORD_FILE": "/not/there"},
         "PASSWORD_FILE", "path of a file"),
        ({"PROTOCOL": "SSL", "CHECK_HOSTNAME": "no"}, "CHECK_HOSTNAME", "false"),
    ],
)  # fmt: skip
def test_a_wrong_combination_says_what_where_and_what_would_be_right(
    values: dict[str, str], where: str, right: str
) -> None:
    refused = refusal(**values)
    assert refused.where == f"PACELINE_KAFKA_{where}"
    assert right in refused.en
    assert refused.said("zh").startswith(f"PACELINE_KAFKA_{where}：")
    assert refused.zh != refused.en


def test_a_certificate_without_its_own_key_is_refused(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("alerting")
    _, other = authority.issue("relay")
    mine = {"PROTOCOL": "SSL", "CA_FILE": authority.certificate, "CERTIFICATE_FILE": certificate}
    assert read_security("alerting", variables(**mine, KEY_FILE=key)).key == str(key)
    assert refusal(**mine).where == "PACELINE_KAFKA_KEY_FILE"
    assert "belongs to" in refusal(**mine, KEY_FILE=other).en
    nothing = tmp_path / "ca.pem"
    nothing.write_text("no certificate")
    assert refusal(PROTOCOL="SSL", CA_FILE=nothing).where == "PACELINE_KAFKA_CA_FILE"


def test_every_client_is_told_the_same(authority: Authority) -> None:
    certificate, key = authority.issue("goal-service")
    both = KafkaSecurity(
        "SASL_SSL", "SCRAM-SHA-512", "mkt", "secret", str(authority.certificate),
        str(certificate), str(key), check_hostname=False,
    )  # fmt: skip
    access = KafkaAccess("k:9", both, "mkt.prod.goal-service-0")
    assert access.librdkafka() == {
        "bootstrap.servers": "k:9",
        "client.id": "mkt.prod.goal-service-0",
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": "mkt",
        "sasl.password": "secret",
        "ssl.endpoint.identification.algorithm": "none",
        "ssl.ca.location": str(authority.certificate),
        "ssl.certificate.location": str(certificate),
        "ssl.key.location": str(key),
    }
    told = access.aiokafka()
    assert isinstance(told.pop("ssl_context"), ssl.SSLContext)
    assert told == {
        "bootstrap_servers": "k:9",
        "client_id": "mkt.prod.goal-service-0",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "mkt",
        "sasl_plain_password": "secret",
    }
    faust = access.faust()["broker_credentials"]
    assert (faust.protocol.value, faust.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (faust.username, faust.password) == ("mkt", "secret")
    assert not faust.ssl_context.check_hostname


async def test_the_clients_accept_what_they_are_told(authority: Authority) -> None:
    ours = KafkaSecurity("SASL_SSL", user="u", password="p", ca=str(authority.certificate))
    access = KafkaAccess("127.0.0.1:1", ours)
    quiet = {**access.librdkafka(), "log_level": 0}
    AdminClient(quiet)
    Producer(quiet)
    Consumer({**quiet, "group.id": "g"}).close()
    settings = LoopSettings(access, "mkt.prod.", "alerting", "a-0", ("goals",))
    await kafka_consumer(settings).stop()
    assert app_settings(settings)["broker_credentials"].username == "u"
    plain = LoopSettings(KafkaAccess("k:9"), "p.", "alerting", "a-0", ("goals",))
    assert "broker_credentials" not in app_settings(plain)


def test_prefixes_stand_before_topics_groups_and_client_names() -> None:
    env = {"PACELINE_PREFIX": "mkt.prod."}
    ours = Settings.from_environment("alerting", 8103, env)
    assert (ours.groups, ours.access.client) == ("mkt.prod.", "mkt.prod.alerting-0")
    more = variables(GROUP_PREFIX="mkt.g.", CLIENT_PREFIX="mkt.c.", REPLICATION=3)
    theirs = Settings.from_environment("alerting", 8103, env | more)
    assert (theirs.groups, theirs.access.client) == ("mkt.g.", "mkt.c.alerting-0")
    assert theirs.replication == 3
    loop = LoopSettings(
        theirs.access, "mkt.prod.", "alerting", "a-0", ("goals",), group_prefix="g."
    )
    assert (loop.broker_group, list(loop.names)) == ("g.alerting", ["mkt.prod.goals"])


def test_only_the_security_module_names_a_brokers_address_to_a_client() -> None:
    sources = [
        path
        for folder in ("libs", "services", "cli", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        # The peers of the benchmarks are programs of their own, without a line of ours.
        if not {"tests", "peers"} & set(path.relative_to(ROOT).parts)
    ]
    addressed = {path.name for path in sources if _addresses(path)}
    assert addressed == {"security.py"}
    assert len(sources) > 100


def _addresses(path: Path) -> bool:
    """Whether the code has a word without which no client can be made (docstrings aside)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    words = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    } | {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg}
    told = {"bootstrap.servers", "metadata.broker.list", "bootstrap_servers", "broker_url"}
    return bool(words & told) or any(word.startswith("kafka://") for word in words)
