"""The senders: they post a history's calls through intake, and repeat what gets no answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import aiohttp
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.chaos.histories import Call, History

_HEADERS = {"content-type": "application/cloudevents-batch+json"}
ANSWER_SECONDS = 20.0
PATIENCE_SECONDS = 180.0
CLOSE_SECONDS = 5.0


class LoadFailed(RuntimeError):
    """Intake refused what it should take, took what it should refuse, or did not answer for minutes."""


@dataclass
class Load:
    """Posts a history; remembers what was accepted."""

    url: str
    history: History
    may_send: Callable[[float], Awaitable[None]]
    """Waits until the share of the load given may be sent."""
    accepted: list[list[bytes]] = field(default_factory=list)
    """Each sender's facts that got 202, in their order."""
    accepted_reference: list[bytes] = field(default_factory=list)
    sent: int = 0
    refused: int = 0
    repeated: int = 0
    """Calls sent again."""
    unavailable: int = 0
    """Answers 503."""
    without_retry_after: int = 0
    under_way: int = 0
    """Calls that wait for their answer, or are being repeated."""
    answered: int = 0
    """Calls answered as they should be."""

    async def run(self) -> None:
        """Post all of it; returns when every call was answered as it should be. Raises :class:`LoadFailed`."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, headers=_HEADERS, trust_env=False) as http:
            await self._post(http, self.history.reference)
            self.accepted_reference += self.history.reference
            async with asyncio.TaskGroup() as group:
                for calls in self.history.posters:
                    mine: list[bytes] = []
                    self.accepted.append(mine)
                    group.create_task(self._sender(http, calls, mine))
                group.create_task(self._spread(http, self.history.late_reference, self._late))
                group.create_task(self._spread(http, self.history.refused, self._refuse))

    async def _sender(self, http: aiohttp.ClientSession, calls: Sequence[Call], mine: list[bytes]) -> None:
        for number, call in enumerate(calls):
            await self.may_send(number / len(calls))
            await self._post(http, call)
            mine += call
            self.sent += len(call)

    async def _spread(
        self,
        http: aiohttp.ClientSession,
        calls: Sequence[Call],
        send: Callable[[aiohttp.ClientSession, Call], Awaitable[None]],
    ) -> None:
        for number, call in enumerate(calls, 1):
            await self.may_send(number / (len(calls) + 1))
            await send(http, call)

    async def _late(self, http: aiohttp.ClientSession, call: Call) -> None:
        await self._post(http, call)
        self.accepted_reference += call

    async def _refuse(self, http: aiohttp.ClientSession, call: Call) -> None:
        await self._post(http, call, 422)
        self.refused += len(call)

    async def _post(self, http: aiohttp.ClientSession, call: Call, expected: int = 202) -> None:
        self.under_way += 1
        try:
            await self._until_answered(http, b"[" + b",".join(call) + b"]", expected)
        finally:
            self.under_way -= 1
        self.answered += 1

    async def _until_answered(self, http: aiohttp.ClientSession, body: bytes, expected: int) -> None:
        limit = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while asyncio.get_running_loop().time() < limit:
            try:
                async with http.post(f"{self.url}/v1/events", data=body) as answer:
                    text = await answer.text()
            except (aiohttp.ClientError, OSError):  # a TimeoutError is an OSError
                self.repeated += 1
                await asyncio.sleep(0.2)
                continue
            if answer.status == expected:
                return
            if answer.status != 503:
                raise LoadFailed(f"{answer.status} where {expected} was expected: {text[:500]}")
            self.unavailable += 1
            self.without_retry_after += "Retry-After" not in answer.headers
            self.repeated += 1
            await asyncio.sleep(0.2)
        raise LoadFailed(f"no {expected} in {PATIENCE_SECONDS} s")


async def put_garbage(
    bootstrap: str,
    topic: str,
    garbage: Sequence[tuple[bytes | None, bytes]],
    may_send: Callable[[float], Awaitable[None]],
) -> int:
    """Put records straight onto ``topic``, each until it is acknowledged; how many were sent again."""
    repeated = 0
    portions = [garbage[n : n + 50] for n in range(0, len(garbage), 50)]
    for number, portion in enumerate(portions):
        await may_send(number / len(portions))
        left = list(portion)
        while left:
            producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=5000)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await producer.start()
                    while left:
                        await producer.send_and_wait(topic, left[0][1], key=left[0][0])
                        left.pop(0)
            except (KafkaError, OSError):
                repeated += 1
                await asyncio.sleep(0.5)
            finally:
                await asyncio.wait([asyncio.create_task(producer.stop())], timeout=CLOSE_SECONDS)
    return repeated
