"""The guard of every application: behind the router, before any handler. Whoever it lets in, the handler knows."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qsl

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from services.access.principal import OF_ALL, Principal
from services.access.routes import Need, Needs, require_declared
from services.runtime import problems
from services.runtime.door import SAFE, Door
from services.runtime.problems import ProblemError
from services.runtime.trail import Entry, Trail

Parents = Callable[[], Mapping[str, str | None]]
"""Gives each registered organ's parent."""
Who = Callable[[Scope, Mapping[bytes, bytes]], Any]

_caller: ContextVar[Principal] = ContextVar("caller")
_SUFFIXES = (".html", ".json")
_OPTIONS = Need("anyone")


def caller() -> Principal:
    """The principal of the call that is being answered. Raises ``LookupError`` outside of one."""
    return _caller.get()


class Guard:
    """What stands before the handlers of one application."""

    def __init__(
        self,
        door: Door,
        needs: Needs,
        parents: Parents,
        trail: Trail | None,
        who: Who | None = None,
        *,
        own_pages: bool = False,
        refused: Callable[[Entry, int], None] | None = None,
    ) -> None:
        """``who``: identifies the caller where that is not done by a bearer token (the desk's sessions); ``own_pages``:
        whether the application has pages that send what changes something; ``refused``: who hears, with the answer's
        status, of callers that were refused before it was known who they are: the trail, where there is one."""
        self.door, self._needs, self._parents, self._trail = door, needs, parents, trail
        self._who, self._own_pages = who, own_pages
        self._refused = refused or (trail.refused if trail is not None else lambda _entry, _status: None)

    def require_declared(self, name: str, app: Litestar) -> None:
        """Raises :class:`~services.access.routes.Undeclared` where a route has no scope."""
        routes = ((m, r.path_format) for r in app.routes for m in getattr(r, "methods", ()) if m != "OPTIONS")
        require_declared(name, routes, self._needs)

    def check_host(self, scope: Scope) -> None:
        """Raises :class:`ProblemError` (421) for a host that is not ours."""
        try:
            self.door.check_host(dict(scope["headers"]))
        except ProblemError as error:
            self._refused(refusal("call", scope, error), error.status)
            raise

    def __call__(self, app: ASGIApp) -> ASGIApp:
        """The guard as a middleware."""

        async def called(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                raise ProblemError(404, "only HTTP is served here")
            method: str = scope["method"]
            need = _OPTIONS if method == "OPTIONS" else self._needs[method, scope["path_template"]]
            headers = dict(scope["headers"])
            try:
                if method not in SAFE:
                    self.door.check_change(headers, scope["scheme"], need.takes, self._own_pages)
                principal = await self._principal(need, scope, headers)
            except ProblemError as error:
                self._refused(refusal(need.audit or "call", scope, error), error.status)
                raise
            if principal is None:
                await app(scope, receive, send)
                return
            entry = Entry(
                account=principal.account,
                action=need.audit,
                method=method,
                path=problems.instance(scope),
                address=(scope.get("client") or ("",))[0],
                organs=None if principal.organs is None else sorted(principal.organs),
            )
            status = 0

            async def sending(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            is_audited = bool(need.audit) and self._trail is not None
            if is_audited and self._trail is not None:
                self._trail.require_room()
            token = _caller.set(principal)
            try:
                with self.door.limits.turn(principal):
                    self._check(need, scope, principal)
                    await app(scope, receive, sending)
            except ProblemError as error:
                status = error.status
                raise
            finally:
                _caller.reset(token)
                if is_audited and self._trail is not None:
                    # Whoever asks too often goes on asking: that must not fill a trail that is kept for months.
                    told = self._trail.refused if status == 429 else self._trail.add
                    told(entry, status or 500)

        return called

    async def _principal(self, need: Need, scope: Scope, headers: Mapping[bytes, bytes]) -> Principal | None:
        """Who calls; None where nobody needs to be anyone."""
        if need.scope == "open":
            return None
        principal: Principal = await (self._who(scope, headers) if self._who is not None else self.door.who(headers))
        if self._trail is not None and principal.kind in ("token", "provider"):
            self._trail.used(principal.account, (scope.get("client") or ("",))[0])
        return principal

    def _check(self, need: Need, scope: Scope, principal: Principal) -> None:
        """Raises :class:`ProblemError` (403) for what the principal may not."""
        if need.scope in OF_ALL and principal.organs is not None and {need.scope, "admin"} & principal.scopes:
            detail = f"{principal.account} is limited to organs; {need.scope} is about all of them"
            raise ProblemError(403, detail, kind="organ")
        if need.scope not in ("open", "anyone") and not principal.may(need.scope):
            detail = f"{principal.account} may not do this: it needs the scope {need.scope}"
            challenge = f'Bearer realm="shixian", error="insufficient_scope", scope="{need.scope}"'
            raise ProblemError(403, detail, kind="scope", headers={"WWW-Authenticate": challenge})
        for organ in _organs(need, scope):
            require_organ(organ, self._parents(), principal)


def refusal(action: str, scope: Any, error: ProblemError, account: str = "unknown") -> Entry:
    """A call that was refused, as the trail is told of it: whose it is, as far as that is known, and why, in words that
    hold nothing of a token."""
    return Entry(
        account=account,
        action=action,
        method=scope["method"],
        path=problems.instance(scope),
        address=(scope.get("client") or ("",))[0],
        about=error.detail[:200],
    )


def require_organ(organ: str, parents: Mapping[str, str | None], principal: Principal | None = None) -> None:
    """Raises :class:`ProblemError` (403) where the caller may not read what is the organ's."""
    principal = principal or caller()
    if not principal.reads(organ, parents):
        raise ProblemError(403, f"{principal.account} may not read anything of organ {organ!r}", kind="organ")


def _organs(need: Need, scope: Scope) -> list[str]:
    """The organs that a call names where the table says that it does."""
    where, _, name = need.organ.partition(".")
    if where == "path":
        organ = str(scope["path_params"][name])
        if scope["path_template"].endswith(f"{{{name}}}"):  # the last part of a path may have a suffix
            organ = next((organ.removesuffix(one) for one in _SUFFIXES if organ.endswith(one)), organ)
        return [organ]
    if where == "query":
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return [value for key, value in pairs if key == name]
    return []
