"""Avro on a topic: a schema, compiled, turns a record's bytes into strict JSON."""

from metrics_ingest.domain.avro.schema import AvroSchema, Unusable

__all__ = ["AvroSchema", "Unusable"]
