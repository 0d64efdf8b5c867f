"""Which ids were seen, and with what content: each event counts once."""
