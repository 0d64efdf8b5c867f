"""The HTTP server of a service: uvicorn, without its signal handlers, at a door that never queues.

uvloop takes in one connection each time its loop comes round. Where a round is long, because what
was taken in is worked on, a crowd waits in the kernel for as long as that takes, where nobody can
tell it to come again. Here all who wait are taken in at once; who is served is the gate's affair.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from service_kit.errors import Infrastructure
from service_kit.http_reading import BoundedHttp

AT_ONCE = 256
"""Connections taken in per round of the loop."""


def configured(app: Any, host: str, port: int, **more: Any) -> uvicorn.Config:
    """Return how every server of ours serves an application; ``more`` is uvicorn's."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=BoundedHttp,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
        **more,
    )


class Server(uvicorn.Server):
    """Serves until ``should_exit``; the signals are the runtime's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._listening: list[socket.socket] = []
        self._joining: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Serve; raises Infrastructure when the port cannot be had."""
        try:
            await self.serve()
        except SystemExit as error:  # uvicorn's way; it would pass by everything that looks on
            address = f"{self.config.host}:{self.config.port}"
            raise Infrastructure(f"the HTTP door at {address} did not open") from error

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and look for all who wait whenever somebody does."""
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for each in server.sockets:
                # The loop's own reader stays on the original; both see the same queue.
                listening = socket.socket(fileno=os.dup(each.fileno()))
                listening.setblocking(False)
                loop.add_reader(listening.fileno(), self._take_in, loop, listening)
                self._listening.append(listening)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, then let what was taken in come to its end."""
        loop = asyncio.get_running_loop()
        while self._listening:
            listening = self._listening.pop()
            loop.remove_reader(listening.fileno())
            listening.close()
        await super().shutdown(sockets)

    def _take_in(self, loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _address = listening.accept()
            except OSError:  # nobody is left, or no more can be had: the loop's own reader minds it
                return
            connection.setblocking(False)
            task = loop.create_task(loop.connect_accepted_socket(self._protocol, connection))
            self._joining.add(task)
            task.add_done_callback(self._joined)

    def _joined(self, task: "asyncio.Task[Any]") -> None:
        self._joining.discard(task)
        if not task.cancelled():
            task.exception()  # who was gone before it was let in is nobody's error

    def _protocol(self) -> asyncio.Protocol:
        made: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = made(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol
