"""Who is at the desk: a session in a signed cookie, so that the desk keeps nothing and any number of them serve alike.

The cookie names the account and when it was given out; the key that signs it is the installation's. It is over after
``SHIXIAN_SESSION_HOURS``, or ``SHIXIAN_IDLE_MINUTES`` without a page. Of a local account the roles are read from the
access file at each page, and another password or no account ends the session; a provider's words last as long as it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from litestar import Request
from litestar.datastructures import Cookie
from litestar.types import Scope

from services.access import file, signed
from services.access.file import User
from services.access.principal import Principal
from services.access.signed import SESSION, BadToken, Keys
from services.runtime.door import Door, unknown
from services.runtime.problems import ProblemError
from services.runtime.settings import SettingError, Settings

NAME = "shixian"
FORM_FIELD = "form_token"
METRICS = "/metrics"
RENEW_SHARE = 5
"""A cookie is given out anew when a fifth of its idle time has gone: not with each page."""
_STATE = "shixian_session"


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its cookie holds it."""

    id: str
    principal: Principal
    began: datetime
    given: datetime
    form_token: str
    """What a form of a page of this session carries, so that no other page can send it."""
    password: str = ""
    """What is kept of the password that it began with, shortened: another one ends the session."""


@dataclass
class Sessions:
    """The sessions at one desk."""

    door: Door
    settings: Settings
    ended: dict[str, datetime] = field(default_factory=dict)
    """Those that were logged out here, until their cookies are over."""

    def require_key(self) -> None:
        """Raises :class:`SettingError` where there is no key to sign with."""
        self.keys.text(private=False)

    @property
    def keys(self) -> Keys:
        """The keys that sign. Raises :class:`SettingError`."""
        keys = self.door.keys()
        if keys is None or not keys.can_sign:
            raise SettingError("SHIXIAN_DESK_KEY: expected the file of the desk's key; `shixian desk-key` makes it")
        return keys

    async def who(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Principal:
        """The person who asks for a page; of the metrics, which no person reads, the system whose token it is. Raises
        :class:`ProblemError` (401) for nobody."""
        if scope["path_template"] == METRICS and b"authorization" in headers:
            return await self.door.who(headers)
        session = self.read(headers)
        if session is None:
            raise unknown("log in first", "")
        scope["state"][_STATE] = session
        return session.principal

    def read(self, headers: Mapping[bytes, bytes]) -> Session | None:
        """The session of a request's cookie; None where there is none, or none any more."""
        text = cookies(headers).get(self.name(SESSION_COOKIE))
        if not text:
            return None
        try:
            found = _session(self.keys.claims(text, SESSION, self.door.now()))
        except (BadToken, ValueError, KeyError, TypeError):
            return None
        now = self.door.now()
        over = found.began + timedelta(hours=self.settings.session_hours)
        if now >= over or found.id in self.ended:
            return None
        if found.principal.account.startswith("user:"):
            return self._as_it_is(found)
        return found

    def _as_it_is(self, found: Session) -> Session | None:
        user = self.door.access().by_account.get(found.principal.account.removeprefix("user:"))
        if user is None or not hmac.compare_digest(short(user.password), found.password):
            return None
        own = file.person(user)
        return Session(found.id, own, found.began, found.given, found.form_token, found.password)

    def begin(self, principal: Principal, user: User | None = None) -> Session:
        """A new session."""
        now = self.door.now()
        kept = short(user.password) if user is not None else ""
        return Session(secrets.token_urlsafe(16), principal, now, now, secrets.token_urlsafe(24), kept)

    def cookie(self, session: Session, scheme: str) -> Cookie:
        """The cookie of a session, given out now."""
        now = self.door.now()
        over = session.began + timedelta(hours=self.settings.session_hours)
        lives = min(timedelta(minutes=self.settings.idle_minutes), over - now)
        claims = signed.of_person(session.principal) | {
            "sid": session.id,
            "began": session.began.isoformat(),
            "form": session.form_token,
            "pw": session.password,
        }
        text = self.keys.sign(claims, SESSION, now, lives)
        return self.plain(SESSION_COOKIE, text, scheme, int(lives.total_seconds()))

    def renewed(self, request: Request[Any, Any, Any]) -> list[Cookie]:
        """The cookie anew, where it is time."""
        session: Session | None = request.scope["state"].get(_STATE)
        idle = timedelta(minutes=self.settings.idle_minutes)
        if session is None or self.door.now() - session.given < idle / RENEW_SHARE:
            return []
        return [self.cookie(session, request.scope["scheme"])]

    def end(self, session: Session) -> None:
        """Log out."""
        now = self.door.now()
        self.ended = {id_: until for id_, until in self.ended.items() if until > now}
        self.ended[session.id] = now + timedelta(hours=self.settings.session_hours)

    def plain(self, name: str, value: str, scheme: str, seconds: int) -> Cookie:
        """A cookie that scripts can't read and other sites' pages don't send along with what they post."""
        return Cookie(
            key=self.name(name),
            value=value,
            max_age=seconds,
            path="/",
            httponly=True,
            secure=self.is_secure(scheme),
            samesite="lax",
        )

    def is_secure(self, scheme: str = "") -> bool:
        """Whether people reach the desk by HTTPS."""
        return scheme == "https" or self.settings.desk_url.startswith("https://") or bool(self.settings.tls_cert)

    def name(self, name: str) -> str:
        """A cookie's name; by HTTPS one that no page of a neighbouring host can set (RFC 6265bis, 4.1.3.2)."""
        return f"__Host-{NAME}-{name}" if self.is_secure() else f"{NAME}-{name}"

    def bearer(self, principal: Principal) -> str:
        """The token of a person for the APIs, for as long as a page needs it."""
        return self.keys.sign(signed.of_person(principal), signed.API, self.door.now(), signed.TOKEN_TIME)


SESSION_COOKIE, FORM_COOKIE, LOGIN_COOKIE = "session", "form", "login"


def session_of(request: Request[Any, Any, Any]) -> Session | None:
    """The session that a request belongs to."""
    found: Session | None = request.scope.get("state", {}).get(_STATE)
    return found


def cookies(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """A request's cookies by name, the first of each. Those of other applications on the same host come along, in
    whatever shape a browser accepts (RFC 6265, 5.2): none of them may hide ours."""
    found: dict[str, str] = {}
    for one in headers.get(b"cookie", b"").decode("latin-1").split(";"):
        name, sign, value = one.partition("=")
        if sign:
            found.setdefault(name.strip(), value.strip().strip('"'))
    return found


def require_form(given: str, expected: str) -> None:
    """Raises :class:`ProblemError` (403) for a form that no page of ours made for this reader."""
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise ProblemError(
            403, "this form is not from a page of this desk, or too old; load the page anew", kind="form"
        )


def short(kept: str) -> str:
    """What stands for a kept password in a cookie."""
    return hashlib.sha256(kept.encode()).hexdigest()[:16] if kept else ""


def _session(claims: Mapping[str, Any]) -> Session:
    began = datetime.fromisoformat(claims["began"])
    given = datetime.fromtimestamp(claims["iat"], began.tzinfo)
    texts = [str(claims[name]) for name in ("sid", "form", "pw")]
    return Session(texts[0], signed.principal_of(claims), began, given, texts[1], texts[2])
