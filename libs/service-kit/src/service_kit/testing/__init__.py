"""Fakes, the simulator and suites that every implementation of a port has to pass."""
