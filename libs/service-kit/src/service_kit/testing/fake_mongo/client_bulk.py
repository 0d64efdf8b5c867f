"""The command bulkWrite, in a transaction: statements on several collections by one call."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import bson
from pymongo.errors import BulkWriteError, OperationFailure
from pymongo.operations import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne

from service_kit.documents import CODEC
from service_kit.testing.fake_mongo.bulk import Bulk
from service_kit.testing.fake_mongo.collection import lost
from service_kit.testing.fake_mongo.hook import Fault
from service_kit.testing.fake_mongo.storage import Transaction

if TYPE_CHECKING:
    from service_kit.testing.fake_mongo.client import FakeMongo

MOST_BYTES = 48_000_000


async def bulk_write(
    client: "FakeMongo", command: Mapping[str, Any], session: Any
) -> dict[str, Any]:
    """Apply the statements in order, up to the first that fails; return the server's answer."""
    if session is None or not session.in_transaction:
        raise NotImplementedError("FakeMongo: bulkWrite outside of a transaction")
    tables = [_table(client, each["ns"]) for each in command["nsInfo"]]
    fault = await client.point("bulkWrite:") if client.point else None
    if fault is Fault.NOT_DONE:
        raise lost(session)
    if sum(len(statement.raw) for statement in command["ops"]) > MOST_BYTES:
        raise lost(session)  # a server closes the connection
    statements = [bson.decode(statement.raw, CODEC) for statement in command["ops"]]

    def work(tx: Transaction | None) -> list[dict[str, Any]]:
        done: list[dict[str, Any]] = []
        for index, statement in enumerate(statements):
            done.append({"idx": index} | _apply(tables, tx, statement))
            if not done[-1]["ok"]:
                break
        return done

    results = await client.server.run(session, work)
    if fault is Fault.DONE:
        raise lost(session)
    failed = [result for result in results if not result["ok"]]
    shown = failed if command.get("errorsOnly") else results
    return {"ok": 1.0, "nErrors": len(failed), "cursor": {"id": 0, "firstBatch": shown}}


def _table(client: "FakeMongo", namespace: str) -> Any:
    database, _, collection = namespace.partition(".")
    return client[database][collection]._table


def _apply(tables: list[Any], tx: Transaction | None, statement: Mapping[str, Any]) -> Any:
    number, request = _request(statement)
    bulk = Bulk(tables[number])
    try:
        bulk.apply(tx, 0, request)
    except BulkWriteError as error:
        (failed,) = error.details["writeErrors"]
        return {"ok": 0.0, "n": 0, "code": failed["code"], "errmsg": failed["errmsg"]}
    counts = bulk.result
    if counts["upserted"]:
        return {
            "ok": 1.0,
            "n": 1,
            "nModified": 0,
            "upserted": {"_id": counts["upserted"][0]["_id"]},
        }
    changed = counts["nInserted"] + counts["nMatched"] + counts["nRemoved"]
    return {"ok": 1.0, "n": changed, "nModified": counts["nModified"]}


def _request(statement: Mapping[str, Any]) -> tuple[int, Any]:
    match statement:
        case {"insert": number, "document": document}:
            return number, InsertOne(document)
        case {"update": number, "filter": query, "updateMods": mods, "multi": multi, "upsert": up}:
            if not any(name.startswith("$") for name in mods):
                return number, ReplaceOne(query, mods, upsert=up)
            return number, (UpdateMany if multi else UpdateOne)(query, mods, upsert=up)
        case {"delete": number, "filter": query, "multi": multi}:
            return number, (DeleteMany if multi else DeleteOne)(query)
    raise OperationFailure(f"bulkWrite: {statement!r}", 9)
