"""How this command reaches a broker whose address it was told: with the environment's credentials.

Nothing secret stands in the file of a running system, so a second terminal needs the same
variables PACELINE_KAFKA_* as the first.
"""

import os
from dataclasses import replace

from paceline.show import fail
from paceline.words import language
from service_kit.errors import SettingError
from service_kit.security import KafkaAccess
from service_kit.security_environment import CREDENTIALS
from service_kit.settings import Settings

COMMAND = "paceline"  # what stands for {service} in the variables


def environment_settings(service: str = COMMAND, *, credentials: bool = True) -> Settings:
    """Return the environment's settings; leaves with what is wrong with them.

    Without ``credentials`` those are not looked at: who has none yet may still ask for names.
    """
    ignored = frozenset() if credentials else CREDENTIALS
    environment = {name: text for name, text in os.environ.items() if name not in ignored}
    try:
        return Settings.from_environment(service, 0, environment)
    except SettingError as error:
        fail(error.said(language()))
    except ValueError as error:
        fail(str(error))


def access_to(bootstrap: str) -> KafkaAccess:
    """Return how to reach the broker at this address."""
    return replace(environment_settings(), kafka=bootstrap).access
