"""The HTTP door: lights, goal events, and policies tried on the past."""

from fastapi import FastAPI

from alerting.api.events import event_routes
from alerting.api.lights import light_routes
from alerting.api.policies import policy_routes
from service_kit.runtime import Runtime
from service_kit.web import add_routes, make_app


def make(runtime: Runtime) -> FastAPI:
    """Return the application."""
    app = make_app("alerting", runtime)
    for routes in (light_routes, event_routes, policy_routes):
        add_routes(app, routes(runtime))
    return app
