"""Everybody who waits at the door is taken in at once, on uvloop as the services run."""

import asyncio
import contextlib
import socket
from typing import Any

import pytest
import uvloop

from service_kit import http_reading
from service_kit.embedded import free_port
from service_kit.errors import Infrastructure
from service_kit.http_reading import HEAD_BYTES, PIPELINED
from service_kit.serving import Server, configured
from service_kit.testing.waiting import PATIENCE

CROWD = 100
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def make(port: int, app: Any) -> Server:
    return Server(configured(app, "127.0.0.1", port, lifespan="off"))


async def started(server: Server) -> "asyncio.Task[None]":
    serving = asyncio.create_task(server.open())
    while not server.started:
        await asyncio.sleep(0.01)
    return serving


async def ended(server: Server, serving: "asyncio.Task[None]") -> None:
    server.should_exit = True
    await asyncio.wait_for(serving, PATIENCE)


def crowd(port: int) -> list[socket.socket]:
    found = [socket.create_connection(("127.0.0.1", port)) for _ in range(CROWD)]
    for each in found:
        each.sendall(REQUEST)
        each.setblocking(False)
    return found


async def answers(connections: list[socket.socket]) -> list[bytes]:
    loop = asyncio.get_running_loop()

    async def read(connection: socket.socket) -> bytes:
        parts = [part async for part in parts_of(connection)]
        connection.close()
        return b"".join(parts)

    async def parts_of(connection: socket.socket) -> Any:
        while part := await loop.sock_recv(connection, 4096):
            yield part

    return await asyncio.wait_for(asyncio.gather(*map(read, connections)), PATIENCE)


class Hall:
    """An application in which everybody waits until the last has come."""

    def __init__(self) -> None:
        self.inside = 0
        self.full = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        if self.inside == CROWD:
            self.full.set()
        await self.full.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def test_a_crowd_that_came_while_the_loop_was_busy_is_inside_after_a_few_rounds() -> None:
    async def body() -> None:
        port, hall = free_port(), Hall()
        server = make(port, hall)
        serving = await started(server)
        waiting = crowd(port)  # the loop stands still meanwhile
        for _ in range(20):
            await asyncio.sleep(0)
        inside = hall.inside
        found = await answers(waiting)
        assert [text.partition(b"\r\n")[0] for text in found] == [
            b"HTTP/1.1 204 No Content"
        ] * CROWD
        await ended(server, serving)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        assert inside == CROWD

    uvloop.run(body())


def test_who_is_gone_before_its_turn_disturbs_nobody() -> None:
    async def body() -> None:
        port, hall = free_port(), Hall()
        server = make(port, hall)
        serving = await started(server)
        for _ in range(CROWD):
            socket.create_connection(("127.0.0.1", port)).close()
        waiting = await asyncio.to_thread(crowd, port)
        assert len(await answers(waiting)) == CROWD
        await ended(server, serving)

    uvloop.run(body())


def test_a_port_that_is_taken_is_an_error_of_the_surroundings() -> None:
    async def body() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            server = make(taken.getsockname()[1], Hall())
            with pytest.raises(Infrastructure, match="did not open"):
                await server.open()

    uvloop.run(body())


class Told:
    """An application that reads its body and says how many headers it was sent."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        body = str(len(scope["headers"])).encode()
        length = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": body})


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "one header": (HEAD + b"X: ", b"a" * 1000),
    "many headers": (HEAD, b"X: a\r\n" * 100),
    "the line": (b"GET /", b"a" * 1000),
    "one trailer": (CHUNKED + b"X: ", b"a" * 1000),
    "many trailers": (CHUNKED, b"X: a\r\n" * 100),
    "an extension of a chunk": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;x=",
        b"a" * 1000,
    ),
    "lines before the first": (b"", b"\r\n" * 500),
}


async def sent(port: int, first: bytes, again: bytes, times: int) -> bytes:
    """Send until the server will have no more, and return what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    try:
        writer.write(first)
        for _ in range(times):
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(0)
        said = await asyncio.wait_for(reader.read(), PATIENCE)
    except ConnectionError:
        with contextlib.suppress(ConnectionError):
            said = await asyncio.wait_for(reader.read(), PATIENCE)
    finally:
        writer.close()
    return said


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_has_no_end_before_or_behind_the_body_is_refused_soon(kind: str) -> None:
    async def body() -> None:
        port = free_port()
        server = make(port, Told())
        serving = await started(server)
        said = await sent(port, *ENDLESS[kind], 20_000)
        assert said[:12] in (b"", b"HTTP/1.1 400")  # empty: it left before it was read
        assert not server.server_state.connections
        await ended(server, serving)

    uvloop.run(body())


class Slow(Told):
    """An application that thinks for longer than a head may take."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.5)
        await super().__call__(scope, receive, send)


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b""),
        (b"", b"\r\n"),
        (HEAD, b"X"),
        (HEAD + b"Content-Length: 0\r\n\r\n" + HEAD, b"X"),
        (HEAD + b"Content-Length: 0\r\n\r\n", b"\r\n"),
    ],
)
def test_a_head_that_does_not_come_ends_its_connection_and_no_answer(
    first: bytes, drop: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_reading, "HEAD_SECONDS", 0.2)

    async def body() -> None:
        port = free_port()
        server = make(port, Slow())
        serving = await started(server)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first)
        said, left = b"", False
        for _ in range(60):
            try:
                part = await asyncio.wait_for(reader.read(4096), 0.03)
            except TimeoutError:
                writer.write(drop)
                continue
            said, left = said + part, not part
            if left:
                break
        writer.close()
        await ended(server, serving)
        assert left
        assert said.count(b"HTTP/1.1 200") == first.count(b"Length")

    uvloop.run(body())


def test_long_headers_and_a_long_body_are_read_as_they_were_sent() -> None:
    async def body() -> None:
        port = free_port()
        server = make(port, Told())
        serving = await started(server)
        count = HEAD_BYTES // 400
        head = HEAD + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 300) for i in range(count))
        request = head + b"Connection: close\r\nContent-Length: 4000000\r\n\r\n" + b"b" * 4_000_000
        said = await sent(port, request, b"", 0)
        assert said.endswith(b"\r\n\r\n%d" % (count + 3))
        await ended(server, serving)

    uvloop.run(body())


def test_a_sender_may_be_a_few_requests_ahead_of_the_answers_and_not_thousands() -> None:
    async def body() -> None:
        port = free_port()
        server = make(port, Told())
        serving = await started(server)
        get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        some = await sent(port, get * (PIPELINED - 1) + last, b"", 0)
        assert some.count(b"HTTP/1.1 200") == PIPELINED
        many = await sent(port, get * 2000, b"", 0)
        assert many.count(b"HTTP/1.1 200") <= PIPELINED + 1
        assert b"HTTP/1.1 400" in many
        await ended(server, serving)

    uvloop.run(body())
