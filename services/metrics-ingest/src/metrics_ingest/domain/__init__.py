"""Which events count, once each, and what they add: pure functions and frozen types."""
