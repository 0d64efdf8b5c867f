"""How a client of librdkafka comes about; its settings are named as librdkafka names them."""

import ctypes
from collections.abc import Mapping
from typing import Any

from service_kit.errors import Infrastructure
from service_kit.librdkafka.library import library

_TEXT_BYTES = 512


def configuration(config: Mapping[str, Any]) -> Any:
    """Return a configuration for ``client``; raises Infrastructure if it will not do."""
    text = ctypes.create_string_buffer(_TEXT_BYTES)
    made = library().rd_kafka_conf_new()
    for name, value in config.items():
        written = str(value).lower() if isinstance(value, bool) else str(value)
        setting = made, name.encode(), written.encode(), text, _TEXT_BYTES
        if library().rd_kafka_conf_set(*setting):
            library().rd_kafka_conf_destroy(made)
            raise Infrastructure(f"{name}: {text.value.decode()}")
    return made


def client(kind: int, made: Any) -> Any:
    """Return a handle; it owns the configuration from now on. Raises Infrastructure."""
    text = ctypes.create_string_buffer(_TEXT_BYTES)
    handle = library().rd_kafka_new(kind, made, text, _TEXT_BYTES)
    if not handle:
        library().rd_kafka_conf_destroy(made)
        raise Infrastructure(f"a client: {text.value.decode()}")
    return handle
