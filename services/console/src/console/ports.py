"""What the pages need of the outside, and how it fails."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

T = TypeVar("T")

INGEST = "metrics-ingest"
GOALS = "goal-service"
ALERTING = "alerting"
INCENTIVES = "incentives"
SERVICES = (INGEST, GOALS, ALERTING, INCENTIVES)


class Refused(Exception):
    """A service said no: ``status``, and in the reader's language what was wrong and where.

    ``body`` is the whole answer, for those that say more.
    """

    def __init__(
        self, service: str, status: int, code: str, where: str, message: str, body: Any = None
    ) -> None:
        super().__init__(f"{service}: {status} {code} {where}: {message}")
        self.service = service
        self.status = status
        self.code = code
        self.where = where
        self.message = message
        self.body = body


class Silent(Exception):
    """A service does not answer, or says that it cannot now."""

    def __init__(self, service: str, detail: str) -> None:
        super().__init__(f"{service}: {detail}")
        self.service = service
        self.detail = detail


class SignedOut(Exception):
    """The token is not taken any more: the person has to sign in again."""


class Api(Protocol):
    """The services' public APIs, asked in the name of the person who looks at the page.

    Every method raises Refused, Silent or SignedOut.
    """

    async def get(self, service: str, path: str, type: type[T], **query: Any) -> T:
        """Return one answer."""
        ...

    async def all(
        self, service: str, path: str, type: type[T], *, most: int = 10_000, **query: Any
    ) -> list[T]:
        """Return the items of all pages of a list, at most ``most``."""
        ...

    async def send(
        self,
        method: str,
        service: str,
        path: str,
        body: Any,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Any:
        """Send a body (bytes as they are, anything else as JSON) and return the JSON answer."""
        ...


def at(*steps: str) -> str:
    """Return an address below /v1 of these steps, each whatever it is made of."""
    if any(step in ("", ".", "..") for step in steps):
        raise Refused("console", 404, "not-found", "path", "")
    return "/v1/" + "/".join(quote(step, safe="") for step in steps)
