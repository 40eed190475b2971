"""Query parameters that a route does not know are refused by their name: one that is passed over in silence would give
an answer to another question than was asked."""

from collections.abc import Collection
from typing import Any

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from services.runtime.problems import FieldProblem, ProblemError

ANY_QUERY = "any_query"
"""Set in a handler's ``opt``: it hands the query on as it is (an old address that redirects)."""


class StrictQuery:
    """Which parameters each route knows, from its signature and that of what is injected into it."""

    def __init__(self, also: Collection[str] = ()) -> None:
        """``also`` are read by what all routes of the application share."""
        self._also = frozenset(also)
        self._known: dict[int, frozenset[str] | None] = {}

    def learn(self, app: Litestar) -> None:
        """Take the routes of the application."""
        for route in app.routes:
            if isinstance(route, HTTPRoute):
                for handler, model in route.route_handler_map.values():
                    names = frozenset(one.field_alias for one in model.expected_query_params) | self._also
                    self._known[id(handler)] = None if handler.opt.get(ANY_QUERY) else names

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Behind the router. Raises :class:`ProblemError` (400)."""

        async def called(scope: Scope, receive: Receive, send: Send) -> None:
            if scope.get("query_string"):
                self._check(scope)
            await app(scope, receive, send)

        return called

    def _check(self, scope: Any) -> None:
        known = self._known.get(id(scope.get("route_handler")))
        if known is None:
            return
        given = ASGIConnection[Any, Any, Any, Any](scope).query_params.keys()
        unknown = sorted(set(given) - known)
        if not unknown:
            return
        expected = f"one of {', '.join(sorted(known))}" if known else "no parameter"
        errors = [
            FieldProblem(field=f"query.{n[:60]}", problem="is not known here", expected=expected) for n in unknown
        ]
        raise ProblemError(400, f"{unknown[0][:60]}: is not known here; expected {expected}", errors=errors[:20])
