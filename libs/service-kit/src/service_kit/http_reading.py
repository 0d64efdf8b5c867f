"""HTTP read by httptools, within bounds that it does not have of its own.

It takes a fraction of h11's time, but keeps whatever comes: a line, headers and trailers of any
length, requests before the answer to the last, for as long as it takes. Bodies are bounded where
they are read (service_kit.web.bodies).
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
PIPELINED = 16
HEAD_SECONDS = 30.0
"""Whoever has not sent a whole head by then is sent away: connections are few, and cost nothing."""


class TooMuch(Exception):
    """A sender is beyond a bound; uvicorn makes it a 400."""


class BoundedHttp(HttpToolsProtocol):
    """One connection. What is read is counted until it is part of a body, which others count."""

    _unread = 0  # bytes since the last that were a part of something whole
    _named = 0  # bytes of this request's headers and trailers
    _between = True  # no head has come since the last request
    _hurry: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; answer 400 and close when the reading comes to nothing."""
        self._unread += len(data)
        super().data_received(data)
        if self._between and self._hurry is None:
            self._wait_for_head()
        if self._unread > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Headers too long.")

    def on_message_begin(self) -> None:
        """Begin a request; raises TooMuch."""
        if len(self.pipeline) >= PIPELINED:
            raise TooMuch
        self._unread = self._named = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header or a trailer; raises TooMuch."""
        self._named += len(name) + len(value)
        if self._named > HEAD_BYTES:
            raise TooMuch
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """End the head."""
        self._unread = 0
        self._between = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._unread = 0
        self._between = True
        super().on_message_complete()

    def _wait_for_head(self) -> None:
        self._hurry = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None

    def _too_slow(self) -> None:
        """Close, unless the last request is still being answered."""
        cycle: Any = self.cycle  # None before the first request
        if cycle is not None and not cycle.response_complete:
            self._wait_for_head()
        elif not self.transport.is_closing():
            self.transport.close()
