"""The server's storage: every version of every document, and transactions with snapshots.

The first writer of a document wins: a transaction that writes what another one, open or committed
since the snapshot, has written gets a WriteConflict. A read never conflicts with a write, so write
skew is possible, as on MongoDB.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

from bson.binary import Binary
from pymongo.errors import DuplicateKeyError, OperationFailure

from service_kit.testing.fake_mongo.query import at, matches
from service_kit.testing.fake_mongo.values import order

T = TypeVar("T")
Document = dict[str, Any]
LIFETIME = 60.0
TRANSIENT = "TransientTransactionError"


def key_of(identity: Any) -> Hashable:
    """Return what identifies a document in a table."""
    return identity if type(identity) in (str, int) else order(identity)


def write_conflict() -> OperationFailure:
    """Return the error of a transaction that came second."""
    labels = {"errorLabels": [TRANSIENT], "code": 112, "codeName": "WriteConflict"}
    return OperationFailure("Write conflict during plan execution", 112, labels)


def no_such_transaction() -> OperationFailure:
    """Return the error of a call in a transaction that the server has ended."""
    labels = {"errorLabels": [TRANSIENT], "code": 251, "codeName": "NoSuchTransaction"}
    return OperationFailure("Transaction has been aborted", 251, labels)


def duplicate(table: "Table", fields: dict[str, Any]) -> DuplicateKeyError:
    """Return the error of a unique key that exists."""
    message = f"E11000 duplicate key error collection: {table.name} dup key: {fields}"
    return DuplicateKeyError(message, 11000, {"code": 11000, "errmsg": message})


class LockedError(Exception):
    """A write outside transactions has to wait for the transaction that holds the document."""

    def __init__(self, holder: "Transaction") -> None:
        super().__init__()
        self.holder = holder


class Transaction:
    """One transaction on the server."""

    def __init__(self, snapshot: int, begun: float) -> None:
        self.snapshot = snapshot
        self.begun = begun
        self.open = True
        self.committed = False
        self.writes: dict[Table, dict[Hashable, Document | None]] = {}
        self.waiting: list[asyncio.Future[None]] = []


class Unique:
    """A unique index; a document without any of its fields counts as null."""

    def __init__(self, fields: tuple[str, ...], options: dict[str, Any]) -> None:
        self._fields = fields
        self._only = options.get("partialFilterExpression") or {}
        self._sparse = bool(options.get("sparse"))

    def entry(self, document: Document | None) -> dict[str, Any] | None:
        """Return the document's entry in the index, None if it has none."""
        if document is None or not matches(document, self._only):
            return None
        found = {field: next(at(document, field.split(".")), None) for field in self._fields}
        return None if self._sparse and all(v is None for v in found.values()) else found


class Table:
    """One collection's documents, in all versions that an open snapshot may need."""

    def __init__(self, name: str, server: "Server") -> None:
        self.name = name
        self.uniques: list[Unique] = []
        self.locks: dict[Hashable, Transaction] = {}
        self._rows: dict[Hashable, list[tuple[int, Document | None]]] = {}
        self._server = server

    def read(self, key: Hashable, transaction: Transaction | None) -> Document | None:
        """Return the document as the transaction (None: no transaction) sees it; do not change."""
        versions = self._rows.get(key, [])
        if transaction is None:
            return versions[-1][1] if versions else None
        own = transaction.writes.get(self)
        if own is not None and key in own:
            return own[key]
        return next((d for at_, d in reversed(versions) if at_ <= transaction.snapshot), None)

    def keys(self, transaction: Transaction | None) -> Iterator[Hashable]:
        """Return the keys that may be there for the transaction."""
        own = transaction.writes.get(self, {}) if transaction else {}
        yield from list(self._rows)
        yield from [key for key in own if key not in self._rows]

    def write(
        self, key: Hashable, document: Document | None, transaction: Transaction | None
    ) -> None:
        """Write a document (None: delete it); raises as the server does, or LockedError."""
        holder = self._server.holder(self, key)
        if holder is not None and holder is not transaction:
            raise LockedError(holder) if transaction is None else write_conflict()
        if transaction is not None and self._changed(key) > transaction.snapshot:
            if self.read(key, transaction) is None and self.read(key, None) is not None:
                raise self._server.raced(self, key)
            raise write_conflict()
        for unique in self.uniques:
            self._check(unique, key, document, transaction)
        if transaction is None:
            self.put(key, document, self._server.tick())
        else:
            self.locks[key] = transaction
            transaction.writes.setdefault(self, {})[key] = document

    def put(self, key: Hashable, document: Document | None, at_: int) -> None:
        """Add a committed version; older ones go unless somebody may read them."""
        if self._server.on_write is not None:
            self._server.on_write(self.name)
        if self._server.transactions:
            self._rows.setdefault(key, []).append((at_, document))
        elif document is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = [(at_, document)]

    def _changed(self, key: Hashable) -> int:
        versions = self._rows.get(key)
        return versions[-1][0] if versions else 0

    def _check(
        self,
        unique: Unique,
        key: Hashable,
        document: Document | None,
        transaction: Transaction | None,
    ) -> None:
        entry = unique.entry(document)
        if entry is None:
            return
        for other in self.keys(transaction):
            if other != key and unique.entry(self.read(other, transaction)) == entry:
                raise duplicate(self, entry)
        for rival in self._server.transactions:
            if rival is transaction:
                continue
            for other, theirs in rival.writes.get(self, {}).items():
                if other != key and unique.entry(theirs) == entry:
                    raise LockedError(rival) if transaction is None else write_conflict()
        if transaction is not None and any(
            unique.entry(self.read(other, None)) == entry
            and other not in transaction.writes.get(self, {})
            for other in self._rows
            if other != key
        ):
            raise write_conflict()


class Server:
    """One server: what several clients, one per simulated process, share.

    ``on_write`` is told the name of the collection of every document that is committed. Of two
    transactions that insert one ``_id`` the later gets a conflict, or with ``says_duplicate``
    E11000: a server may do either.
    """

    def __init__(self) -> None:
        self.transactions: set[Transaction] = set()
        self.on_write: Callable[[str], None] | None = None
        self.says_duplicate = False
        self._tables: dict[tuple[str, str], Table] = {}
        self._sessions: dict[bytes, Transaction] = {}
        self._clock = 0
        self._ids = 0

    def table(self, database: str, name: str) -> Table:
        """Return a collection; it begins to exist here."""
        found = self._tables.get((database, name))
        if found is None:
            found = self._tables[database, name] = Table(f"{database}.{name}", self)
        return found

    @property
    def names(self) -> list[tuple[str, str]]:
        """The collections that there are: database and name of each, in order."""
        return sorted(self._tables)

    def raced(self, table: Table, key: Hashable) -> OperationFailure:
        """Return the error of inserting what was inserted since the snapshot."""
        return duplicate(table, {"_id": key}) if self.says_duplicate else write_conflict()

    def new_session_id(self) -> Binary:
        """Return the next session id; they are numbered, so that a seed repeats."""
        self._ids += 1
        return Binary(self._ids.to_bytes(16), 4)

    def tick(self) -> int:
        """Return the next time of the server's logical clock."""
        self._clock += 1
        return self._clock

    def begin(self, session: bytes) -> Transaction:
        """Begin a transaction; an earlier one that the session left open is aborted."""
        self.abort(session)
        transaction = Transaction(self._clock, _now())
        self._sessions[session] = transaction
        self.transactions.add(transaction)
        return transaction

    def abort(self, session: bytes) -> None:
        """Abort the session's transaction if it is open, as killSessions does."""
        transaction = self._sessions.get(session)
        if transaction is not None and transaction.open:
            self.finish(transaction, commit=False)

    def current(self, session: bytes) -> Transaction:
        """Return the session's open transaction; raises NoSuchTransaction."""
        transaction = self._sessions.get(session)
        if transaction is None or not self._lives(transaction):
            raise no_such_transaction()
        return transaction

    def commit(self, session: bytes) -> None:
        """Commit; once more is fine; raises NoSuchTransaction when it was aborted."""
        transaction = self._sessions.get(session)
        if transaction is None or not transaction.committed:
            self.finish(self.current(session), commit=True)

    def finish(self, transaction: Transaction, *, commit: bool) -> None:
        """End a transaction and let those go on who wait for it."""
        transaction.open = False
        transaction.committed = commit
        self.transactions.discard(transaction)
        at_ = self.tick()
        for table, writes in transaction.writes.items():
            for key, document in writes.items():
                del table.locks[key]
                if commit:
                    table.put(key, document, at_)
        for waiter in transaction.waiting:
            if not waiter.done():
                waiter.set_result(None)

    def holder(self, table: Table, key: Hashable) -> Transaction | None:
        """Return the open transaction that has written the document."""
        transaction = table.locks.get(key)
        return transaction if transaction is not None and self._lives(transaction) else None

    def _lives(self, transaction: Transaction) -> bool:
        if transaction.open and _now() - transaction.begun > LIFETIME:
            self.finish(transaction, commit=False)
        return transaction.open

    async def run(self, session: Any, work: Callable[[Transaction | None], T]) -> T:
        """Do the work in the session's transaction if it is in one, else when no lock hinders it.

        An error of the server's aborts the transaction.
        """
        while True:
            transaction = session.enter() if session is not None else None
            try:
                return work(transaction)
            except LockedError as locked:
                await self._wait(locked.holder)
            except OperationFailure:
                if transaction is not None and transaction.open:
                    self.finish(transaction, commit=False)
                raise

    async def _wait(self, holder: Transaction) -> None:
        waiter = asyncio.get_running_loop().create_future()
        holder.waiting.append(waiter)
        left = holder.begun + LIFETIME - _now()
        await asyncio.wait({waiter}, timeout=max(left, 0) + 0.001)


def _now() -> float:
    return asyncio.get_running_loop().time()
