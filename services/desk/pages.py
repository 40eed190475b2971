"""How the desk answers: a page, a file that is passed on, a problem. What a page looks like as text is
:mod:`services.desk.rendering`."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import httpx
from litestar import Request, Response
from msgspec import to_builtins

from services.access.audit import Entry
from services.desk.apis import Apis
from services.desk.rendering import ANYBODY, NOBODY, STRANGER, Here, in_session, render
from services.desk.sessions import FORM_COOKIE, Sessions, cookies, require_form, session_of
from services.runtime import problems
from services.runtime.guard import refusal
from services.runtime.languages import Lang, negotiated, preferred
from services.runtime.moved import likes_pages
from services.runtime.offload import Offload
from services.runtime.problems import ProblemError
from services.words import catalogue

HEADERS = {"cache-control": "no-store", "vary": "accept, accept-language"}
FORM_SECONDS = 12 * 3600
"""How long a form may lie open where there are no accounts."""
PASSED_ON = ("content-type", "content-disposition", "content-security-policy")
"""Headers of a file that go to the reader with it."""
_TITLES = {401: "session_over", 403: "forbidden", 404: "not_found", 400: "not_right", 503: "away"}
REFRESH = "x-desk-refresh"
"""Set by a page that keeps itself up to date; nobody is at work for that, so that a session does not live on by it."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the handlers work with."""

    apis: Apis
    offload: Offload = field(default_factory=Offload)
    sessions: Sessions | None = None
    """None: of a desk that only callers within its own process reach."""
    hashing: Offload = field(default_factory=lambda: Offload(turns=1, threads=1))
    """Held while a password is looked at."""
    refused: Callable[[Entry, int], None] | None = None
    """Told of forms that no page of ours made."""

    async def page(self, template: str, request: Request[Any, Any, Any], lang: Lang, **values: Any) -> Response[bytes]:
        """A page, made beside the loop."""
        here = Here(request.scope["path"], tuple(request.query_params.items()))
        text = await self.offload.thread(render, template, lang, here, self.reader(request), **values)
        is_work = self.sessions is not None and REFRESH not in request.headers
        renewed = self.sessions.renewed(request) if self.sessions is not None and is_work else []
        return Response(text.encode(), media_type="text/html", headers=HEADERS, cookies=renewed)

    async def form_page(
        self, template: str, request: Request[Any, Any, Any], lang: Lang, **values: Any
    ) -> Response[bytes]:
        """A page with a form that changes something: it carries the session's token, or (where there are no accounts)
        one that a cookie has, too."""
        session = session_of(request)
        if session is not None or self.sessions is None:
            token = session.form_token if session is not None else ""
            return await self.page(template, request, lang, form_token=token, **values)
        token = self._sent(request) or secrets.token_urlsafe(24)
        made = await self.page(template, request, lang, form_token=token, **values)
        made.cookies.append(self.sessions.plain(FORM_COOKIE, token, request.scope["scheme"], FORM_SECONDS))
        return made

    def require_form(self, request: Request[Any, Any, Any], given: str) -> None:
        """Raises :class:`ProblemError` (403) for a form that no page of ours made for this reader."""
        if self.sessions is not None:
            session = session_of(request)
            self.require_token(request, given, session.form_token if session is not None else self._sent(request))

    def require_token(self, request: Request[Any, Any, Any], given: str, expected: str) -> None:
        """The same where it is known which token the form has to carry. The audit trail is told of another one."""
        session = session_of(request)
        try:
            require_form(given, expected)
        except ProblemError as error:
            account = session.principal.account if session is not None else "unknown"
            if self.refused is not None:
                self.refused(refusal("call", request.scope, error, account), error.status)
            raise

    def _sent(self, request: Request[Any, Any, Any]) -> str:
        assert self.sessions is not None
        return cookies(dict(request.scope["headers"])).get(self.sessions.name(FORM_COOKIE), "")

    @staticmethod
    def own_organ(request: Request[Any, Any, Any], organ: str | None) -> str | None:
        """The organ whose list is shown: the one asked for, else the reader's own where she has but one."""
        session = session_of(request)
        own = session.principal.organs if session is not None else None
        return next(iter(own)) if organ is None and own is not None and len(own) == 1 else organ

    def reader(self, request: Request[Any, Any, Any]) -> Mapping[str, Any]:
        """Who reads a page, as its bar shows it."""
        session, mode = session_of(request), self.sessions.door.mode if self.sessions is not None else "local"
        if session is not None:
            return in_session(session)
        if mode == "accounts":
            return STRANGER
        return ANYBODY | {"access": mode, "may_audit": mode == "insecure"}

    @staticmethod
    def first_page(request: Request[Any, Any, Any]) -> str | None:
        """Where a reader is led who may not see the board; None: she may, or there is nothing for her."""
        session = session_of(request)
        if session is None or session.principal.may("requests:read"):
            return None
        led = {"audit:read": "/audit-trail", "reports:read": "/annual"}
        return next((page for scope, page in led.items() if session.principal.may(scope)), None)

    async def tell(self, entry: Entry) -> None:
        """Add what happened here to the audit trail. Raises :class:`ProblemError` where that fails: what has to be
        recorded is not done then."""
        await self.apis.tell(entry)


def wants_json(request: Request[Any, Any, Any]) -> bool:
    """Whether what a page is made of is asked for, by ``?format=json``."""
    return bool(request.query_params.get("format") == "json")


def passed_on(answer: httpx.Response) -> Response[bytes]:
    """A file of an API, as it came."""
    passed = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
    return Response(answer.content, headers=HEADERS | passed)


def language(request: Request[Any, Any, Any]) -> Lang:
    """The language of a page, for Litestar to put in."""
    return negotiated(request)


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """An error as a page for whoever reads pages; for all others as a problem. What is away is named in both."""
    if not likes_pages(request):
        return problems.answer(request, error)
    is_sent = request.method not in ("GET", "HEAD")
    log_in = f"/login?{urlencode({'next': _back(request, is_sent=is_sent)})}"
    if isinstance(error, ProblemError) and error.status == 401 and not is_sent:
        where = {"location": log_in, "cache-control": "no-store"}
        return Response(b"", status_code=303, media_type="text/plain", headers=where)
    found: ProblemError = problems.of(request.scope, error)
    given = request.query_params.get("lang")
    lang: Lang = "en" if given == "en" else "zh" if given == "zh" else preferred(_accepted(request))
    values = {
        "status": found.status,
        "title": _TITLES.get(found.status, "failed"),
        "detail": found.detail,
        "problem": catalogue.name("problem", found.kind, lang) if found.kind else "",
        "parts": to_builtins(found.parts),
        "is_sent": is_sent,
        "log_in": log_in,
    }
    session = session_of(request)
    reader = in_session(session) if session is not None else NOBODY
    here = Here(request.scope["path"], tuple(request.query_params.items()))
    text = render("problem.html", lang, here, reader, **values)
    headers = HEADERS | found.headers
    return Response(text.encode(), status_code=found.status, media_type="text/html", headers=headers)


def _back(request: Request[Any, Any, Any], *, is_sent: bool) -> str:
    """Where a reader goes on after logging in: to the page that she asked for, or to the one that has the form."""
    path = quote(request.scope["path"])
    if is_sent and not path.startswith(("/new", "/register", "/requests/", "/annual/")):
        return "/"
    return path.removesuffix("/publications") + (f"?{query}" if (query := request.url.query) else "")


def _accepted(request: Request[Any, Any, Any]) -> str:
    accepted: str = request.headers.get("accept-language", "")
    return accepted


def local(instant: str, zone: str | None) -> str:
    """An instant as a reader in that zone has it on the clock, with the offset; in UTC where the zone is not known."""
    there: tzinfo = ZoneInfo(zone) if zone else UTC
    return datetime.fromisoformat(instant).astimezone(there).isoformat(sep=" ", timespec="seconds")


def minute(instant: str, zone: str | None) -> str:
    """An instant to the minute as a reader in that zone has it on the clock; in UTC, and saying so, where the zone is
    not known; empty for none."""
    if not instant:
        return ""
    text = local(instant, zone)[:16]
    return text if zone else f"{text} UTC"
