"""The web shell that all services share: errors as problems, probes, metrics, OpenAPI, limits and security headers.

A service gives its handlers; everything here works without a network beyond the server's own. There is no access log:
rate, errors and duration are metrics, and failures are logged where they happen.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
import yaml
from litestar import Litestar, Request, Response, get
from litestar.enums import ScopeType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.router import Router
from litestar.routes import HTTPRoute
from litestar.serialization import get_serializer
from litestar.types import ASGIApp, ControllerRouterHandler, Message, Receive, Scope, Send
from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from services.access.routes import needs_of
from services.runtime import edge, openapi, paths, problems, tracing, try_page
from services.runtime.connections import SECURITY
from services.runtime.door import Door
from services.runtime.guard import Guard
from services.runtime.health import Health
from services.runtime.metrics_health import HealthCollector
from services.runtime.problems import RETRY_AFTER as RETRY_AFTER
from services.runtime.strict_query import StrictQuery

API_VERSION = "1"
"""Of all that is under ``/v1``."""
MAX_BODY = 1024 * 1024
"""The limit of a request's body in bytes, where a service sets no other: far more than one case or one form needs."""


def new_registry() -> CollectorRegistry:
    """A registry with the process's own metrics, for one service."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def create_app(
    name: str,
    handlers: Sequence[ControllerRouterHandler],
    health: Health,
    registry: CollectorRegistry,
    *,
    description: str = "",
    schemas: Mapping[str, Any] | None = None,
    max_body: int = MAX_BODY,
    answer: Callable[[Request[Any, Any, Any], Exception], Response[bytes]] = problems.answer,
    guard: Guard | None = None,
    also_asked: Collection[str] = (),
    complete: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    refuse_early: Callable[[str, str], None] | None = None,
    **more: Any,
) -> Litestar:
    """The application of the service ``name``: its handlers and what every service has.

    ``schemas`` (JSON Schema by name) are added to OpenAPI's components; ``max_body`` is in bytes, more is answered with
    413 (a route may allow itself more); ``answer`` makes an answer of an error; ``guard`` stands before the handlers,
    and without one only callers within this process are expected; ``also_asked`` are query parameters that every route
    takes; ``complete`` completes the OpenAPI document; ``refuse_early`` may refuse a call by its method and path before
    anything else is looked at (:class:`~services.runtime.problems.ProblemError`); ``more`` goes to Litestar
    (dependencies, template engine...). Raises :class:`~services.access.routes.Undeclared` for a route that the table
    of scopes does not have.
    """
    guard = guard or Guard(Door.indoors(), needs_of(name), dict, None)
    strict = StrictQuery(also_asked)

    def document(generated: Mapping[str, Any]) -> dict[str, Any]:
        return complete(openapi.whole(generated, needs_of(name), schemas or {}))

    app = Litestar(
        [*handlers, *_common(health, registry), *try_page.HANDLERS],
        exception_handlers={Exception: answer},
        openapi_config=OpenAPIConfig(
            title=f"Shixian {name}",
            version=API_VERSION,
            description=f"{description} HEAD works wherever GET does.".strip(),
            path="/schema",
            render_plugins=[_Json(document), _Yaml(document)],
            use_handler_docstrings=True,
        ),
        request_max_body_size=max_body,
        middleware=[paths.whole, guard, strict.middleware],
        logging_config=None,
        debug=False,
        **more,
    )
    guard.require_declared(name, app)
    strict.learn(app)
    registry.register(HealthCollector(health))
    served = (r for r in app.routes if r.path_format.startswith("/v1/"))
    routes = [(r.path_format, m) for r in served for m in getattr(r, "methods", ()) if m != "OPTIONS"]
    app.asgi_handler = _observed(
        edge.Edge(app, app.asgi_handler, health, _largest(app, max_body), guard, refuse_early),
        app.asgi_handler,
        registry,
        routes,
    )
    return app


def _largest(app: Litestar, max_body: int) -> int:
    """The largest body that any route takes: what is announced to be larger is refused before it is known for which."""
    handlers = (handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers)
    return max([max_body, *(handler.resolve_request_max_body_size() or 0 for handler in handlers)])


def _common(health: Health, registry: CollectorRegistry) -> list[ControllerRouterHandler]:
    @get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @get("/readyz", include_in_schema=False)
    async def readyz() -> dict[str, Any]:
        """The service can do its work; 503 says which part can't, and why."""
        ready, parts = health.ready()
        if not ready:
            away = {name: part for name, part in parts.items() if part["state"] != "ok"}
            reasons = [f"{name} is {part['state']}: {part['reason']}" for name, part in away.items()]
            detail = "; ".join(reasons) or "the service is stopping"
            raise problems.ProblemError(503, detail, kind="not-ready", parts=away, headers={"Retry-After": RETRY_AFTER})
        return {"status": "ok", "parts": parts, "rules": health.rules, "access": health.access}

    @get("/metrics", include_in_schema=False)
    async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        """The registry as Prometheus reads it."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    return [healthz, readyz, metrics]


def _observed(
    http: edge.Edge, other: ASGIApp, registry: CollectorRegistry, routes: Sequence[tuple[str, str]]
) -> ASGIApp:
    """The application with its requests measured and the security headers on each answer."""
    requests = Counter(
        "shixian_http_requests",
        "HTTP requests by route template, method and class of status; gone: the client left before its body's end.",
        ["route", "method", "status"],
        registry=registry,
    )
    duration = Histogram(
        "shixian_http_request_duration_seconds",
        "Time from a request's arrival to the end of its answer.",
        ["route", "method"],
        buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        registry=registry,
    )

    for template, method in routes:
        duration.labels(template, method)
        for status in ("2xx", "4xx", "5xx"):  # from the start, so that the first failure shows as an increase
            requests.labels(template, method, status)

    async def observed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await other(scope, receive, send)
            return
        status = "none"

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
                headers = list(message.get("headers", ()))
                there = {key.lower() for key, _ in headers}
                message["headers"] = headers + [(key, value) for key, value in SECURITY if key not in there]
            await send(message)

        started = time.perf_counter()
        try:
            with tracing.span(f"HTTP {scope['method']}", "SERVER", _traceparent(scope)):
                if await http(scope, receive, sending):
                    status = "gone"
        finally:
            # The router leaves the template behind; what matched no route has none, and its path is not a label.
            template = str(scope.get("path_template") or "unmatched")
            method = scope["method"] if scope["method"] in edge.METHODS else "other"
            requests.labels(template, method, status).inc()
            duration.labels(template, method).observe(time.perf_counter() - started)

    return observed


def _traceparent(scope: Scope) -> str | None:
    given = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
    return tracing.valid(given.decode("ascii", "replace"))


class _Schemas:
    """What both forms of the OpenAPI document share: what is added to it, and no page for what is not there."""

    def __init__(self, document: Callable[[Mapping[str, Any]], dict[str, Any]], **more: Any) -> None:
        super().__init__(**more)
        self._document = document
        self._rendered: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Made once: as YAML it takes a third of a second, in which no other call would be answered."""
        if self._rendered is None:
            self._rendered = super().render(request, self._document(openapi_schema))  # type: ignore[misc]
        return self._rendered

    def receive_router(self, router: Router) -> None:
        # Litestar puts an HTML page there; without it, its own 404 comes, which is answered as a problem.
        router.routes = [r for r in router.routes if "{path:str}" not in r.path]


class _Json(_Schemas, JsonRenderPlugin):
    pass


class _QuickYaml(YamlRenderPlugin):
    """libyaml writes the same in a tenth of the time."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        plain = msgspec.to_builtins(
            openapi_schema, enc_hook=get_serializer(request.route_handler.resolve_type_encoders())
        )
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        text: str = yaml.dump(plain, Dumper=dumper, default_flow_style=False)
        return text.encode()


class _Yaml(_Schemas, _QuickYaml):
    pass
