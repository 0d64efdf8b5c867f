"""The job as a stock Faust agent with a table.

    python faust_table.py KAFKA TOPIC PARTITIONS RECORDS DATA_FOLDER

writes into result.json in the folder: seconds from the first record to the last one, how many
duplicates and malformed records were dropped, and the table. The folder's name is the
application's. Ids that were seen stand in memory alone: a second table would cost as much
again as the first one.
"""

import json
import os
import sys
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import faust

KAFKA, TOPIC, PARTITIONS, RECORDS, FOLDER = sys.argv[1:]

app = faust.App(
    Path(FOLDER).name,
    broker=f"kafka://{KAFKA}",
    store="memory://",
    value_serializer="json",
    datadir=FOLDER,
    topic_replication_factor=1,
    topic_partitions=int(PARTITIONS),
    consumer_auto_offset_reset="earliest",
    stream_wait_empty=False,
    web_enabled=False,
)
events = app.topic(TOPIC, value_type=bytes, value_serializer="raw", key_serializer="raw")
sums = app.Table("sums", default=lambda: [0, 0], partitions=int(PARTITIONS))
seen: set[tuple[str, str, str]] = set()


@app.agent(events)
async def fold(stream: "faust.StreamT[bytes]") -> None:
    records = duplicates = malformed = 0
    began = 0.0
    async for value in stream:
        began = began or time.perf_counter()
        records += 1
        try:
            identity, group, cents = read(value)
        except (ValueError, KeyError, TypeError, ArithmeticError):
            malformed += 1
        else:
            if identity in seen:
                duplicates += 1
            else:
                seen.add(identity)
                total, count = sums[group]
                sums[group] = [total + cents, count + 1]
        if records == int(RECORDS):
            tell(time.perf_counter() - began, duplicates, malformed)


def read(value: bytes) -> tuple[tuple[str, str, str], str, int]:
    raw = json.loads(value, parse_float=Decimal)
    body = raw["body"]
    minute = int(datetime.fromisoformat(body["time"]).timestamp()) // 60
    group = "|".join([raw["tenant"], body["type"], body["channel"], body["campaign"], str(minute)])
    if not isinstance(body["amount"], Decimal):
        raise TypeError("amount")
    return (raw["tenant"], raw["source"], raw["id"]), group, int(body["amount"] * 100)


def tell(seconds: float, duplicates: int, malformed: int) -> None:
    found = {"seconds": seconds, "duplicates": duplicates, "malformed": malformed}
    Path(FOLDER, "result.json").write_text(json.dumps(found | {"table": dict(sums.items())}))
    os._exit(0)


if __name__ == "__main__":
    sys.argv[1:] = ["worker", "-l", "error", "--without-web"]
    app.main()
