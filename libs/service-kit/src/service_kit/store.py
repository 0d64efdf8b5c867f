"""MongoDB as this system uses it: majority everywhere, one session per loop, bounded retries."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from pymongo import AsyncMongoClient, WriteConcern
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

from service_kit.documents import CODEC, Document, find_ids, portions
from service_kit.errors import Infrastructure
from service_kit.transaction import Tx

__all__ = ["CODEC", "Document", "Session", "Store", "Tx", "find_ids", "portions"]

log = logging.getLogger(__name__)

T = TypeVar("T")

Tell = Callable[[Mapping[str, int]], None]
RETRY_FOR = 30.0
MAJORITY = WriteConcern("majority", j=True)
SNAPSHOT = ReadConcern("snapshot")
MONGODB_8 = 25  # its wire version


class Session:
    """One long-lived server session. It holds one transaction at a time: one loop, one session."""

    def __init__(self, db: Any, raw: Any, tell: Tell | None = None) -> None:
        """``tell`` hears of the bundles of every transaction that has been committed."""
        self._db = db
        self._raw = raw
        self._tell = tell
        self._free = asyncio.Lock()

    @property
    def id(self) -> Any:
        """The session's id on the server, for the ``owners`` documents."""
        return self._raw.session_id["id"]

    async def run(self, body: Callable[[Tx], Awaitable[T]]) -> T:
        """Run ``body`` in a transaction and commit it; return what it returned.

        The body may run several times: it must not change memory. What it raises aborts the
        transaction and is raised on. Raises Infrastructure when conflicts or an unknown commit
        outlast RETRY_FOR seconds: the effect is then unknown and the process has to leave.
        """
        async with self._free:
            return await self._run(body)

    async def _run(self, body: Callable[[Tx], Awaitable[T]]) -> T:
        deadline = asyncio.get_running_loop().time() + RETRY_FOR
        pause = 0.005
        while True:
            try:
                await self._raw.start_transaction(read_concern=SNAPSHOT, write_concern=MAJORITY)
                tx = Tx(self._db, self._raw)
                result = await body(tx)
                await tx.flush()
                await self._commit(deadline)
                if self._tell is not None and tx.told:
                    self._tell(tx.told)
                return result
            except PyMongoError as error:
                await self._abort()
                if not _again(error) or asyncio.get_running_loop().time() > deadline:
                    raise Infrastructure(f"transaction: {error}") from error
            except BaseException:
                await self._abort()
                raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.25)

    async def _commit(self, deadline: float) -> None:
        while True:
            try:
                await self._raw.commit_transaction()
                return
            except PyMongoError as error:
                unknown = error.has_error_label("UnknownTransactionCommitResult")
                if not unknown or asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(0.01)

    async def _abort(self) -> None:
        if self._raw.in_transaction:
            try:
                await self._raw.abort_transaction()
            except PyMongoError as error:  # the server ends it with the session or its lifetime
                log.debug("abort: %s", error)


def _again(error: PyMongoError) -> bool:
    """Whether the whole body may run again.

    E11000 inside a transaction means that another one inserted the same deterministic ``_id``
    first: the next snapshot shows it.
    """
    return error.has_error_label("TransientTransactionError") or _is_duplicate(error)


def _is_duplicate(error: PyMongoError) -> bool:
    """Whether it is E11000, which bulk_write and insert_many wrap."""
    if isinstance(error, BulkWriteError):
        return any(failed["code"] == 11000 for failed in error.details["writeErrors"])
    return isinstance(error, DuplicateKeyError)


class Store:
    """One service's database."""

    def __init__(self, client: Any, database: str) -> None:
        self.client = client
        self.db = client.get_database(
            database,
            codec_options=CODEC,
            write_concern=MAJORITY,
            read_concern=ReadConcern("majority"),
        )

    @classmethod
    def connect(cls, uri: str, database: str) -> "Store":
        """Return the store at ``uri``; connects at the first call."""
        return cls(AsyncMongoClient(uri, retryWrites=True, retryReads=True), database)

    async def check(self) -> None:
        """Raise Infrastructure on an older server, one without transactions or with an arbiter."""
        hello = await self.client.admin.command({"hello": 1})
        if "setName" not in hello:
            raise Infrastructure("MongoDB is standalone: transactions need a replica set")
        if hello.get("arbiters"):
            raise Infrastructure("MongoDB has an arbiter: w=majority may be lost with it")
        if hello.get("maxWireVersion", MONGODB_8) < MONGODB_8:
            raise Infrastructure("MongoDB is older than 8.0: it does not know bulkWrite")

    async def session(self) -> Session:
        """Open a session of this database."""
        return Session(self.db, self.client.start_session(causal_consistency=False))

    async def close(self) -> None:
        """Close all connections."""
        await self.client.close()
