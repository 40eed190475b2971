"""Who is at the door: the principal of a call, by bearer token, JWT or session; hosts and origins that are allowed."""

import asyncio
import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from services.access import file, signed
from services.access.file import Access
from services.access.principal import LOCAL, Principal
from services.access.provider import Provider, bearer
from services.access.signed import BadToken, Keys
from services.runtime import addresses
from services.runtime.health import Health
from services.runtime.kept_file import LOOK_SECONDS, KeptFile
from services.runtime.limits import Limits
from services.runtime.problems import FieldProblem, ProblemError
from services.runtime.provider_keys import ProviderKeys
from services.runtime.settings import SettingError, Settings

Mode = Literal["accounts", "local", "insecure"]
"""Callers say who they are; everyone on this machine is ``local``; everyone who reaches it is."""
OWN_NAMES = ("localhost",)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""


def _kept(path: Path, read: Callable[[bytes], Any], health: Health, part: str, setting: str) -> Any:
    try:
        return KeptFile(path, read, health.part(part, is_needed=False))
    except (OSError, ValueError) as error:
        raise SettingError(f"{setting}: {path.name} can't be read: {error}") from error


class Door:
    """One service's. Belongs to one event loop."""

    def __init__(
        self,
        settings: Settings,
        health: Health,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """``transport``: how the OpenID provider is asked, in tests. Raises :class:`SettingError`."""
        self.mode: Mode = "accounts" if settings.has_accounts else "insecure" if settings.insecure else "local"
        self.limits = Limits(settings.rate, settings.concurrent)
        self.now = now
        self.access: Callable[[], Access] = lambda: Access()
        self.keys: Callable[[], Keys | None] = lambda: None
        self.provider: Provider | None = None
        self.provider_keys: ProviderKeys | None = None
        if settings.access:
            self.access = _kept(Path(settings.access).expanduser(), file.decode, health, "access", "SHIXIAN_ACCESS")
        if settings.has_accounts and (settings.desk_key or settings.desk_key_file.exists()):
            self.keys = _kept(settings.desk_key_file, Keys.read, health, "desk-key", "SHIXIAN_DESK_KEY")
        if settings.oidc:
            self.provider = Provider(
                issuer=settings.oidc,
                audience=settings.oidc_audience,
                roles_claim=settings.oidc_roles,
                organs_claim=settings.oidc_organs,
            )
            self.provider_keys = ProviderKeys(settings.oidc, health.part("provider", is_needed=False), transport)
        self._hosts = hosts_of(settings)
        self._any_host = False
        self._origins = frozenset(one.strip().rstrip("/") for one in settings.origins.split(",") if one.strip())
        self._desk_origin = origin_of(settings.desk_url) if settings.desk_url else ""
        health.access = self.mode

    @classmethod
    def indoors(cls) -> "Door":
        """Of an application that no network reaches: its caller is ``local``, whatever the host is called."""
        door = cls(Settings(), Health())
        door._any_host = True
        return door

    async def watch(self) -> None:
        """Look at the access file now and then until cancelled, so that its changes are told of whoever calls."""
        while True:
            self.access()
            await asyncio.sleep(LOOK_SECONDS)

    def on_change(self, report: Callable[[str, str], None]) -> None:
        """Call ``report`` for each change of the access file, with its name and the token or account concerned."""

        def changed(before: Access, after: Access) -> None:
            for action, about in file.differences(before, after):
                report(action, about)

        if isinstance(self.access, KeptFile):
            self.access.changed = changed

    def check_host(self, headers: Mapping[bytes, bytes]) -> None:
        """Raises :class:`ProblemError` (421) for a host that is not ours: a page elsewhere whose name was made to lead
        here (DNS rebinding) says its own name. An address is no name that could be made to."""
        if self._any_host:
            return
        host = name_of(headers.get(b"host", b"").decode("latin-1"))
        if addresses.is_address(host) or host in self._hosts:
            return
        if any(host.endswith(one.removeprefix("*")) for one in self._hosts if one.startswith("*.")):
            return
        expected = "a name of this installation (SHIXIAN_HOSTS)"
        wrong = FieldProblem(field="header.host", problem=f"is {host[:60]!r}", expected=expected)
        raise ProblemError(421, f"Host is {host[:60]!r}; expected {expected}", kind="host", errors=[wrong])

    def check_change(
        self, headers: Mapping[bytes, bytes], scheme: str, types: tuple[str, ...], own_pages: bool
    ) -> None:
        """For a call that changes something. Raises :class:`ProblemError`: 403 for an origin that may not, 415 for a
        body of a type that a form on any page could send.

        ``types``: those expected; ``own_pages``: our own pages may send it. A call with ``ce-`` headers, which no form
        can have, needs no content type: CloudEvents in binary mode may lack it.
        """
        origin = headers.get(b"origin", b"").decode("latin-1").rstrip("/")
        allowed = set(self._origins)
        if own_pages:
            allowed |= {f"{scheme}://{headers.get(b'host', b'').decode('latin-1')}", self._desk_origin}
        elsewhere = headers.get(b"sec-fetch-site", b"") == b"cross-site"
        if (origin and origin not in allowed) or (elsewhere and not origin):
            expected = "no Origin, or one that SHIXIAN_ORIGINS names"
            wrong = FieldProblem(field="header.origin", problem=f"is {origin[:60]!r}", expected=expected)
            detail = f"Origin is {origin[:60]!r}; expected {expected}"
            raise ProblemError(403, detail, kind="origin", errors=[wrong])
        if any(name.startswith(b"ce-") for name in headers):
            return
        media = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        if types and media not in types:
            expected = f"{types[0]}, in UTF-8" if len(types) == 1 else f"one of {', '.join(types)}, in UTF-8"
            given = media[:100] or "missing"
            wrong = FieldProblem(field="header.content-type", problem=f"is {given}", expected=expected)
            detail = f"the content type is {given}; expected {expected} (curl: -H 'content-type: {types[0]}')"
            accepted = {"Accept-Post": ", ".join(types)}
            raise ProblemError(415, detail, kind="content-type", errors=[wrong], headers=accepted)

    async def who(self, headers: Mapping[bytes, bytes]) -> Principal:
        """Who calls. Raises :class:`ProblemError` (401); 503 while the OpenID provider can't be asked for its keys."""
        if self.mode != "accounts":
            return LOCAL
        kind, _, text = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        text = text.strip()
        if not kind:
            raise unknown("this call needs a bearer token (shixian token create)", "")
        if kind.lower() != "bearer" or not text:
            raise unknown("the header Authorization is not `Bearer` and a token", "invalid_request")
        if text.startswith("shx_"):
            principal, why = file.check(self.access(), text, self.now())
            if principal is None:
                raise unknown(why)
            return principal
        try:
            return await self._signed(text)
        except BadToken as error:
            raise unknown(str(error)) from None

    async def _signed(self, text: str) -> Principal:
        issuer, kid = _said(text)
        if issuer == signed.ISSUER:
            keys = self.keys()
            if keys is None:
                raise BadToken("the desk's key is not known here (SHIXIAN_DESK_KEY)")
            return signed.principal_of(keys.claims(text, signed.API, self.now()))
        if self.provider is None or self.provider_keys is None or issuer != self.provider.issuer:
            raise BadToken("the token is none of this installation's")
        return bearer(self.provider, text, await self.provider_keys.keys(kid), self.now())


def unknown(detail: str, error: str = "invalid_token") -> ProblemError:
    """The refusal of a caller who can't be identified (RFC 6750, 3)."""
    challenge = f'Bearer realm="shixian", error="{error}"' if error else 'Bearer realm="shixian"'
    return ProblemError(401, detail, kind="who", headers={"WWW-Authenticate": challenge})


def _said(text: str) -> tuple[str, str | None]:
    """The issuer and the key that a JWT names, before anything of it is believed. Raises :class:`BadToken`."""
    try:
        header, payload, _ = text.split(".")
        issuer, kid = _part(payload).get("iss"), _part(header).get("kid")
    except (ValueError, binascii.Error, AttributeError, RecursionError):
        raise BadToken("the token can't be read") from None
    return str(issuer), kid if isinstance(kid, str) else None


def _part(text: str) -> Any:
    return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def hosts_of(settings: Settings) -> frozenset[str]:
    """The names by which a service may be called."""
    urls = (settings.desk_url, settings.tracker_url, settings.intake_api, settings.tracker_api, settings.stats_api)
    named = [urlsplit(url).hostname or "" for url in urls if url]
    listed = [one.strip().lower() for one in settings.hosts.split(",")]
    return frozenset({*OWN_NAMES, *named, *listed, settings.host.lower()} - {""})


def name_of(host: str) -> str:
    """A ``Host`` header without its port, in lower case."""
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[").lower()
    return host.partition(":")[0].rstrip(".").lower()


def origin_of(url: str) -> str:
    """The origin of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
