"""Every metric that incentives exports beyond the kit's own."""

from incentives.domain.addresses import NO_CONSENT, POSTED
from service_kit.metrics import counter

FACTS = counter("incentives_facts", "Fact batches applied; standing still while goals move is bad.")
RESENT = counter("incentives_facts_resent", "Rows dropped because their lane had them already.")
AWARDS = counter(
    "incentives_awards",
    "Praises granted, each once, by what became of them: posted, or kept (no-consent).",
    ["state"],
)
for _state in (POSTED, NO_CONSENT):  # a counter that begins with its first hides it from rates
    AWARDS.labels(_state)
DIRECTORY = counter("incentives_directory", "Records of the directory applied.")
