"""Every metric that incentives exports beyond the kit's own."""

from collections.abc import Mapping

from incentives.domain.addresses import NO_CONSENT, POSTED, WAITING
from service_kit.metrics import counter

FACTS = counter("incentives_facts", "Fact batches applied; standing still while goals move is bad.")
RESENT = counter("incentives_facts_resent", "Rows dropped because their lane had them already.")
AWARDS = counter(
    "incentives_awards",
    "Praises by what became of them, each once; one that waited is counted again when decided.",
    ["state"],
)
# A counter that begins with its first hides it from rates.
for _state in (POSTED, NO_CONSENT, WAITING):
    AWARDS.labels(_state)
DIRECTORY = counter("incentives_directory", "Records of the directory applied.")
DEFINITIONS = counter("incentives_definitions", "Definitions of metrics applied.")


def count_awards(states: Mapping[str, int]) -> None:
    """Count awards by their state."""
    for state, number in states.items():
        AWARDS.labels(state).inc(number)
