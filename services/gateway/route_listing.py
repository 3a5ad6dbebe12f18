"""The routes of an application, and what each of them depends on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute


@dataclass(frozen=True, slots=True)
class ListedRoute:
    """One method of one path; `dependencies` are the functions that run before, directly or not."""

    method: str
    path: str
    name: str
    dependencies: tuple[Callable[..., Any], ...]


def list_routes(routes: Sequence[BaseRoute]) -> Iterator[ListedRoute]:
    """API routes in their order, those of included routers too; mounted applications are not among them."""
    for context in iter_route_contexts(routes):
        if not isinstance(context.original_route, APIRoute):
            continue
        calls = tuple(_calls(context.dependant))
        for method in sorted(context.methods or ()):
            yield ListedRoute(method, context.path_format or "", context.name or "", calls)


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for dependency in dependant.dependencies:
        if dependency.call is not None:
            yield dependency.call
        yield from _calls(dependency)
