"""Who looks at a page: the session in a sealed cookie, the language, the services in one's name."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from fastapi import Request, Response
from starlette.datastructures import UploadFile

from console.adapters.gateway import Gateway
from console.adapters.issuer import Issuer, SignedIn
from console.adapters.sealed import Seal
from console.ports import SignedOut
from console.settings import ConsoleSettings
from service_kit.clock import Clock
from service_kit.errors import UserError
from service_kit.permissions import scopes_of
from service_kit.web import language_of

LANGUAGE = "paceline_language"
SESSION = "paceline_session"
ATTEMPT = "paceline_sign_in"
# Browsers keep at most 4,096 bytes of a cookie, its name and attributes included.
PART_BYTES = 3_500
MOST_PARTS = 5
MOST_FORM = 5 * 1024 * 1024
YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Place:
    """What the pages are made with. ``issuer`` None: nobody can sign in."""

    settings: ConsoleSettings
    http: httpx.AsyncClient
    issuer: Issuer | None
    clock: Clock
    sessions: Seal
    attempts: Seal


@dataclass(frozen=True, slots=True)
class Visit:
    """A person who has signed in. ``csrf`` has to come back with every form."""

    api: Gateway
    language: str
    person: str
    name: str
    team: str
    roles: tuple[str, ...]
    csrf: str

    @property
    def scopes(self) -> frozenset[str]:
        """What the person's roles may do; the services check it again."""
        return scopes_of(self.roles)

    def may(self, scope: str) -> bool:
        """Whether the person's roles have the scope."""
        return scope in self.scopes


def place_of(request: Request) -> Place:
    """Return what the application was made with."""
    place: Place = request.app.state.place
    return place


def language_for(request: Request) -> str:
    """Return ``zh`` or ``en``: as chosen, else as the browser prefers."""
    chosen = request.cookies.get(LANGUAGE)
    if chosen in ("zh", "en"):
        return chosen
    return language_of(request.headers.get("accept-language", ""))


def session_of(request: Request) -> dict[str, Any] | None:
    """Return what the session's cookies hold, None without a session."""
    parts = [request.cookies.get(f"{SESSION}_{number}", "") for number in range(MOST_PARTS)]
    return place_of(request).sessions.open("".join(parts))


async def signed_in(request: Request) -> Visit:
    """Return who looks; raises SignedOut."""
    place = place_of(request)
    found = session_of(request)
    if found is None:
        raise SignedOut
    language = language_for(request)
    return Visit(
        api=Gateway(place.http, place.settings.urls, found["token"], language),
        language=language,
        person=found["person"],
        name=found["name"],
        team=found["team"],
        roles=tuple(found["roles"]),
        csrf=found["csrf"],
    )


@dataclass(frozen=True, slots=True)
class Posted:
    """A form that has come from one of our own pages, and who has sent it."""

    visit: Visit
    fields: Mapping[str, str]
    files: Mapping[str, bytes]
    lists: Mapping[str, list[str]]


async def posted(request: Request) -> Posted:
    """Return the form; raises SignedOut, or UserError 403 when it is not from our pages."""
    visit = await signed_in(request)
    _check_origin(request)
    async with request.form(max_part_size=MOST_FORM, max_fields=200, max_files=1) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        lists = {
            name: [value for value in form.getlist(name) if isinstance(value, str)]
            for name in fields
        }
        files = {
            name: await value.read(MOST_FORM + 1)
            for name, value in form.items()
            if isinstance(value, UploadFile)
        }
    if not hmac.compare_digest(fields.get("csrf", "").encode(), visit.csrf.encode()):
        raise _foreign()
    if any(len(content) > MOST_FORM for content in files.values()):
        raise UserError(
            "file-too-large",
            "file",
            "the file is larger than 5 MB; load it in parts",
            "文件超过 5 MB；请分批加载",
            413,
        )
    return Posted(visit, fields, files, lists)


def keep_session(request: Request, response: Response, who: SignedIn, name: str) -> None:
    """Keep the session in the browser, as long as the token is good."""
    place = place_of(request)
    document = {
        "token": who.token,
        "person": who.identity.person,
        "name": name,
        "team": who.identity.team,
        "roles": sorted(who.identity.roles),
        "csrf": secrets.token_urlsafe(24),
    }
    text = place.sessions.close(document, who.expires)
    parts = [text[at : at + PART_BYTES] for at in range(0, len(text), PART_BYTES)]
    if len(parts) > MOST_PARTS:
        raise UserError(
            "token-too-large",
            "token",
            "the issuer's token is too large to be kept; ask for fewer claims in it",
            "登录令牌过大，无法保存；请减少其中的声明",
        )
    for number in range(MOST_PARTS):
        cookie = f"{SESSION}_{number}"
        if number < len(parts):
            keep(request, response, cookie, parts[number])
        elif cookie in request.cookies:
            drop(request, response, cookie)


def drop_session(request: Request, response: Response) -> None:
    """Forget the session."""
    for number in range(MOST_PARTS):
        if f"{SESSION}_{number}" in request.cookies:
            drop(request, response, f"{SESSION}_{number}")


def keep(
    request: Request, response: Response, name: str, value: str, seconds: int | None = None
) -> None:
    """Set a cookie that no script reads and no other site's form sends."""
    secure = place_of(request).settings.secure
    response.set_cookie(
        name, value, max_age=seconds, httponly=True, samesite="lax", secure=secure, path="/"
    )


def drop(request: Request, response: Response, name: str) -> None:
    """Remove a cookie."""
    secure = place_of(request).settings.secure
    response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=secure)


def own_path(text: str | None) -> str:
    """Return the text if it is an address of this site, else the first page."""
    if not text or not text.startswith("/") or text.startswith(("//", "/\\")):
        return "/"
    parts = urlsplit(text)
    return text if not parts.scheme and not parts.netloc and "\\" not in text else "/"


def _check_origin(request: Request) -> None:
    """Refuse what a browser says to come from another site."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise _foreign()
    origin = request.headers.get("origin")
    if origin not in (None, "null", place_of(request).settings.address):
        raise _foreign()


def _foreign() -> UserError:
    return UserError(
        "form-expired",
        "form",
        "this form is too old, or not one of ours; open the page again and send it once more",
        "该表单已过期或并非来自本站；请重新打开页面后再次提交",
        403,
    )
