import pytest

from service_kit.errors import SettingError
from service_kit.settings import Settings, seconds


def test_an_empty_environment_gives_the_defaults_of_the_service() -> None:
    settings = Settings.from_environment("goal-service", 8102, {})
    assert settings.database == "paceline_goal_service"
    assert settings.keys_database == "paceline_keys"
    assert settings.instance == "goal-service-0"
    assert (settings.host, settings.port, settings.partitions) == ("127.0.0.1", 8102, 4)
    assert settings.loop is None


def test_the_environment_comes_before_the_defaults() -> None:
    environment = {
        "PACELINE_KAFKA": "k:9",
        "PACELINE_MONGODB": "mongodb://m",
        "PACELINE_PREFIX": "mkt.prod.",
        "PACELINE_DATABASE_PREFIX": "p_",
        "PACELINE_PARTITIONS": "12",
        "PACELINE_INSTANCE": "g-7",
        "PACELINE_HOST": "0.0.0.0",
        "PACELINE_PORT": "9000",
        "PACELINE_LOOP": "aiokafka",
        "PACELINE_WATERMARK_SECONDS": "0.2",
        "PACELINE_LOG": "debug",
    }
    assert Settings.from_environment("alerting", 1, environment) == Settings(
        service="alerting",
        kafka="k:9",
        mongodb="mongodb://m",
        prefix="mkt.prod.",
        database_prefix="p_",
        partitions=12,
        instance="g-7",
        host="0.0.0.0",
        port=9000,
        loop="aiokafka",
        watermark_seconds=0.2,
        log="DEBUG",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PACELINE_PARTITIONS", "0"),
        ("PACELINE_PARTITIONS", "four"),
        ("PACELINE_PORT", "65536"),
        ("PACELINE_LOOP", "spark"),
        ("PACELINE_WATERMARK_SECONDS", "nan"),
        ("PACELINE_WATERMARK_SECONDS", "-1"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name}='{value}': .* needed"):
        Settings.from_environment("alerting", 1, {name: value})


def test_without_an_issuer_only_keys_let_anybody_in() -> None:
    plain = Settings.from_environment("alerting", 8103, {"PACELINE_OIDC_ISSUER": ""})
    assert (plain.issuer, plain.audience) == (None, "paceline")
    env = {"PACELINE_OIDC_ISSUER": "https://id.example", "PACELINE_OIDC_AUDIENCE": "goals"}
    named = Settings.from_environment("alerting", 8103, env)
    assert (named.issuer, named.audience) == ("https://id.example", "goals")


@pytest.mark.parametrize("value", ["soon", "0", "3601", "inf"])
def test_a_length_of_time_that_cannot_be_read_is_named(value: str) -> None:
    assert seconds({}, "PACELINE_PATIENCE_SECONDS", 300.0) == 300.0
    with pytest.raises(SettingError, match=f"PACELINE_PATIENCE_SECONDS='{value}': seconds"):
        seconds({"PACELINE_PATIENCE_SECONDS": value}, "PACELINE_PATIENCE_SECONDS", 300.0)
