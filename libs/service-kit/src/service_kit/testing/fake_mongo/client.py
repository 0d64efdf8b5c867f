"""The client: databases, sessions and the few admin commands that are used."""

from collections.abc import Mapping
from typing import Any

from pymongo.errors import AutoReconnect, OperationFailure

from service_kit.testing.fake_mongo.client_bulk import bulk_write
from service_kit.testing.fake_mongo.collection import FakeCollection
from service_kit.testing.fake_mongo.hook import Fault, Point
from service_kit.testing.fake_mongo.session import FakeSession
from service_kit.testing.fake_mongo.storage import Server


class FakeDatabase:
    """One database."""

    def __init__(self, client: "FakeMongo", name: str) -> None:
        self.client = client
        self.name = name

    def __getitem__(self, name: str) -> FakeCollection:
        return FakeCollection(self.client, self.name, name)

    def get_collection(self, name: str, **_: Any) -> FakeCollection:
        """Return a collection."""
        return self[name]

    async def command(
        self,
        command: str | Mapping[str, Any],
        value: Any = 1,
        *,
        session: Any = None,
        **_: Any,
    ) -> dict[str, Any]:
        """Run hello, ping, killSessions or, in a transaction, bulkWrite."""
        document = {command: value} if isinstance(command, str) else dict(command)
        name = next(iter(document))
        if name == "bulkWrite":
            return await bulk_write(self.client, document, session)
        point = self.client.point
        fault = await point(f"{name}:") if point else None
        if fault is Fault.NOT_DONE:
            raise AutoReconnect("connection lost")
        answer = self.client.run(name, document[name])
        if fault is Fault.DONE:
            raise AutoReconnect("connection lost")
        return answer


class FakeMongo:
    """Stands in for AsyncMongoClient: the same calls, in memory, with snapshot transactions.

    Several clients may share one server; ``point`` is awaited before every call to it.
    """

    def __init__(self, server: Server | None = None, point: Point | None = None) -> None:
        self.server = server or Server()
        self.point = point

    @property
    def admin(self) -> FakeDatabase:
        """The admin database."""
        return FakeDatabase(self, "admin")

    def __getitem__(self, name: str) -> FakeDatabase:
        return FakeDatabase(self, name)

    def get_database(self, name: str, **_: Any) -> FakeDatabase:
        """Return a database; concerns and codec are what they are everywhere here."""
        return FakeDatabase(self, name)

    def start_session(self, **_: Any) -> FakeSession:
        """Open a session."""
        return FakeSession(self)

    def run(self, name: str, value: Any) -> dict[str, Any]:
        """Run an admin command, at once."""
        match name:
            case "hello" | "ping":
                return {"ok": 1.0, "isWritablePrimary": True, "setName": "fake", "hosts": ["fake"]}
            case "killSessions":
                for session in value:
                    self.server.abort(session["id"])
                return {"ok": 1.0}
        raise OperationFailure(f"no such command: '{name}'", 59)

    async def close(self) -> None:
        """Do nothing."""

    async def __aenter__(self) -> "FakeMongo":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
