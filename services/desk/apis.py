"""The three public APIs, asked as any other client asks them: with limits of time and number, and in their own words
when they refuse."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import msgspec

from services.access.audit import Entry
from services.access.principal import Principal
from services.runtime import tracing
from services.runtime.guard import caller
from services.runtime.health import Health
from services.runtime.problems import RETRY_AFTER, Problem, ProblemError

LINES = "application/x-ndjson"
SERVICES = ("intake", "tracker", "stats")
CONNECT_SECONDS = 2.0
READ_SECONDS = 20.0
"""Longer than an API itself may take of its database."""
WAIT_SECONDS = 5.0
"""For a connection, while all are in use."""
CONNECTIONS = 32
AWAY = frozenset({429, 502, 503, 504})
"""Statuses by which nothing is said against what was asked: the same may be sent again in a moment."""
LOOK_SECONDS = 5.0
"""How often each API is asked whether it is there, for ``/readyz`` and the metrics."""

DESK = Principal(account="desk", kind="service", scopes=frozenset({"audit:write"}))
"""The desk itself, which may do nothing but add to the audit trail."""


class _Locked(msgspec.Struct):
    until: datetime | None = None


Query = Mapping[str, str | int | bool | Sequence[str] | None]

_decoder = msgspec.json.Decoder(float_hook=Decimal)


class Apis:
    """A client of intake, tracker and stats at their ``addresses``; belongs to one event loop."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        health: Health,
        transport: httpx.AsyncBaseTransport | None = None,
        bearer: Callable[[Principal], str | None] = lambda _: None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        """``bearer``: the token of a person for the APIs, where there are accounts; ``verify``: whose certificates are
        believed."""
        self._bearer = bearer
        self._addresses = addresses
        self._parts = {name: health.part(name, is_needed=False) for name in addresses}
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, pool=WAIT_SECONDS),
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS // 2),
            trust_env=False,
            transport=transport,
            verify=verify,
        )

    async def ask(self, service: str, path: str, query: Query | None = None) -> Any:
        """The JSON at ``path``, whose parts are percent-encoded already; numbers with decimals are exact.

        Raises :class:`ProblemError`: as the API refused it, or 503 where it is away.
        """
        answer = await self.file(service, path, query)
        try:
            return _decoder.decode(answer.content)
        except msgspec.DecodeError as error:
            detail = f"{service} answered with what is no JSON: {error}"
            raise ProblemError(502, detail, kind="api-failed") from error

    async def ask_if_there(self, service: str, path: str, query: Query | None = None) -> Any | None:
        """The same; None where there is nothing (404)."""
        try:
            return await self.ask(service, path, query)
        except ProblemError as error:
            if error.status == 404:
                return None
            raise

    async def file(
        self, service: str, path: str, query: Query | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The answer whole. Raises :class:`ProblemError` as :meth:`ask` does."""
        given = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        url = f"{self._addresses[service]}{path}"
        own = {"accept": "application/json", **(headers or {}), **self._who(caller())}
        if (context := tracing.current()) is not None:
            own["traceparent"] = context
        try:
            answer = await self._client.get(url, params=given or None, headers=own)
        except httpx.TransportError as error:
            raise away(service, f"does not answer at {self._addresses[service]} ({type(error).__name__})") from error
        if answer.status_code != 200:
            raise refused(service, answer)
        return answer

    async def send(self, service: str, path: str, body: bytes, expected: Sequence[int] = (200,)) -> Any:
        """Send JSON in the caller's own name; the JSON of the answer.

        Raises :class:`ProblemError`: as the API refused it, with the fields that it names, or 503 where it is away: the
        same may be sent again then.
        """
        headers = {"content-type": "application/json", "accept": "application/json", **self._who(caller())}
        try:
            answer = await self._client.post(f"{self._addresses[service]}{path}", content=body, headers=headers)
        except httpx.TransportError as error:
            raise away(service, f"does not answer at {self._addresses[service]} ({type(error).__name__})") from error
        if answer.status_code not in expected:
            raise refused(service, answer)
        return _decoder.decode(answer.content)

    async def lines(self, service: str, path: str, body: bytes) -> AsyncIterator[Any]:
        """Send JSON in the caller's own name; each line of JSON of the answer as it comes. Raises :class:`ProblemError`
        as :meth:`send` does."""
        headers = {"content-type": "application/json", "accept": LINES, **self._who(caller())}
        try:
            async with self._client.stream(
                "POST", f"{self._addresses[service]}{path}", content=body, headers=headers
            ) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    raise refused(service, answer)
                async for line in answer.aiter_lines():
                    yield _decoder.decode(line)
        except httpx.TransportError as error:
            raise away(service, f"does not answer at {self._addresses[service]} ({type(error).__name__})") from error

    async def tell(self, entry: Entry, status: int = 0) -> None:
        """Add to the audit trail what happened at the desk, and how a call was answered where it was one. Raises
        :class:`ProblemError`."""
        headers = {"content-type": "application/json", **self._who(DESK)}
        body = msgspec.json.encode(entry)
        try:
            answer = await self._client.post(
                f"{self._addresses['intake']}/v1/audit-records",
                params={"status": status} if status else None,
                content=body,
                headers=headers,
            )
        except httpx.TransportError as error:
            raise away("intake", f"the audit trail can't be written ({type(error).__name__})") from error
        if answer.status_code != 202:
            raise refused("intake", answer)

    async def locked(self, account: str) -> datetime | None:
        """Until when an account is locked, whichever desk the wrong passwords came to. Raises :class:`ProblemError`."""
        try:
            answer = await self._client.get(
                f"{self._addresses['intake']}/v1/lock-outs", params={"account": account}, headers=self._who(DESK)
            )
        except httpx.TransportError as error:
            raise away("intake", f"who is locked out can't be asked ({type(error).__name__})") from error
        if answer.status_code != 200:
            raise refused("intake", answer)
        return msgspec.json.decode(answer.content, type=_Locked).until

    def _who(self, principal: Principal) -> dict[str, str]:
        text = self._bearer(principal)
        return {} if text is None else {"authorization": f"Bearer {text}"}

    async def watch(self) -> None:
        """See every few seconds which APIs answer, and say so: the desk serves all the same."""
        while True:
            await asyncio.gather(*map(self._look, self._addresses))
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, service: str) -> None:
        part = self._parts[service]
        try:
            answer = await self._client.get(f"{self._addresses[service]}/readyz", timeout=CONNECT_SECONDS)
        except httpx.TransportError as error:
            part.away(f"{self._addresses[service]} does not answer ({type(error).__name__})")
            return
        if answer.status_code == 200:
            part.ok()
        else:
            part.waiting(_problem(answer).detail)

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()


def away(service: str, reason: str, retry_after: str = RETRY_AFTER) -> ProblemError:
    """The refusal while an API that a page needs is away."""
    parts = {service: {"state": "away", "reason": reason}}
    headers = {"Retry-After": retry_after}
    return ProblemError(503, f"{service}: {reason}", kind="not-ready", parts=parts, headers=headers)


def refused(service: str, answer: httpx.Response) -> ProblemError:
    """What an API refused, said again; a failure of its own is reported as such."""
    return said_again(service, _problem(answer), answer.status_code, answer.headers.get("retry-after", RETRY_AFTER))


def said_again(service: str, found: Problem, status: int, retry_after: str = RETRY_AFTER) -> ProblemError:
    """An API's problem as the desk's own."""
    if status == 503:
        return away(service, found.detail, retry_after)
    if 400 <= status < 500:
        kind = found.type.removeprefix("urn:shixian:problem:") if found.type.startswith("urn:") else ""
        return ProblemError(status, found.detail, kind=kind, errors=found.errors)
    return ProblemError(502, f"{service} failed at this: {found.detail}", kind="api-failed")


def _problem(answer: httpx.Response) -> Problem:
    try:
        return msgspec.json.decode(answer.content, type=Problem)
    except msgspec.MsgspecError:
        status = answer.status_code
        return Problem(type="about:blank", title="", status=status, detail=f"it answered with status {status}")
