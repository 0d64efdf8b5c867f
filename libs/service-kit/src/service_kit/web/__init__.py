"""The HTTP door that all services share: keys and scopes, strict bodies, one shape of errors."""

from service_kit.web.answers import answer, language_of, page
from service_kit.web.app import PlainRoute, add_routes, make_app
from service_kit.web.auth import Caller, require
from service_kit.web.bodies import read_body, read_bytes

__all__ = [
    "Caller",
    "PlainRoute",
    "add_routes",
    "answer",
    "language_of",
    "make_app",
    "page",
    "read_body",
    "read_bytes",
    "require",
]
