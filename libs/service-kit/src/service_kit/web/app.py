"""The application that a service adds its routes to."""

import contextlib
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from fastapi.telemetry import TelemetryConfig
from pymongo.errors import PyMongoError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from service_kit.errors import Infrastructure, UserError
from service_kit.metrics import exposition
from service_kit.permissions import PERMISSIONS
from service_kit.readiness import Waiting, Watched
from service_kit.runtime import Runtime
from service_kit.web.answers import answer, refuse
from service_kit.web.auth import Require
from service_kit.web.bodies import MAX_BODY, too_large
from service_kit.web.misfits import refusal_of_parameter

_LENGTH_DIGITS = 20  # Python refuses to read numbers of more than some thousand
# FastAPI's own: it would look into the environment three times a request for who wants it.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
TEXTS = {
    404: ("not-found", "there is nothing at this address", "此地址不存在"),
    405: ("method-not-allowed", "this address does not take this method", "此地址不支持该方法"),
}


class _App(FastAPI):
    """An application whose description names the scopes of its routes."""

    def openapi(self) -> dict[str, Any]:
        """Return the description."""
        return _described(self)


def make_app(title: str, runtime: Runtime) -> FastAPI:
    """Return an application with the error shape, /healthz, /readyz, /metrics and /openapi.json.

    Routes name their scope by ``Depends(require(scope))``; the description lists it.
    """
    app = _App(
        title=title,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        telemetry=_NO_TELEMETRY,
    )
    app.state.runtime = runtime
    app.add_middleware(_Bounded)
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Infrastructure, _unavailable)
    app.add_exception_handler(PyMongoError, _unavailable)
    app.add_exception_handler(Exception, _internal)
    app.add_api_route("/healthz", _healthz, include_in_schema=False)
    app.add_api_route("/readyz", _readyz, include_in_schema=False)
    app.add_api_route("/metrics", _metrics, include_in_schema=False)
    return app


class PlainRoute(APIRoute):
    """A route whose handler takes ``request`` and ``caller``, and nothing else.

    FastAPI describes it and lets it be called as it is: looking for its arguments would cost more
    than the handler of a small request.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        endpoint, (needed,) = self.endpoint, [each.call for each in self.dependant.dependencies]
        assert isinstance(needed, Require)

        async def handle(request: Request) -> Response:
            response: Response = await endpoint(request=request, caller=await needed(request))
            return response

        return handle


def add_routes(app: FastAPI, *routers: APIRouter) -> None:
    """Add the routers' routes to the application's own.

    ``include_router`` would ask each router about each request, and the one that has the route a
    second time: at forty routes that is more work than everything else before the handler.
    """
    for router in routers:
        app.router.routes.extend(router.routes)


async def _healthz() -> Response:
    return answer({"status": "ok"})


async def _readyz(request: Request) -> Response:
    runtime: Runtime = request.app.state.runtime
    try:
        watched = await runtime.readiness.look()
    except (TimeoutError, Infrastructure) as error:
        return answer({"ready": False, "reason": f"broker: {error}", "partitions": []}, 503)
    waiting = runtime.readiness.waiting()
    ready = all(each.ready for each in watched) and all(each.ready for each in waiting)
    body: dict[str, Any] = {"ready": ready, "partitions": [_row(each) for each in watched]}
    if waiting:
        body["waiting"] = [_wait(each) for each in waiting]
    return answer(body, 200 if ready else 503)


def _row(watched: Watched) -> dict[str, Any]:
    return {
        "group": watched.group,
        "topic": watched.partition.topic,
        "partition": watched.partition.number,
        "next": watched.next,
        "end": watched.end,
        "lag": watched.lag,
        "halted": watched.halted,
        "stuck_seconds": round(watched.stuck_seconds, 1),
    }


def _wait(waiting: Waiting) -> dict[str, Any]:
    return {"what": waiting.what, "why": waiting.why, "seconds": round(waiting.seconds, 1)}


async def _metrics(request: Request) -> Response:
    runtime: Runtime = request.app.state.runtime
    with contextlib.suppress(TimeoutError, Infrastructure):
        await runtime.readiness.look()  # brings lag and halts up to date
    return Response(exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


class _Bounded:
    """Refuses a body whose declared length is too large before anything of it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse (ASGI)."""
        app = self._app
        if scope["type"] == "http" and _declares_too_much(scope["headers"]):
            error = too_large()
            app = refuse(Request(scope), error, error.headers)
        await app(scope, receive, send)


def _declares_too_much(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    length = next((value for name, value in headers if name == b"content-length"), b"0")
    return length.isdigit() and (len(length) > _LENGTH_DIGITS or int(length) > MAX_BODY)


async def _user_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return refuse(request, error, {**headers, **error.headers})


async def _invalid(request: Request, error: Exception) -> Response:
    """Refuse a query, path or header value that FastAPI could not read."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(step) for step in first["loc"])
    return refuse(request, refusal_of_parameter(str(first["msg"]), where))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, en, zh = TEXTS.get(
        error.status_code, ("http-error", str(error.detail), f"请求无法处理：{error.detail}")
    )
    where = f"{request.method} {request.url.path}"
    return refuse(request, UserError(code, where, en, zh, error.status_code), error.headers)


async def _unavailable(request: Request, error: Exception) -> Response:
    """Say that it may be tried again: the same write has the same effect once."""
    text = UserError(
        "unavailable",
        f"{request.method} {request.url.path}",
        "a part of the machine does not answer; try again",
        "系统的一部分暂时没有响应；请重试",
        status=503,
    )
    return refuse(request, text, {"Retry-After": "1"})


async def _internal(request: Request, error: Exception) -> Response:
    text = UserError(
        "internal",
        f"{request.method} {request.url.path}",
        "this is our mistake; it has been logged",
        "这是我们的错误；已记录",
        status=500,
    )
    return refuse(request, text)


def _described(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI description, with the scope of every route and the roles that have it."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schemes = schema.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["key"] = {"type": "http", "scheme": "bearer", "bearerFormat": "pk_<id>_<secret>"}
        schemes["token"] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        for route in iter_route_contexts(app.routes):  # those of included routers, too
            if isinstance(route.original_route, APIRoute) and route.include_in_schema:
                _name_scopes(schema["paths"][route.path_format], route)
        app.openapi_schema = schema
    return app.openapi_schema


def _name_scopes(path: dict[str, Any], route: RouteContext) -> None:
    scopes = [d.call.scope for d in route.dependant.dependencies if isinstance(d.call, Require)]
    for method in route.methods or ():
        operation = path[method.lower()]
        operation["x-scopes"] = scopes
        operation["x-roles"] = sorted({role for scope in scopes for role in PERMISSIONS[scope]})
        operation["security"] = [{"key": scopes}, {"token": []}] if scopes else []
