"""Ports of this machine."""

import socket
from collections.abc import Iterable

from service_kit.embedded.process import LOOPBACK


def taken(ports: Iterable[int]) -> list[int]:
    """Return those ports on which somebody listens."""
    return [port for port in ports if _listens(port)]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
