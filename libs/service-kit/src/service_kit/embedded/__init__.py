"""A real Kafka and a real document server without Docker: how to get, start and restart them.

Both listen on 127.0.0.1 only, die with the process that started them and keep their data, so
that a start after kill -9 goes on where the last one stopped.
"""

from service_kit.embedded.kafka import Kafka
from service_kit.embedded.mongo import DocumentStore
from service_kit.embedded.process import StartError, end_leftovers, free_port

__all__ = ["DocumentStore", "Kafka", "StartError", "end_leftovers", "free_port"]
