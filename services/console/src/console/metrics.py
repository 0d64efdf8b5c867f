"""Every metric that the console exports beyond the kit's own."""

from service_kit.metrics import counter, histogram

PAGES = counter("console_pages", "Pages and forms answered, by status.", ["page", "status"])
CALLS = histogram(
    "console_call_seconds",
    "How long the services took to answer the console; a slow page is slow here.",
    ["called"],
)
FAILURES = counter(
    "console_call_failures",
    "Calls that a service did not answer, or with an error of its own; pages then lack a part.",
    ["called"],
)
SIGN_INS = counter("console_sign_ins", "Attempts to sign in, by how they ended.", ["outcome"])
