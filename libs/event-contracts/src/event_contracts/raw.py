"""What enters: one record of ``raw`` per event, whichever door it came through."""

import msgspec

from event_contracts.wire import Event


class RawEvent(Event, frozen=True, kw_only=True, tag="raw.event.v1"):
    """An accepted event before its mapping is applied.

    ``id`` is the sender's id, unique inside (tenant, source): the window of seen ids works on it.
    ``door`` names the mapping: ``http`` or ``topic:<name>``. ``received_ms`` is the organisation's
    clock at acceptance, epoch milliseconds. ``body`` is the event as strict JSON; where the door
    could not read it (only foreign topics), ``error`` says why and ``body`` is a JSON string with
    the bytes in base64. ``replay_of`` is the id of the dead letter that this record repeats.
    ``place`` is where it stood in its request, from 0, where arrival tells which of two states is
    newer; of other sources it is left out.
    """

    tenant: str
    source: str
    id: str
    door: str
    received_ms: int
    body: msgspec.Raw
    error: str | None = None
    replay_of: str | None = None
    place: int = 0
