"""Facts that travel together: what was encoded alone is joined, and taken apart again."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from event_contracts.facts import (
    Cell,
    FactBatch,
    FactBatches,
    FactsMessage,
    Watermark,
    batches_of,
    joined,
)
from event_contracts.wire import decoder_of, encode

read = decoder_of(FactsMessage)


def batch(metric: str, **fields: Any) -> FactBatch:
    plain: dict[str, Any] = {
        "tenant": "shop",
        "metric": metric,
        "source": "orders",
        "definition": 1,
        "as_of_ms": 7,
        "dims": ({"country": "France"},),
        "cells": (Cell(21_686_459, 0, Decimal("12.500"), 1),),
    }
    return FactBatch(**(plain | fields))


TWO = (batch("gross_revenue"), batch("returns", dims=(), cells=()))


def test_batches_that_are_encoded_already_are_joined_to_what_they_would_be_encoded_to() -> None:
    value = joined("shop", map(encode, TWO))
    assert value == encode(FactBatches(tenant="shop", batches=TWO))
    assert read(value) == FactBatches(tenant="shop", batches=TWO)


def test_facts_are_taken_out_of_every_message_that_has_some() -> None:
    together = FactBatches(tenant="shop", batches=TWO)
    assert batches_of(together) == TWO
    assert batches_of(TWO[0]) == TWO[:1]
    assert batches_of(Watermark(origin="raw/0", at_ms=1)) == ()


def test_a_batch_of_another_tenant_is_refused() -> None:
    with pytest.raises(ValueError, match="of 'rival'"):
        FactBatches(tenant="rival", batches=TWO)
    with pytest.raises(msgspec.ValidationError, match="of 'rival'"):
        read(joined("rival", map(encode, TWO)))
