"""HTTP read by httptools, within bounds that it does not have of its own.

It takes a fraction of h11's time, but keeps whatever comes: a line, headers and trailers of any
length, requests before the answer to the last. Bodies are bounded where they are read
(service_kit.web.bodies).
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
PIPELINED = 16


class TooMuch(Exception):
    """A sender is beyond a bound; uvicorn makes it a 400."""


class BoundedHttp(HttpToolsProtocol):
    """One connection. What is read is counted until it is part of a body, which others count."""

    _unread = 0  # bytes since the last that were a part of something whole
    _named = 0  # bytes of this request's headers and trailers

    def data_received(self, data: bytes) -> None:
        """Read on; answer 400 and close when the reading comes to nothing."""
        self._unread += len(data)
        super().data_received(data)
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
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._unread = 0
        super().on_message_complete()
