"""Frozen types and pure functions: which deeds a fact makes, and what a rule may say."""
