"""The hostile facts on their way: through intake, and past it straight onto the log."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import aiohttp
from aiokafka import AIOKafkaProducer

from services.events.vocabulary import Ref
from tests.chaos.hostile.facts import Attack, Call, ref_of
from tests.chaos.hostile.ordinary import BATCH
from tests.chaos.hostile.site import Site

PATIENCE_SECONDS = 90.0
PORTIONS = 20
"""What goes past intake comes in so many portions."""
_LIMIT = aiohttp.ClientTimeout(total=30)


@dataclass
class Posted:
    """What intake said to them."""

    accepted: set[Ref] = field(default_factory=set)
    refused: int = 0
    straight: int = 0
    busy: int = 0
    """Answers 503, after which the call was sent again."""
    wrong: list[str] = field(default_factory=list)
    """Calls that were taken though they had to be refused, and calls that got no answer of use."""


async def post(site: Site, http: aiohttp.ClientSession, attacks: Iterable[Attack], seconds: float = 0.0) -> Posted:
    """All attacks at once, the calls of each in their order, spread over ``seconds``: so they hurt all the time, and
    what is measured beside them is their cost and not the length of a queue that was filled at once."""
    found = Posted()
    async with asyncio.TaskGroup() as group:
        for attack in attacks:
            group.create_task(_one(site, http, attack, found, seconds))
    return found


async def _one(site: Site, http: aiohttp.ClientSession, attack: Attack, found: Posted, seconds: float) -> None:
    began = time.monotonic()
    for place, call in enumerate(attack.calls):
        await asyncio.sleep(max(0.0, began + seconds * place / len(attack.calls) - time.monotonic()))
        status = await _status(site, http, call, found)
        if status == 202:
            found.accepted.update(map(ref_of, call))
        elif status in (409, 413, 422, 429):
            found.refused += len(call)
        else:
            found.wrong.append(f"{attack.name}: {len(call)} facts got {status or 'no answer'}")
    for call in attack.refused:
        status = await _status(site, http, call, found)
        found.refused += len(call)
        if status not in (400, 422):
            found.wrong.append(f"{attack.name}: {ref_of(call[0]).id} got {status or 'no answer'}, expected a refusal")
    if attack.straight:
        async with AIOKafkaProducer(bootstrap_servers=site.bootstrap, acks="all", linger_ms=5) as producer:
            size = -(-len(attack.straight) // PORTIONS)
            for place in range(0, len(attack.straight), size):
                if not attack.calls:  # else it comes after them
                    at = began + seconds * place / len(attack.straight)
                    await asyncio.sleep(max(0.0, at - time.monotonic()))
                some = attack.straight[place : place + size]
                waiting = [await producer.send(site.topic(t), value, key=key) for t, key, value in some]
                await asyncio.gather(*waiting)
        found.straight += len(attack.straight)


async def _status(site: Site, http: aiohttp.ClientSession, call: Call, found: Posted) -> int:
    """The answer to a call, repeated while intake is busy or away; 0 if there is none for long."""
    limit = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    body = b"[" + b",".join(call) + b"]"
    while asyncio.get_running_loop().time() < limit and not site.ended():
        try:
            url = f"{site.url('intake')}/v1/events"
            async with http.post(url, data=body, headers=BATCH, timeout=_LIMIT) as answer:
                await answer.read()
                if answer.status != 503:
                    return answer.status
                found.busy += 1
        except (aiohttp.ClientError, OSError):
            pass
        await asyncio.sleep(0.3)
    return 0
