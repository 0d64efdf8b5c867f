"""The HTTP door: goals, their cascade, progress and policies, series, and the directory."""

from fastapi import FastAPI

from goal_service.adapters.held import Held
from goal_service.api.cascade import cascade_routes
from goal_service.api.directory import directory_routes
from goal_service.api.festivals import festival_routes
from goal_service.api.goals import goal_routes
from goal_service.api.metrics import metric_routes
from goal_service.api.people import people_routes
from goal_service.api.people_import import import_routes
from goal_service.api.policies import policy_routes
from goal_service.api.progress import progress_routes
from service_kit.runtime import Runtime
from service_kit.web import add_routes, make_app

ROUTES = (
    goal_routes,
    policy_routes,
    people_routes,
    import_routes,
    directory_routes,
    festival_routes,
)


def make_api(runtime: Runtime, held: Held | None = None) -> FastAPI:
    """Return the application over a started runtime; ``held`` is what the process holds."""
    app = make_app("goal-service", runtime)
    held = held or Held()
    for showing in (progress_routes, metric_routes, cascade_routes):  # first: asked for most
        add_routes(app, showing(runtime, held))
    for routes in ROUTES:
        add_routes(app, routes(runtime))
    return app
