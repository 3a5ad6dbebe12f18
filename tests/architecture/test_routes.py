"""Of all routes."""

import inspect

from fastapi import FastAPI

from services.gateway.app import add_routes
from services.gateway.route_listing import list_routes


def test_no_dependency_takes_a_thread() -> None:
    """FastAPI runs plain functions in threads: a quarter of a millisecond each, and most requests have several."""
    app = FastAPI()
    add_routes(app)
    plain = {
        f"{call.__module__}.{call.__qualname__}"
        for route in list_routes(app.routes)
        for call in route.dependencies
        if not inspect.iscoroutinefunction(call)
        and not inspect.isasyncgenfunction(call)
        and not inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004
    }
    assert plain == set()
