"""What senders put into a request: events, a signature, and how much of it there may be."""
