"""An ordinary load beside the hostile one: requests at a steady rate, and how long each takes to be seen."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import aiohttp
import asyncpg
import msgspec

from services.tracker.store import SCHEMA
from tests.chaos.histories import LAST_DAY
from tests.chaos.hostile.facts import organ
from tests.chaos.hostile.site import Site
from tests.chaos.requests import organ_facts, request
from tests.support import raw

ORGANS = tuple(f"ordinary-{n}" for n in range(4))
BATCH = {"content-type": "application/cloudevents-batch+json"}
GIVE_UP_SECONDS = 120.0
LOOK_SECONDS = 0.01
_SHOWN = (
    f"SELECT subject FROM {SCHEMA}.cases WHERE subject = ANY($1::text[]) AND (state <> 'waiting' OR waiting_for <> '')"
)
"""What the tracker shows of these: it reads the same rows whenever it is asked."""
MOST_UNDER_WAY = 200
Call = list[bytes]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all are not above; 0 for none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


@dataclass
class Ordinary:
    """Posts one request's whole history a call; a call is seen when the tracker shows its request."""

    site: Site
    seed: int
    rate: float
    """Calls a second; the next one does not wait for the last."""
    accepted: list[Call] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    """What was not answered, or not seen, in time."""
    taken: list[float] = field(default_factory=list)
    """Seconds from each post to its 202, of all that was measured."""
    busy: int = 0
    """Answers 503, after which the call was sent again."""
    _number: int = 0
    _waited_for: dict[str, asyncio.Event] = field(default_factory=dict)

    async def register(self, http: aiohttp.ClientSession) -> None:
        """Post the organs with their own facts, before anything is measured."""
        known = [raw("organ-registered", code, organ(code), id=code, source="urn:shixian:chaos") for code in ORGANS]
        rng = random.Random(f"organs {self.seed}")
        own = [fact for n, code in enumerate(ORGANS) for fact in organ_facts(rng, code, n, LAST_DAY)]
        for facts in (known, own):
            call = [msgspec.json.encode(fact) for fact in facts]
            await self._post(http, call)
            if facts is own:
                self.accepted.append(call)

    async def run(self, http: aiohttp.ClientSession, stop: asyncio.Event, seen: list[float]) -> None:
        """Post until ``stop``; adds the seconds from each post to its being seen to ``seen``."""
        looking = asyncio.create_task(self._look())
        try:
            await self._post_on_and_on(http, stop, seen)
        finally:
            looking.cancel()
            await asyncio.wait([looking])
        if not looking.cancelled():
            looking.result()

    async def _post_on_and_on(self, http: aiohttp.ClientSession, stop: asyncio.Event, seen: list[float]) -> None:
        loop, began, count = asyncio.get_running_loop(), asyncio.get_running_loop().time(), 0
        room = asyncio.Semaphore(MOST_UNDER_WAY)
        async with asyncio.TaskGroup() as group:
            for call, subject in self._calls():
                await asyncio.sleep(max(0.0, began + count / self.rate - loop.time()))
                if stop.is_set():
                    return
                await room.acquire()
                task = group.create_task(self._one(http, call, subject, seen))
                task.add_done_callback(lambda _: room.release())
                count += 1

    async def _look(self) -> None:
        """See again and again which of them are there. One statement for all: if each asked the tracker for its own,
        the more there are to wait for, the more they would keep it from its work."""
        conn = await asyncpg.connect(self.site.dsn)
        try:
            while True:
                if self._waited_for:
                    for row in await conn.fetch(_SHOWN, list(self._waited_for)):
                        if (waiting := self._waited_for.get(row["subject"])) is not None:
                            waiting.set()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await conn.close()

    def _calls(self) -> Iterator[tuple[Call, str]]:
        while True:
            self._number += 1
            rng = random.Random(f"{self.seed} {self._number}")
            facts = request(rng, self._number, rng.choice(ORGANS), LAST_DAY)
            yield [msgspec.json.encode(fact) for fact in facts], str(facts[0]["subject"])

    async def _one(self, http: aiohttp.ClientSession, call: Call, subject: str, seen: list[float]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                await self._post(http, call)
                self.taken.append(loop.time() - began)
                self.accepted.append(call)
                shown = self._waited_for.setdefault(subject, asyncio.Event())
                await shown.wait()
        except TimeoutError:
            self.late.append(subject)
        finally:
            self._waited_for.pop(subject, None)
        seen.append(loop.time() - began)

    async def _post(self, http: aiohttp.ClientSession, call: Call) -> None:
        """Repeat a call until it gets 202, as a sender would."""
        while True:
            try:
                body = b"[" + b",".join(call) + b"]"
                async with http.post(f"{self.site.url('intake')}/v1/events", data=body, headers=BATCH) as answer:
                    if answer.status == 202:
                        return
                    self.busy += answer.status == 503
                    if answer.status < 500:
                        raise RuntimeError(f"an ordinary call got {answer.status}: {(await answer.text())[:300]}")
            except (aiohttp.ClientError, OSError):
                pass
            await asyncio.sleep(0.2)
