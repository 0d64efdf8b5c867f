"""Currencies, rates of exchange, and money taken from one currency into another."""
