"""The keys that an OpenID provider signs with, fetched from where its discovery document says, and kept for a while."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.runtime.health import Part
from services.runtime.problems import RETRY_AFTER, ProblemError

KEEP_SECONDS = 600.0
"""After this long they are asked for again: a key that the provider took back is out by then."""
AGAIN_SECONDS = 30.0
"""For a key that is not among them the provider is asked at most so often, whoever sends what."""
ASK_SECONDS = 5.0

log = structlog.get_logger(__name__)


class ProviderKeys:
    """Of one issuer; belongs to one event loop."""

    def __init__(
        self,
        issuer: str,
        part: Part,
        transport: httpx.AsyncBaseTransport | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = issuer
        self._part, self._transport, self._now = part, transport, now
        self._kept: tuple[dict[str, Any], KeySet] | None = None
        self._at = float("-inf")
        self._asking = asyncio.Lock()

    async def keys(self, kid: str | None = None) -> KeySet:
        """The provider's keys, with the one called ``kid`` if it has it. Raises :class:`ProblemError` (503)."""
        return (await self._known(kid))[1]

    async def about(self) -> dict[str, Any]:
        """The provider's discovery document (OpenID Connect Discovery 1.0, 3). Raises :class:`ProblemError` (503)."""
        return (await self._known(None))[0]

    async def _known(self, kid: str | None) -> tuple[dict[str, Any], KeySet]:
        kept = self._kept
        if kept is not None and not self._stale(kept[1], kid):
            return kept
        async with self._asking:
            if self._kept is None or self._stale(self._kept[1], kid):
                await self._ask()
            if self._kept is None:
                reason = f"the OpenID provider can't be asked: {self._part.reason}"
                raise ProblemError(503, reason, kind="not-ready", headers={"Retry-After": RETRY_AFTER})
            return self._kept

    def _stale(self, keys: KeySet, kid: str | None) -> bool:
        age = self._now() - self._at
        lacks = kid is not None and all(key.kid != kid for key in keys.keys)
        return age > KEEP_SECONDS or (lacks and age > AGAIN_SECONDS)

    async def _ask(self) -> None:
        self._at = self._now()
        try:
            async with httpx.AsyncClient(timeout=ASK_SECONDS, trust_env=False, transport=self._transport) as client:
                where = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
                about = (await client.get(where)).raise_for_status().json()
                if about.get("issuer") != self.issuer:
                    raise ValueError(f"it calls itself {about.get('issuer')!r}; expected {self.issuer!r}")
                keys = KeySet.import_key_set((await client.get(about["jwks_uri"])).raise_for_status().json())
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError, JoseError) as error:
            # Keys that are known stay believed while the provider is away; at most as long as it is.
            log.warning("provider_away", issuer=self.issuer, reason=str(error) or type(error).__name__)
            self._part.away(str(error) or type(error).__name__)
            return
        self._kept = about, keys
        self._part.ok()
