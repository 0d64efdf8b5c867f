"""A word from who has committed to the relay: these bundles are written.

One datagram a transaction, {database, origin: bundle} in JSON. It carries no row and is believed
in nothing but that it is worth looking, so a lost one costs time and a false one a query.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec

from service_kit.errors import Infrastructure

log = logging.getLogger(__name__)

Heard = Callable[[str, Mapping[str, int]], None]


class Hint(msgspec.Struct, frozen=True):
    """``told`` has the number of each origin's newest bundle."""

    database: str
    told: dict[str, int]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Hint).decode


class Teller:
    """Tells the relay at ``address`` (HOST:PORT) what a database has got; never waits or raises."""

    def __init__(self, address: str, database: str) -> None:
        self._to = place_of(address)
        self._database = database
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def __call__(self, told: Mapping[str, int]) -> None:
        """Tell of an origin's newest bundles."""
        with contextlib.suppress(OSError):
            self._socket.sendto(_encode(Hint(self._database, dict(told))), self._to)

    def close(self) -> None:
        """Tell no more."""
        self._socket.close()


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, _: Any) -> None:
        try:
            hint = _decode(data)
        except msgspec.DecodeError as error:
            log.debug("not a hint: %s", error)
        else:
            self._heard(hint.database, hint.told)


@contextlib.asynccontextmanager
async def listening(address: str, heard: Heard) -> AsyncIterator[None]:
    """Call ``heard`` with every hint while open; raises Infrastructure: the address is taken."""
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Ear(heard), local_addr=place_of(address)
        )
    except OSError as error:
        raise Infrastructure(f"listening at {address}: {error}") from error
    try:
        yield
    finally:
        transport.close()


def place_of(address: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT."""
    host, _, port = address.rpartition(":")
    return host, int(port)
