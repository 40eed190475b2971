"""Logging in and out: by a local account, or at an OpenID provider by the code flow with PKCE (RFC 7636)."""

import secrets
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog
from authlib.oauth2 import OAuth2Error
from litestar import Controller, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec.structs import replace

from services.access import file, passwords, provider
from services.access.audit import Entry
from services.access.lockout import Lockout
from services.access.principal import Principal
from services.access.signed import BadToken, verified
from services.desk.pages import Desk
from services.desk.sessions import (
    FORM_COOKIE,
    FORM_FIELD,
    LOGIN_COOKIE,
    SESSION_COOKIE,
    Sessions,
    cookies,
    session_of,
)
from services.runtime.languages import Lang
from services.runtime.problems import ProblemError

with warnings.catch_warnings():
    # It asks for the successor of httpx, which nothing else here uses yet.
    warnings.simplefilter("ignore", DeprecationWarning)
    from authlib.integrations.httpx_client import AsyncOAuth2Client

ANSWER_SECONDS = 10.0
MOST_AT_ONCE = 10
"""Log-ins at once from one address; an office behind one address hardly has as many within a second."""
LOGIN_TIME = timedelta(minutes=10)
"""How long one may take at the provider, or before a login page."""
_LOGIN = "urn:shixian:login"
_SCOPE = "openid profile"

log = structlog.get_logger(__name__)


class Login(Controller):
    """The pages of logging in and out."""

    include_in_schema = False

    def __init__(self, owner: Any) -> None:
        super().__init__(owner)
        self.lockout = Lockout()
        self.waiting: Counter[str] = Counter()
        """By address: log-ins whose password is looked at, or is to be."""

    @get("/login")
    async def page(
        self,
        request: Request[Any, Any, Any],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
        next: FromQuery[str] = "/",
    ) -> Response[bytes]:
        """The page to log in with."""
        return await self._page(request, desk, lang, next)

    async def _page(
        self, request: Request[Any, Any, Any], desk: Desk, lang: Lang, next_: str, wrong: str = "", status: int = 200
    ) -> Response[bytes]:
        sessions = desk.sessions
        if sessions is None or sessions.door.mode != "accounts":
            return led("/")
        # Another tab may have a login page, too: its form has this token.
        text = _sent(request, sessions) or secrets.token_urlsafe(24)
        made = await desk.page(
            "login.html",
            request,
            lang,
            next=local_path(next_),
            wrong=wrong,
            form_token=text,
            has_provider=sessions.door.provider is not None,
            has_accounts=bool(sessions.door.access().users),
        )
        made.status_code = status
        seconds = int(LOGIN_TIME.total_seconds())
        made.cookies.append(sessions.plain(FORM_COOKIE, text, request.scope["scheme"], seconds))
        return made

    @post("/login", status_code=303)
    async def log_in(
        self, request: Request[Any, Any, Any], desk: NamedDependency[Desk], lang: NamedDependency[Lang]
    ) -> Response[bytes]:
        """An account and its password."""
        sessions = of(desk)
        form = await request.form()
        given = {name: str(form.get(name, "")) for name in ("account", "password", "next", FORM_FIELD)}
        try:
            desk.require_token(request, given[FORM_FIELD], _sent(request, sessions))
        except ProblemError as error:
            return await self._page(request, desk, lang, given["next"], "login_stale", error.status)
        account, now = given["account"].strip()[:100], sessions.door.now()
        user = sessions.door.access().by_account.get(account)
        kept = user.password if user is not None else None
        # What was typed may be a password, so that only a digest of it is told where it is no account.
        known = f"user:{account}" if user is not None else f"unknown:{sessions.keys.digest(account)}"
        until = self.lockout.until(account, now) or await desk.apis.locked(known)
        if until is not None:
            return await self._refused(request, desk, lang, given["next"], until, now)
        fits = locked = False
        # One at a time: each costs 64 MB and a few hundredths of a second.
        with self._few(request):
            async with desk.hashing.turn():
                now = sessions.door.now()
                # Of many that came at once, those before this one may have locked the account.
                late = self.lockout.until(account, now)
                if late is None:
                    fits = await desk.hashing.thread(passwords.fits, given["password"], kept) and user is not None
                    locked = not fits and self.lockout.failed(account, now, is_known=user is not None)
        if late is not None:
            return await self._refused(request, desk, lang, given["next"], late, now)
        if not fits or user is None:
            await desk.tell(entry(request, known, "locked-out" if locked else "login-refused"))
            if (until := self.lockout.until(account, now)) is not None:
                return await self._refused(request, desk, lang, given["next"], until, now)
            return await self._page(request, desk, lang, given["next"], "login_wrong", 401)
        self.lockout.passed(account)
        principal = file.person(user)
        await desk.tell(entry(request, principal.account, "login"))
        return let_in(sessions, principal, request.scope["scheme"], given["next"], user)

    @contextmanager
    def _few(self, request: Request[Any, Any, Any]) -> Iterator[None]:
        """Raises :class:`ProblemError` (429) where an address has many log-ins at once: they wait for one another, and
        everybody else's would wait behind them until it is too late."""
        client = request.scope.get("client")
        address = client[0] if client else ""
        if self.waiting[address] >= MOST_AT_ONCE:
            detail = f"there are {MOST_AT_ONCE} log-ins at once from this address; try again in a moment"
            raise ProblemError(429, detail, kind="too-many-calls", headers={"Retry-After": "2"})
        self.waiting[address] += 1
        try:
            yield
        finally:
            self.waiting[address] -= 1
            if not self.waiting[address]:
                del self.waiting[address]

    async def _refused(
        self, request: Request[Any, Any, Any], desk: Desk, lang: Lang, next_: str, until: datetime, now: datetime
    ) -> Response[bytes]:
        made = await self._page(request, desk, lang, next_, "login_locked", 429)
        made.headers["Retry-After"] = str(int((until - now).total_seconds()) + 1)
        return made

    @get("/login/provider")
    async def to_provider(
        self, request: Request[Any, Any, Any], desk: NamedDependency[Desk], next: FromQuery[str] = "/"
    ) -> Response[bytes]:
        """On to the OpenID provider."""
        sessions = of(desk)
        about = await provider_of(sessions)
        told = {"state": secrets.token_urlsafe(24), "nonce": secrets.token_urlsafe(24)}
        told["verifier"] = secrets.token_urlsafe(48)
        async with client_of(sessions) as client:
            url, _ = client.create_authorization_url(
                about["authorization_endpoint"],
                state=told["state"],
                nonce=told["nonce"],
                code_verifier=told["verifier"],
            )
        claims = {"sub": "login", "next": local_path(next), **told}
        text = sessions.keys.sign(claims, _LOGIN, sessions.door.now(), LOGIN_TIME)
        seconds = int(LOGIN_TIME.total_seconds())
        return led(url, sessions.plain(LOGIN_COOKIE, text, request.scope["scheme"], seconds))

    @get("/login/answer", any_query=True)
    async def from_provider(self, request: Request[Any, Any, Any], desk: NamedDependency[Desk]) -> Response[bytes]:
        """Back from the OpenID provider."""
        sessions = of(desk)
        sent = cookies(dict(request.scope["headers"])).get(sessions.name(LOGIN_COOKIE), "")
        try:
            told = sessions.keys.claims(sent, _LOGIN, sessions.door.now())
        except BadToken:
            raise ProblemError(403, "this login was not begun at this desk, or too long ago", kind="login") from None
        if not secrets.compare_digest(str(request.query_params.get("state", "")).encode(), told["state"].encode()):
            raise ProblemError(403, "the provider's answer is not to the question of this desk", kind="login")
        if "code" not in request.query_params:
            raise ProblemError(403, "the provider did not let you in", kind="login")
        claims = await told_by(sessions, str(request.query_params["code"]), told)
        assert sessions.door.provider is not None
        principal = replace(provider.principal_of(sessions.door.provider, claims), kind="person")
        if not principal.roles:
            await desk.tell(entry(request, principal.account, "login-refused"))
            name = sessions.door.provider.roles_claim
            raise ProblemError(403, f"the provider names no role of this desk for you (claim {name!r})", kind="role")
        await desk.tell(entry(request, principal.account, "login"))
        made = let_in(sessions, principal, request.scope["scheme"], str(told["next"]))
        made.cookies.append(sessions.plain(LOGIN_COOKIE, "", request.scope["scheme"], 0))
        return made

    @post("/logout", status_code=303)
    async def log_out(self, request: Request[Any, Any, Any], desk: NamedDependency[Desk]) -> Response[bytes]:
        """End the session."""
        sessions, session = of(desk), session_of(request)
        form = await request.form()
        desk.require_token(request, str(form.get(FORM_FIELD, "")), session.form_token if session else "")
        assert session is not None
        sessions.end(session)
        await desk.tell(entry(request, session.principal.account, "logout"))
        return led("/login", sessions.plain(SESSION_COOKIE, "", request.scope["scheme"], 0))


def of(desk: Desk) -> Sessions:
    """The sessions of a desk that has any. Raises :class:`ProblemError` (404)."""
    if desk.sessions is None or desk.sessions.door.mode != "accounts":
        raise ProblemError(404, "this desk has no accounts")
    return desk.sessions


def _sent(request: Request[Any, Any, Any], sessions: Sessions) -> str:
    """The token of the login page that this browser has."""
    return cookies(dict(request.scope["headers"])).get(sessions.name(FORM_COOKIE), "")


def let_in(
    sessions: Sessions, principal: Principal, scheme: str, next_: str, user: file.User | None = None
) -> Response[bytes]:
    """A session begins, with an id of its own: one that somebody else put there is worth nothing."""
    session = sessions.begin(principal, user)
    return led(local_path(next_), sessions.cookie(session, scheme), sessions.plain(FORM_COOKIE, "", scheme, 0))


def led(where: str, *given: Cookie) -> Response[bytes]:
    """On to another page."""
    headers = {"location": where, "cache-control": "no-store"}
    return Response(b"", status_code=303, media_type="text/plain", headers=headers, cookies=list(given))


def local_path(text: str) -> str:
    """A path of the desk; anything that a browser could take for another place becomes the first page."""
    plain = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and "\\" not in text
    return text if plain and text.isascii() else "/"


def entry(request: Request[Any, Any, Any], account: str, action: str) -> Entry:
    """What the audit trail is told."""
    client = request.scope.get("client")
    return Entry(account=account, action=action, path=request.url.path, address=client[0] if client else "")


async def provider_of(sessions: Sessions) -> Mapping[str, Any]:
    """The provider's discovery document. Raises :class:`ProblemError`."""
    if sessions.door.provider_keys is None:
        raise ProblemError(404, "this desk has no OpenID provider")
    return await sessions.door.provider_keys.about()


def client_of(sessions: Sessions) -> Any:
    """The desk as the provider's client."""
    settings = sessions.settings
    return AsyncOAuth2Client(
        client_id=settings.oidc_client,
        client_secret=settings.oidc_secret or None,
        scope=_SCOPE,
        redirect_uri=f"{settings.desk_address}/login/answer",
        code_challenge_method="S256",
        timeout=ANSWER_SECONDS,
        trust_env=False,
    )


async def told_by(sessions: Sessions, code: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """What the provider says of who has logged in: the claims of the ID token. Raises :class:`ProblemError`."""
    about = await provider_of(sessions)
    settings, keys = sessions.settings, sessions.door.provider_keys
    assert keys is not None
    try:
        async with client_of(sessions) as client:
            answer = await client.fetch_token(about["token_endpoint"], code=code, code_verifier=told["verifier"])
        text = str(answer.get("id_token", ""))
        found = verified(
            text, await keys.keys(), provider.ALGORITHMS, settings.oidc, settings.oidc_client, sessions.door.now()
        )
    except (OAuth2Error, BadToken, httpx.HTTPError, KeyError) as error:
        log.warning("login_failed", reason=type(error).__name__)
        raise ProblemError(403, "the provider's answer can't be believed; log in again", kind="login") from None
    if found.get("nonce") != told["nonce"]:
        raise ProblemError(403, "the provider's answer is to another question; log in again", kind="login")
    return found
