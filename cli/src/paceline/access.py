"""How this command reaches a broker whose address it was told: with the environment's credentials.

Nothing secret stands in the file of a running system, so a second terminal needs the same
variables PACELINE_KAFKA_* as the first.
"""

from dataclasses import replace

from paceline.show import fail
from paceline.words import language
from service_kit.errors import SettingError
from service_kit.security import KafkaAccess
from service_kit.settings import Settings

COMMAND = "paceline"  # what stands for {service} in the variables


def environment_settings(service: str = COMMAND, *, broker: bool = True) -> Settings:
    """Return the environment's settings; leaves with what is wrong with them.

    Without ``broker`` its credentials are not looked at: who has none yet may still ask for names.
    """
    try:
        return Settings.from_environment(service, 0, broker=broker)
    except SettingError as error:
        fail(error.said(language()))
    except ValueError as error:
        fail(str(error))


def access_to(bootstrap: str) -> KafkaAccess:
    """Return how to reach the broker at this address."""
    return replace(environment_settings(), kafka=bootstrap).access
