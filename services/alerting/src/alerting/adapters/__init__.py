"""MongoDB and the outbox: the only place that knows collections."""
