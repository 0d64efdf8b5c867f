"""Acts on goal events once each: python subscriber.py BOOTSTRAP TOPIC GROUP DATABASE."""

import json
import sqlite3
import sys

from confluent_kafka import Consumer

TABLE = "CREATE TABLE IF NOT EXISTS handled (id TEXT PRIMARY KEY, text TEXT)"
TAKE = "INSERT OR IGNORE INTO handled VALUES (?, ?)"


def main(bootstrap: str, topic: str, group: str, path: str) -> None:
    """Follow the topic for ever."""
    database = sqlite3.connect(path)
    database.execute(TABLE)
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    while True:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            print(message.error(), file=sys.stderr)
            continue
        handle(database, json.loads(message.value()))
        consumer.commit(message, asynchronous=False)  # only after the effect


def handle(database: sqlite3.Connection, event: dict[str, str]) -> None:
    """Act on the event unless its id is known; the id and the effect are one transaction."""
    text = f"{event['kind']} {event['goal']}: {event['actual']} of {event['plan']}"
    with database:
        fresh = database.execute(TAKE, (event["id"], text)).rowcount == 1
    if fresh:
        print(text, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:5])
