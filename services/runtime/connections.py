"""What a connection may take of us: bytes, headers, time. uvicorn's protocol with limits; it has none of its own.

Who sends too much or too slowly is answered with a problem (RFC 9457) where an answer still makes sense, and cut off.
A connection passes through these, and each has its bound:

==========================  ==========================================================================================
the head of a request       :data:`MAX_HEAD`, :data:`MAX_HEADERS`, :data:`MAX_URL`, :data:`HEAD_SECONDS` (431, 414, 408)
its body                    the application reads it, with a limit of size and of time (``services.runtime.edge``);
                            what nobody reads any more is thrown away for :data:`HEAD_SECONDS` at most
its answer                  a reader must take :data:`LEAST_READ` bytes a second, or is cut off
between two requests        uvicorn's ``timeout_keep_alive``
==========================  ==========================================================================================

:meth:`Connection.look` is called once a second for each connection, which is all the timers there are.
"""

import time
from collections.abc import Iterable
from typing import Any

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from services.runtime import problems

MAX_HEAD = 32 * 1024
"""Bytes of a request's line and headers: what nginx takes by default, and ten times ours."""
MAX_HEADERS = 100
"""Headers of one request: what Apache takes."""
MAX_URL = 8 * 1024
"""Bytes of a path with its query: an identifier has at most 200 characters, 1,800 bytes when percent-encoded."""
MAX_WAITING = 32
"""Requests sent ahead on one connection before the answer to the first."""
MAX_CONNECTIONS = 800
"""Open connections: below the 1,024 open files that most systems give a process, which needs some for its servers. When
there are as many, the one that has been idle longest makes room."""
MAX_REFUSED = 100
"""Connections beyond those that get a refusal; more are closed without an answer."""
HEAD_SECONDS = 10.0
"""From the connection, or the end of the answer before, to the end of a request's head."""
LEAST_READ = 4 * 1024
"""Bytes a second that the reader of an answer must take, on average over :data:`READ_SECONDS`."""
READ_SECONDS = 10
LINGER_SECONDS = 2.0
"""After a refusal: time to read it. Whoever still sends when we close would lose it to the reset."""

SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
]
"""On every answer, refusals included."""

_UPGRADE = frozenset({b"upgrade", b"connection", b"http2-settings"})

log = structlog.get_logger(__name__)


class _Refused(Exception):
    """The request goes beyond a limit."""


def _answer(status: int, detail: str, more: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A whole answer with a problem, after which the connection ends."""
    body = problems.encoded(problems.ProblemError(status, detail), "about:blank")
    headers = [
        *more,
        *SECURITY,
        (b"content-type", problems.MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *([(b"retry-after", problems.RETRY_AFTER.encode())] if status == 503 else []),
    ]
    return STATUS_LINE[status] + b"".join(b"%s: %s\r\n" % pair for pair in headers) + b"\r\n" + body


class Connection(HttpToolsProtocol):
    """One connection, within its limits."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        now = time.monotonic()
        self._waiting_since: float | None = now
        """Since when nothing is asked of us: no request is being worked on."""
        self._in_head = True
        self._stray = 0
        """Bytes in a row that brought no body: of a head, of chunks' extensions and trailers."""
        self._headers = 0
        self._plain = b""
        """The head of a request that asked for another protocol, without that wish, until it is read again."""
        self._refusal: tuple[int, str] | None = None
        self._refused_at: float | None = None
        self._unread: tuple[int, float] | None = None
        """The answer's bytes that the client has not taken, and when that was looked at."""

    # What comes in.

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            idle = {
                c._waiting_since or 0.0: c
                for c in self.connections
                if isinstance(c, Connection) and c._may_make_room(self)
            }
            if idle:
                idle[min(idle)].transport.abort()
            elif len(self.connections) > MAX_CONNECTIONS + MAX_REFUSED:
                transport.abort()
            else:
                self._refuse(503, f"{MAX_CONNECTIONS} connections are open, all of them at work; try again")

    def data_received(self, data: bytes) -> None:
        view = memoryview(data)
        while view and self._refused_at is None and not self.transport.is_closing():
            # A head is fed to the parser no further than it may be long; what comes behind it may be its body.
            piece = view[: MAX_HEAD - self._stray] if self._in_head else view
            if not piece:
                self._refuse(431, f"the request's line and headers have more than {MAX_HEAD} bytes")
                return
            view = view[len(piece) :]
            self._stray += len(piece)
            self._feed(bytes(piece))
            if not self._in_head and self._stray > MAX_HEAD:
                self._refuse(400, f"more than {MAX_HEAD} bytes between the chunks of a body, or behind them")

    def _feed(self, data: bytes) -> None:
        """What uvicorn's ``data_received`` does, with a request for another protocol read as the plain one it is."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            plain, self._plain = self._plain, b""
            if not plain:
                self.send_400_response("")
                return
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
            self._feed(plain + data[upgrade.args[0] :])
        except httptools.HttpParserError:
            log.debug("no_http", client=self.client and self.client[0])
            self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._headers = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_URL:
            self._reject(414, f"the path with its query has more than {MAX_URL} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # else a trailer: none of ours means anything, and the handler has the headers already
            super().on_header(name, value)
        self._headers += 1
        if self._headers > MAX_HEADERS:
            self._reject(431, f"the request has more than {MAX_HEADERS} headers")

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= MAX_WAITING:
            self.transport.abort()
            raise _Refused
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._plain = self._without_upgrade()
            return
        super().on_headers_complete()
        self._in_head, self._stray, self._waiting_since = False, 0, None

    def on_body(self, body: bytes) -> None:
        self._stray = 0
        super().on_body(body)

    def _without_upgrade(self) -> bytes:
        """The head again, asking for no other protocol: we have none, and may leave such a wish alone (RFC 9110, 7.8).

        The parser would take a body for that other protocol's and drop it; Java's client asks for ``h2c`` by default.
        """
        kept = [(name, value) for name, value in self.headers if name not in _UPGRADE]
        if any(name == b"connection" and b"close" in value.lower() for name, value in self.headers):
            kept.append((b"connection", b"close"))
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version), *(b"%s: %s" % one for one in kept)]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def on_message_complete(self) -> None:
        if self._plain:
            return
        super().on_message_complete()
        self._in_head, self._stray = True, 0

    # What goes out.

    def on_response_complete(self) -> None:
        next_is_here = bool(self.pipeline)
        super().on_response_complete()
        if not next_is_here:
            self._waiting_since = time.monotonic()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread = None

    def send_400_response(self, msg: str) -> None:
        """uvicorn's answer to what its parser does not take; ours says why."""
        self._refuse(*(self._refusal or (400, "this is no HTTP/1.1 request")))

    # Limits.

    def look(self, now: float) -> None:
        """End the connection if it is beyond its time; ``now`` is of the monotonic clock."""
        if self._refused_at is not None:
            if now - self._refused_at > LINGER_SECONDS:
                self.transport.abort()
        elif self._reads_too_slowly(now):
            self.transport.abort()
        elif self._waiting_since is not None and now - self._waiting_since > HEAD_SECONDS:
            if self._in_head and self._stray:
                self._refuse(408, f"the request's head did not come within {HEAD_SECONDS:.0f} s")
            else:
                self.transport.close()

    def _may_make_room(self, other: "Connection") -> bool:
        idle = self._waiting_since is not None and self._refused_at is None
        return idle and self is not other and not self.transport.is_closing()

    def _reads_too_slowly(self, now: float) -> bool:
        unread = self.transport.get_write_buffer_size()
        if not unread:
            self._unread = None
            return False
        before, at = self._unread = self._unread or (unread, now)
        if now - at < READ_SECONDS:
            return False
        self._unread = (unread, now)
        return before - unread < min(LEAST_READ * READ_SECONDS, before)

    def _reject(self, status: int, detail: str) -> None:
        """From within the parser: it stops, and uvicorn asks for :meth:`send_400_response`."""
        self._refusal = (status, detail)
        raise _Refused

    def _refuse(self, status: int, detail: str) -> None:
        """Answer and end; without an answer where one to an earlier request would be cut in two."""
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        working = cycle is not None and not cycle.response_complete
        if self.pipeline or (working and self.cycle.response_started):
            self.transport.abort()
            return
        if working:  # its handler waits for a body that will not come
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._unset_keepalive_if_required()
        self._refused_at = time.monotonic()
        self.transport.write(_answer(status, detail, self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
