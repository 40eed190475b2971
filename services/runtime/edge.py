"""The outermost layer of every application: what no handler should have to think of.

What can't be text is refused, HEAD is a GET without its body, a slash within an identifier stays within it, bodies come
in time and in bounds, a client that goes away is no failure of ours, and whatever escapes is answered as a problem.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

import structlog
from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Send
from litestar.utils import normalize_path

from services.runtime import paths, problems
from services.runtime.guard import Guard
from services.runtime.health import Health
from services.runtime.problems import ClientGone, ProblemError

BODY_SECONDS = 20.0
"""What a body may take to come, whatever its size..."""
BODY_RATE = 32 * 1024
"""... and a second more for each so many bytes that came: the largest, 16 MB, has nine minutes."""
MAX_BODIES = 256 * 1024 * 1024
"""Bytes of bodies that a process holds at once. With more, calls are answered with 503 instead of taking all memory."""

PROBES = ("/healthz", "/readyz")
"""Asked by whatever runs the process, which calls it as it likes."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = structlog.get_logger(__name__)


class Edge:
    """The layer around one application."""

    def __init__(
        self,
        app: Litestar,
        inner: ASGIApp,
        health: Health,
        max_body: int,
        guard: Guard,
        refuse_early: Callable[[str, str], None] | None = None,
    ) -> None:
        """``refuse_early`` may refuse a call by its method and path, before anything else is looked at."""
        self._refuse_early = refuse_early
        self._app, self._inner, self._health, self._max_body, self._guard = app, inner, health, max_body, guard
        self._held = 0
        """Bytes of bodies that came and whose requests are not answered yet."""

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> bool:
        """Handle a request; True where its client went away before the body's end."""
        if self._refuse_early is not None:
            try:
                self._refuse_early(scope["method"], scope["path"])
            except ProblemError as error:
                scope["path_template"] = scope["path"]
                await _Answer(send, False, lambda: b"").problem(scope, error)
                return False
        asked: Any = dict(scope)
        head = scope["method"] == "HEAD"
        if head:
            asked["method"] = "GET"
        answer = _Answer(send, head, lambda: self._allowed(asked))
        body = _Body(self, receive)
        try:
            self._check(asked)
            asked["path"] = paths.decoded(scope)
            await self._inner(asked, body.receive, answer.send)
        except asyncio.CancelledError:
            if not self._health.stopping:
                raise
            # The server cancels what is still at work when its time to end is over.
            detail = "the service is stopping and did not finish this request; send it again"
            stopped = ProblemError(503, detail, kind="stopping")
            stopped.headers |= {"Retry-After": problems.RETRY_AFTER, "Connection": "close"}
            await answer.problem(scope, stopped)
        except Exception as error:  # noqa: BLE001 - the last layer: what escapes is logged and answered, whatever it is
            await answer.problem(scope, problems.of(scope, error))
        finally:
            self._held -= body.held
            scope["path_template"] = asked.get("path_template", "")
        return body.gone

    def hold(self, size: int) -> None:
        """Count what came of a body. Raises :class:`ProblemError` (503)."""
        self._held += size
        if self._held > MAX_BODIES:
            detail = "too many large bodies are being received at once; send this one again"
            raise ProblemError(503, detail, headers={"Retry-After": problems.RETRY_AFTER})

    def _check(self, scope: Any) -> None:
        """Raises :class:`ProblemError`: 421 for a host that is not ours, 400 for a path or query that is no text, 413
        for too large a body."""
        if scope["path"] not in PROBES:
            self._guard.check_host(scope)
        raw = scope.get("raw_path", b"").partition(b"?")[0]
        if wrong := paths.trouble(raw):
            raise paths.no_text(self._path_field(scope), wrong)
        for part in scope["query_string"].split(b"&"):
            name, _, value = part.partition(b"=")
            if wrong := paths.trouble(name):
                raise paths.no_text("query", wrong)
            if wrong := paths.trouble(value):
                raise paths.no_text(f"query.{unquote_to_bytes(name.replace(b'+', b' ')).decode()[:60]}", wrong)
        announced = next((v for k, v in scope["headers"] if k == b"content-length"), b"")
        if announced.isdigit() and int(announced) > self._max_body:
            raise ProblemError(413, f"the body has {int(announced)} bytes; at most {self._max_body} are taken")

    def _allowed(self, scope: Any) -> bytes:
        """The value of ``Allow``. Litestar's own has no HEAD, and not all where a path has several handlers."""

        def routed(method: Any) -> bool:
            try:
                self._app.asgi_router.handle_routing(path=normalize_path(scope["path"]), method=method)
            except HTTPException:
                return False
            return True

        methods = {method for method in METHODS if routed(method)}
        return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set()))).encode()

    def _path_field(self, scope: Any) -> str:
        """Which parameter of the path is the bad one, where the path leads anywhere."""
        try:
            parameters = self._app.asgi_router.handle_routing(
                path=normalize_path(scope["path"]), method=scope["method"]
            )[3]
        except HTTPException:
            return "path"
        bad = [name for name, value in parameters.items() if "\ufffd" in str(value) or paths.control(str(value))]
        return f"path.{bad[0]}" if bad else "path"


class _Body:
    """The body of one request as it comes, in time and in bounds."""

    def __init__(self, edge: Edge, receive: Receive) -> None:
        self._edge, self._receive = edge, receive
        self._began = time.monotonic()
        self._ended = False
        self.held = 0
        self.gone = False

    async def receive(self) -> Any:  # one of the messages of ASGI
        """The next message. Raises :class:`ProblemError` (408, 503) and :class:`ClientGone`."""
        if self._ended:
            return await self._receive()
        left = self._began + BODY_SECONDS + self.held / BODY_RATE - time.monotonic()
        try:
            async with asyncio.timeout(left):
                message: Any = await self._receive()
        except TimeoutError:
            detail = f"the body came too slowly: {self.held} bytes in {time.monotonic() - self._began:.0f} s"
            raise ProblemError(408, detail, headers={"Connection": "close"}) from None
        if message["type"] == "http.disconnect":
            self.gone = True
            raise ClientGone("in the middle of the body")
        size = len(message.get("body", b""))
        self.held += size
        self._ended = not message.get("more_body", False)
        self._edge.hold(size)
        return message


class _Answer:
    """The answer to one request as it goes out."""

    def __init__(self, send: Send, head: bool, allowed: Callable[[], bytes]) -> None:
        self._send, self._head, self._allowed = send, head, allowed
        self._begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            message["headers"] = [(k, self._allowed() if k.lower() == b"allow" else v) for k, v in message["headers"]]
        elif self._head and message["type"] == "http.response.body":
            message["body"] = b""
        await self._send(message)

    async def problem(self, scope: HTTPScope, error: ProblemError) -> None:
        """Answer with a problem; where an answer has begun, leave it torn, so that nobody takes it for a whole one."""
        if self._begun:
            return
        body = problems.encoded(error, problems.instance(scope))
        headers: Iterable[tuple[str, str]] = error.headers.items()
        start = [(k.lower().encode(), v.encode()) for k, v in headers]
        start += [(b"content-type", problems.MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await self.send({"type": "http.response.start", "status": error.status, "headers": start})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})
