"""Templates to pages: the texts of a language, numbers as people read them, strict headers."""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from console.api.visit import Visit, language_for, place_of
from console.domain import amounts, figures, units
from console.domain.texts import TEXTS, say
from console.ports import Refused

HERE = Path(__file__).resolve().parent.parent
STATIC = HERE / "static"


@cache
def environment() -> Environment:
    """Return the templates; every value is escaped."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "number": amounts.number,
        "percent": amounts.percent,
        "asset": asset,
        "has_chart": (STATIC / "vendor" / "chart.js").exists(),
        "decimal": Decimal,
    }
    made.filters["json"] = _json
    made.filters["pretty"] = lambda value: msgspec.json.format(_json(value), indent=2)
    return made


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str.__str__).decode()  # texts are Markup


@cache
def asset(path: str) -> str:
    """Return the address of a file of ours; it changes with the file's content."""
    content = (STATIC / path).read_bytes()
    return f"/static/{path}?v={hashlib.sha256(content).hexdigest()[:12]}"


def page(
    request: Request, template: str, visit: Visit | None, status: int = 200, **values: Any
) -> Response:
    """Return the page in the reader's language."""
    language = language_for(request)
    html = (
        environment()
        .get_template(template)
        .render(
            visit=visit,
            language=language,
            here=request.url.path,
            here_with_query=request.url.path
            + (f"?{request.url.query}" if request.url.query else ""),
            t=partial(text, language),
            has_text=lambda key: key in TEXTS,
            day=partial(amounts.day, language=language),
            instant=partial(_instant, language),
            unit_name=partial(units.unit_name, language=language),
            with_units=partial(units.with_units, language=language),
            figure=figures.figure,
            in_percent=figures.in_percent,
            tail=figures.tail,
            unit_of=partial(figures.unit_of, language=language),
            **values,
        )
    )
    return HTMLResponse(html, status)


def text(language: str, key: str, /, **values: Any) -> Markup:
    """Return a text of the catalogue, that for one if ``count`` is 1; values are escaped."""
    if values.get("count") == 1 and f"{key}.one" in TEXTS:
        key = f"{key}.one"
    return Markup(say(key, language)).format(**{n: escape(v) for n, v in values.items()})


def error_page(
    request: Request, visit: Visit | None, status: int, key: str, **values: Any
) -> Response:
    """Return a page that says what is wrong and what to do: texts ``key`` and ``key.do``."""
    return page(request, "error.html", visit, status, key=key, values=values)


def refused_page(request: Request, visit: Visit | None, error: Refused) -> Response:
    """Return the page for what a service refused."""
    if error.status == 403:
        return error_page(request, visit, 403, "error.forbidden", detail=error.message)
    if error.status == 404:
        return error_page(request, visit, 404, "error.missing")
    return error_page(
        request, visit, error.status, "error.refused", detail=f"{error.where}: {error.message}"
    )


def headers(request: Request) -> Mapping[str, str]:
    """Return the headers of every page: only our own files run and style, nobody frames us."""
    issuer = place_of(request).issuer
    to = f" {issuer.origin}" if issuer is not None else ""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self'; form-action 'self'{to}; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def _instant(language: str, at: Any, zone: str = "UTC") -> str:
    return amounts.instant(at, zone, language)
