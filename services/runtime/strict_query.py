"""Query parameters that a route does not know are refused by their name: one that is passed over in silence would give
an answer to another question than was asked. So are those that it needs and does not get."""

from collections.abc import Collection
from typing import Any, NamedTuple

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from services.runtime.problems import FieldProblem, ProblemError

ANY_QUERY = "any_query"
"""Set in a handler's ``opt``: it hands the query on as it is (an old address that redirects)."""


class _Parameters(NamedTuple):
    known: frozenset[str]
    needed: tuple[str, ...]


class StrictQuery:
    """Which parameters each route knows, from its signature and that of what is injected into it."""

    def __init__(self, also: Collection[str] = ()) -> None:
        """``also`` are read by what all routes of the application share."""
        self._also = frozenset(also)
        self._parameters: dict[int, _Parameters] = {}

    def learn(self, app: Litestar) -> None:
        """Take the routes of the application."""
        for route in app.routes:
            if isinstance(route, HTTPRoute):
                for handler, model in route.route_handler_map.values():
                    if not handler.opt.get(ANY_QUERY):
                        expected = model.expected_query_params
                        names = frozenset(one.field_alias for one in expected) | self._also
                        needed = tuple(sorted(one.field_alias for one in expected if one.is_required))
                        self._parameters[id(handler)] = _Parameters(names, needed)

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Behind the router. Raises :class:`ProblemError` (400)."""

        async def called(scope: Scope, receive: Receive, send: Send) -> None:
            parameters = self._parameters.get(id(scope.get("route_handler")))
            if parameters is not None and (parameters.needed or scope.get("query_string")):
                _check(scope, parameters)
            await app(scope, receive, send)

        return called


def _check(scope: Any, parameters: _Parameters) -> None:
    given = ASGIConnection[Any, Any, Any, Any](scope).query_params.keys()
    known = parameters.known
    expected = f"one of {', '.join(sorted(known))}" if known else "no parameter"
    errors = [
        FieldProblem(field=f"query.{name[:60]}", problem="is not known here", expected=expected)
        for name in sorted(set(given) - known)
    ]
    errors += [
        FieldProblem(field=f"query.{name}", problem="is missing", expected="what /schema says of this parameter")
        for name in parameters.needed
        if name not in given
    ]
    if errors:
        first = errors[0]
        detail = f"{first.field.removeprefix('query.')}: {first.problem}; expected {first.expected}"
        raise ProblemError(400, detail, errors=errors[:20])
