"""Where the commands find the system: --url and --key, or the file of a running `paceline up`."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from paceline import running
from paceline.access import COMMAND, environment_settings
from paceline.show import fail
from paceline.words import language
from service_kit import strict_json
from service_kit.settings import Settings

JsonFile = Annotated[
    Path | None,
    typer.Option("--json", envvar="PACELINE_JSON", help="The file that `paceline up` writes."),
]
Url = Annotated[str | None, typer.Option(help="The service's address, instead of --json.")]
Key = Annotated[str | None, typer.Option(envvar="PACELINE_KEY", help="The API key.")]

TIMEOUT = 30.0
PAGE = 1000


def running_of(path: Path | None) -> running.Running:
    """Return what the file says, by default that of the `up` that was started last."""
    found = find_file(path)
    if found is None:
        fail("no running system found; start one with `paceline up`, or name its file by --json")
    try:
        return running.read(found)
    except (OSError, ValueError) as error:
        fail(str(error))


def find_file(path: Path | None) -> Path | None:
    """Return the given file, else that of the newest running `up`."""
    return path if path is not None else running.newest()


def settings_of(path: Path | None, service: str = COMMAND, *, broker: bool = True) -> Settings:
    """Return broker and database: of the running system, else of the environment.

    How one comes to the broker is the environment's, for ``service``; without ``broker`` it is not
    looked at.
    """
    settings = environment_settings(service, broker=broker)
    if find_file(path) is None or "PACELINE_KAFKA" in os.environ:
        return settings
    system = running_of(path)
    return replace(
        settings,
        kafka=system.kafka,
        mongodb=system.mongodb,
        prefix=system.prefix,
        database_prefix=system.database_prefix,
        partitions=system.partitions,
    )


class ApiError(Exception):
    """An answer that is none: the status, where something is wrong, what the service said."""

    def __init__(self, status: int, text: str, where: str = "", message: str = "") -> None:
        super().__init__(f"{status}: {text}" if status else text)
        self.status = status
        self.where = where
        self.message = message or text


@dataclass(frozen=True, slots=True)
class Connection:
    """One service's door."""

    url: str
    key: str

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON answer; raises ApiError."""
        return self._call("GET", path, params={k: v for k, v in query.items() if v is not None})

    def post(self, path: str, body: Any) -> Any:
        """Send ``body`` as JSON and return the answer; raises ApiError."""
        return self._call("POST", path, content=strict_json.dumps(body))

    def put(self, path: str, body: Any) -> Any:
        """Put ``body`` as JSON and return the answer; raises ApiError."""
        return self._call("PUT", path, content=strict_json.dumps(body))

    def delete(self, path: str) -> Any:
        """Delete and return the answer; raises ApiError."""
        return self._call("DELETE", path)

    def upload(self, path: str, content: bytes, kind: str) -> Any:
        """Send ``content`` of a media type and return the answer; raises ApiError."""
        return self._call("PUT", path, content=content, headers={"Content-Type": kind})

    def items(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield the items of all pages; raises ApiError."""
        after = None
        while True:
            page = self.get(path, after=after, limit=PAGE, **query)
            yield from page["items"]
            # A page may have nothing to show and be followed by one that has: goals without lights.
            if page["next"] in (None, after):
                return
            after = page["next"]

    def send(self, path: str, content: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """Send events and return which were accepted; raises ApiError.

        An answer that refuses them one by one (422 with ``rejected``) is no error.
        """
        return self.load(path, content, headers, "rejected")

    def load(
        self, path: str, content: bytes, headers: dict[str, str], refusals: str
    ) -> dict[str, Any]:
        """Send ``content`` and return the answer; raises ApiError.

        An answer that refuses parts of it one by one, in the field ``refusals``, is no error.
        """
        answer = self._request("POST", path, content=content, headers=headers)
        body: Any = None
        with contextlib.suppress(ValueError):
            body = answer.json()
        known = body if isinstance(body, dict) else {}
        if refusals not in known and answer.status_code >= 400:
            raise ApiError(answer.status_code, said(answer))
        return known

    def _call(self, method: str, path: str, **options: Any) -> Any:
        answer = self._request(method, path, **options)
        if answer.status_code >= 400:
            raise ApiError(answer.status_code, said(answer), *_error(answer))
        return answer.json()

    def _request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        own = {"Authorization": f"Bearer {self.key}", "Accept-Language": language()}
        url = self.url.rstrip("/") + path
        try:
            return _client().request(
                method, url, headers=own | dict(headers or {}), timeout=TIMEOUT, **options
            )
        except httpx.TransportError as error:
            raise ApiError(0, f"{self.url} does not answer: {error}") from None


@cache
def _client() -> httpx.Client:
    """One client for the whole command: a new one reads all certificates first."""
    return httpx.Client()


def close() -> None:
    """Close the connections; another call opens new ones."""
    _client().close()
    _client.cache_clear()


def said(answer: httpx.Response) -> str:
    """Return what a refusal says: where and what."""
    where, message = _error(answer)
    return f"{where}: {message}" if where or message else answer.text[:500]


def _error(answer: httpx.Response) -> tuple[str, str]:
    """Return where and what; empty when the answer does not have our shape."""
    try:
        error = answer.json()["error"]
        return str(error["where"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        return "", ""


def connect(service: str, url: str | None, key: str | None, json: Path | None) -> Connection:
    """Return the door of a service, as the options say."""
    if url is not None:
        if key is None:
            fail("--url needs --key (or PACELINE_KEY)")
        return Connection(url, key)
    system = running_of(json)
    if service not in system.services:
        fail(f"the system has no service {service}")
    return Connection(system.services[service], key or system.api_key)
