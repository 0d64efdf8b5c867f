"""Bare aiokafka: fetch every record of a topic and do nothing with it.

    python aiokafka_fetch.py KAFKA TOPIC PARTITIONS RECORDS [unchecked]

prints as JSON: records, where each partition was read to, and the seconds that took from the first
``getmany`` on. ``unchecked`` leaves the sums of the batches unchecked, as librdkafka does;
aiokafka's default, and Java's, is to check them. Larger fetches than the defaults made it slower.
"""

import json
import sys
import time

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition


async def fetch(
    kafka: str, topic: str, partitions: int, wanted: int, checked: bool
) -> dict[str, object]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        check_crcs=checked,
    )
    await consumer.start()
    try:
        assigned = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(assigned)
        records = 0
        began = time.perf_counter()
        while records < wanted:
            got = await consumer.getmany(timeout_ms=1000)
            records += sum([len(messages) for messages in got.values()])
        seconds = time.perf_counter() - began
        ends = {each.partition: await consumer.position(each) for each in assigned}
        return {"records": records, "ends": ends, "seconds": seconds}
    finally:
        await consumer.stop()


if __name__ == "__main__":
    kafka, topic, partitions, wanted, *rest = sys.argv[1:]
    work = fetch(kafka, topic, int(partitions), int(wanted), rest != ["unchecked"])
    print(json.dumps(uvloop.run(work)))
