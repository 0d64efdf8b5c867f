"""Deterministic simulation: the kit's real code on virtual time, with faults chosen by a seed.

``run_seed(7)`` runs a pipeline of three stages and two relays over a fake Kafka and a fake MongoDB,
disturbs it at its awaits, and checks it against the truth. A failing seed fails again.
"""

from service_kit.testing.sim.faults import NO_FAULTS, Faults
from service_kit.testing.sim.run import Result, failing, first_failing, run_seed
from service_kit.testing.sim.world import Apart

__all__ = ["NO_FAULTS", "Apart", "Faults", "Result", "failing", "first_failing", "run_seed"]
