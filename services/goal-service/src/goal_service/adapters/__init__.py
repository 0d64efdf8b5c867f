"""The only place that knows collections and the outbox."""
