"""A client session as pymongo's async API shows it."""

from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from pymongo.errors import AutoReconnect, InvalidOperation, OperationFailure

from service_kit.testing.fake_mongo.hook import Fault
from service_kit.testing.fake_mongo.storage import Transaction

if TYPE_CHECKING:
    from service_kit.testing.fake_mongo.client import FakeMongo

UNKNOWN = "UnknownTransactionCommitResult"


class _State(Enum):
    NONE = auto()
    STARTING = auto()
    IN_PROGRESS = auto()
    COMMITTED = auto()
    COMMITTED_EMPTY = auto()
    ABORTED = auto()


class FakeSession:
    """The client's half of a transaction, with pymongo's states."""

    def __init__(self, client: "FakeMongo") -> None:
        self.session_id = {"id": client.server.new_session_id()}
        self._client = client
        self._state = _State.NONE

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction was started and neither committed nor aborted."""
        return self._state in (_State.STARTING, _State.IN_PROGRESS)

    async def start_transaction(self, **_: Any) -> "_Block":
        """Start a transaction; its snapshot is taken at the first call."""
        if self.in_transaction:
            raise InvalidOperation("Transaction already in progress")
        self._state = _State.STARTING
        return _Block(self)

    def enter(self) -> Transaction | None:
        """Return the server's transaction for a call that is made now, None outside of one."""
        if not self.in_transaction:
            return None
        server, me = self._client.server, self.session_id["id"]
        if self._state is _State.STARTING:
            self._state = _State.IN_PROGRESS
            return server.begin(me)
        return server.current(me)

    async def commit_transaction(self) -> None:
        """Commit; may be called again after an unknown result."""
        if self._state in (_State.STARTING, _State.COMMITTED_EMPTY):
            self._state = _State.COMMITTED_EMPTY
            return
        if self._state is _State.NONE:
            raise InvalidOperation("No transaction started")
        if self._state is _State.ABORTED:
            raise InvalidOperation("Cannot call commitTransaction after calling abortTransaction")
        point = self._client.point
        fault = await point("commit:") if point else None
        self._state = _State.COMMITTED
        if fault is not Fault.NOT_DONE:
            self._client.server.commit(self.session_id["id"])
        if fault is not None:
            raise AutoReconnect("connection lost", {"errorLabels": [UNKNOWN]})
        if point:
            await point("committed:")

    async def abort_transaction(self) -> None:
        """Abort; what the server thinks of it does not matter, as in pymongo."""
        if self._state is _State.STARTING:
            self._state = _State.ABORTED
            return
        if self._state is not _State.IN_PROGRESS:
            raise InvalidOperation("No transaction started")
        point = self._client.point
        fault = await point("abort:") if point else None
        self._state = _State.ABORTED
        if fault is not Fault.NOT_DONE:
            try:
                self._client.server.abort(self.session_id["id"])
            except OperationFailure:
                return

    async def end_session(self) -> None:
        """Abort what is open."""
        if self.in_transaction:
            await self.abort_transaction()

    async def __aenter__(self) -> "FakeSession":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end_session()


class _Block:
    """``async with await session.start_transaction()``: commits at the end, aborts on an error."""

    def __init__(self, session: FakeSession) -> None:
        self._session = session

    async def __aenter__(self) -> FakeSession:
        return self._session

    async def __aexit__(self, kind: object, *_: object) -> None:
        if self._session.in_transaction:
            if kind is None:
                await self._session.commit_transaction()
            else:
                await self._session.abort_transaction()
