"""Everybody who waits at the door is taken in at once, on uvloop as the services run."""

import asyncio
import socket
from typing import Any

import pytest
import uvicorn
import uvloop

from service_kit.embedded import free_port
from service_kit.errors import Infrastructure
from service_kit.serving import Server

CROWD = 100
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def make(port: int, app: Any) -> Server:
    settings: dict[str, Any] = {"log_config": None, "access_log": False, "lifespan": "off"}
    return Server(uvicorn.Config(app, "127.0.0.1", port, **settings))


async def started(server: Server) -> "asyncio.Task[None]":
    serving = asyncio.create_task(server.open())
    while not server.started:
        await asyncio.sleep(0.01)
    return serving


async def ended(server: Server, serving: "asyncio.Task[None]") -> None:
    server.should_exit = True
    await asyncio.wait_for(serving, 5)


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

    return await asyncio.wait_for(asyncio.gather(*map(read, connections)), 10)


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
