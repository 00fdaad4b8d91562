"""The route template of a request, as Starlette and FastAPI match it: ``/orders/{id}`` for ``/orders/17``.

The application's routes are asked rather than the scope, since a scope names no route after a 404, a 405 or a
redirect, and not all routes write theirs into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

_FULL: Final = 2
"""Starlette's ``Match.FULL``: path and method; ``Match.PARTIAL`` is 1, the path alone."""


class Leaves:
    """The routes of one application that have none below them: found again without asking all others.

    A router that tells in the scope which route it took (Starlette since 1.0, FastAPI) spares the search.
    """

    def __init__(self) -> None:
        self._app: Any = None
        self._routes: dict[int, Any] = {}
        self._count = -1

    def template(self, app: Any, scope: Mapping[str, Any]) -> str | None:
        """The template of the route that the scope names, if it is one of these."""
        route: Any = scope.get("route")
        if route is None or app is None:
            return None
        routes = app.routes
        if app is not self._app or len(routes) != self._count:
            self._app, self._count = app, len(routes)
            self._routes = {id(each): each for each in routes if _is_leaf(each)}
        is_known = self._routes.get(id(route)) is route
        return str(route.path) if is_known else None


def _is_leaf(route: Any) -> bool:
    return hasattr(route, "path") and not hasattr(route, "effective_route_contexts") and not _children(route)


def routed(app: Any) -> Any:
    """The first application with routes, inside `app` and what it wraps; None where there is none."""
    for _ in range(50):
        if app is None or getattr(app, "routes", None):
            return app
        app = getattr(app, "app", None)
    return None


def template(app: Any, scope: Mapping[str, Any]) -> str | None:
    """The template of the route that takes the request, or None.

    Mounts are followed, a route that takes another method counts where no other matches, and a path that only
    lacks or has a trailing slash too much, which Starlette redirects, counts as the route without or with it.
    """
    routes = getattr(app, "routes", None)
    if not routes:
        return None
    scope = {**scope, "root_path": getattr(app, "root_path", "") or scope.get("root_path", "")}
    found = _search(routes, scope)
    if found is None and getattr(getattr(app, "router", app), "redirect_slashes", False):
        path = scope["path"]
        toggled = path[:-1] if path.endswith("/") else f"{path}/"
        found = _search(routes, {**scope, "path": toggled}) if toggled else None
        if found is not None:
            return found[:-1] if found.endswith("/") else f"{found}/"
    return found


def _search(routes: Iterable[Any], scope: Mapping[str, Any]) -> str | None:
    partial: str | None = None
    for route in _flat(routes):
        match, child_scope = route.matches(scope)
        if match.value == 0:
            continue
        name = getattr(route, "path", None)
        children = _children(route)
        if children:
            child = _search(children, {**scope, **child_scope})
            name = None if child is None else f"{name}{child}"
        if name is None:
            continue
        if match.value == _FULL:
            return str(name)
        partial = partial or str(name)
    return partial


def _flat(routes: Iterable[Any]) -> Iterator[Any]:
    """The routes that can be matched; FastAPI keeps those of an included router inside one object."""
    for route in routes:
        contexts: Callable[[], Iterable[Any]] | None = getattr(route, "effective_route_contexts", None)
        if contexts is None:
            yield route
        else:
            for each in contexts():
                yield getattr(each, "starlette_route", None) or each


def _children(route: Any) -> Any:
    """The routes below a mount."""
    return getattr(route, "routes", None)
