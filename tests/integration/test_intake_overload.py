"""Intake at twice the rate that it can bear: it refuses the rest at once and politely, loses nothing that it has
acknowledged, takes no more memory however long that lasts, and is as before when it is over.

The rate is measured first, in the same run. Figures are printed; what is asserted are ratios and contents.
"""

import asyncio
import itertools
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.integration.test_intake import fact, records
from tests.support import ServiceProcess, service

MEASURED_SECONDS = 8.0
OVERLOAD_SECONDS = 40.0
AFTER_SECONDS = 6.0
WORKERS = 16
"""Callers that wait for their answer before they post again: as many as keep intake at work."""
CONNECTIONS = 600
"""Those that all callers have together: fewer than intake takes."""
CALL_SECONDS = 60.0
"""How long a caller waits for an answer."""
BODY = {"content-type": "application/cloudevents-batch+json"}


@dataclass
class Posted:
    """What became of the calls of a phase."""

    statuses: Counter[str] = field(default_factory=Counter)
    taken: list[int] = field(default_factory=list)
    """The numbers of the calls that were answered with 202."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Why calls were refused."""
    wrong: list[str] = field(default_factory=list)


class Load:
    """Calls of so many facts each, every fact with an id of its own."""

    def __init__(self, url: str, size: int, http: aiohttp.ClientSession) -> None:
        self._url, self._size, self.http = f"{url}/v1/events", size, http
        self._numbers = itertools.count()
        self.sent = 0

    def ids(self, call: int) -> Iterator[str]:
        """The ids of a call's facts."""
        return (f"{call}-{place}" for place in range(self._size))

    async def call(self, found: Posted) -> None:
        """One call."""
        number = next(self._numbers)
        self.sent += 1
        facts = (TEXT.replace(b"test-1", id_.encode()) for id_ in self.ids(number))  # the id and the subject
        body = b"[" + b",".join(facts) + b"]"
        try:
            async with self.http.post(self._url, data=body, headers=BODY) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            found.statuses[type(error).__name__] += 1
            return
        found.statuses[str(answer.status)] += 1
        if answer.status == 202:
            found.taken.append(number)
        elif answer.status not in (429, 503) or not answer.headers.get("retry-after", "").isdigit():
            found.wrong.append(f"{answer.status} {dict(answer.headers)} {text[:200]}")
        else:
            found.kinds[json.loads(text)["type"].rpartition(":")[2]] += 1

    async def at_rest(self, seconds: float) -> tuple[Posted, float]:
        """A few callers, each of whom waits for its answer; and the calls a second that were taken."""
        found, began = Posted(), time.monotonic()

        async def caller() -> None:
            while time.monotonic() - began < seconds:
                await self.call(found)

        await asyncio.gather(*(caller() for _ in range(WORKERS)))
        return found, len(found.taken) / (time.monotonic() - began)

    async def at_rate(self, rate: float, seconds: float) -> tuple[Posted, float]:
        """So many calls a second, whether those before are answered or not; and those a second that were taken."""
        found, began = Posted(), time.monotonic()
        waiting: set[asyncio.Task[None]] = set()
        started = 0
        while (now := time.monotonic() - began) < seconds:
            for _ in range(int(now * rate) - started):
                task = asyncio.create_task(self.call(found))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
                started += 1
            await asyncio.sleep(0.005)
        taken = len(found.taken) / seconds
        await asyncio.gather(*waiting)
        return found, taken


TEXT = json.dumps(fact("fee-paid", subject="test-1")).encode()


def memory(pid: int) -> int:
    """The resident memory of a process, in MB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


def worked(pid: int) -> float:
    """The processor time that a process has had, in seconds: other work on the machine does not count in it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def watched(pid: int, found: list[int]) -> None:
    """Note the memory twice a second, until cancelled."""
    while True:
        found.append(memory(pid))
        await asyncio.sleep(0.5)


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", [1, 500])
async def test_twice_what_it_can_bear(kafka: str, size: int) -> None:
    prefix = f"overload{os.getpid()}-{size}."
    env = {"SHIXIAN_KAFKA": kafka, "SHIXIAN_TOPIC_PREFIX": prefix, "SHIXIAN_PARTITIONS": "4"}
    limits = aiohttp.ClientTimeout(total=CALL_SECONDS)
    with service("intake", env) as intake:
        await asyncio.to_thread(intake.wait_ready)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS), timeout=limits) as http:
            load = Load(intake.url, size, http)
            spent = [worked(intake.process.pid)]
            rested, bears = await load.at_rest(MEASURED_SECONDS)
            spent.append(worked(intake.process.pid))
            before = memory(intake.process.pid)
            seen: list[int] = []
            watching = asyncio.create_task(watched(intake.process.pid, seen))
            pressed, taken = await load.at_rate(2 * bears, OVERLOAD_SECONDS)
            watching.cancel()
            spent.append(worked(intake.process.pid))
            recovered = await recovery(intake, load)
        # The flood's connections, of which most are idle now, end one by one; who calls from now on has new ones.
        async with aiohttp.ClientSession(timeout=limits) as load.http:
            after, rate = await load.at_rest(AFTER_SECONDS)
        at_last = memory(intake.process.pid)
        assert intake.process.poll() is None
    found = await records(kafka, f"{prefix}facts", seconds=300)
    ids = Counter(json.loads(record.value)["id"] for record in found)
    promised = [id_ for one in (rested, pressed, after) for call in one.taken for id_ in load.ids(call)]
    half = len(seen) // 2
    at_rest = len(rested.taken) / (spent[1] - spent[0])
    under_load = len(pressed.taken) / (spent[2] - spent[1])
    print(
        f"\ncalls of {size}: bears {bears:.1f} a second; at {2 * bears:.1f} for {OVERLOAD_SECONDS:.0f} s: "
        f"{dict(pressed.statuses)} {dict(pressed.kinds)}, {taken:.1f} a second taken; "
        f"memory {before} MB, at most {max(seen[:half])} and {max(seen[half:])} MB in the halves, {at_last} at last; "
        f"{at_rest:.1f} a second of the processor's, {under_load:.1f} under load ({spent[2] - spent[1]:.1f} s); "
        f"recovered after {recovered:.1f} s, {rate:.1f} a second then {dict(after.statuses)} {dict(after.kinds)}; "
        f"{len(promised):,} facts promised, {len(ids):,} in the log, {sum(ids.values()) - len(ids):,} of them twice"
    )
    answered = sum(pressed.statuses[status] for status in ("202", "429", "503"))
    # A connection that has been idle may end as it is used again; that is no answer, and the call is repeated.
    assert pressed.wrong == [] and answered > 0.98 * pressed.statuses.total(), pressed.statuses
    assert pressed.statuses["202"] < pressed.statuses.total(), "it was more than it can bear"
    missing = [id_ for id_ in promised if id_ not in ids]
    assert missing == [], f"{len(missing)} facts were acknowledged and are not in the log"
    assert len(ids) <= load.sent * size
    assert under_load > at_rest / 4, "what it refuses does not keep it from its work"
    assert max(seen[half:]) < 1.25 * max(seen[:half]), "its memory does not grow with the time that it lasts"
    refused = {status for status in after.statuses if status.isdigit()} - {"202"}
    assert not refused and rate > bears / 2, "and when it is over, all is as before"
    assert after.statuses["202"] > 0.98 * after.statuses.total(), after.statuses


async def recovery(intake: ServiceProcess, load: Load) -> float:
    """How many seconds until intake is ready and takes a call again."""
    began = time.monotonic()
    async with asyncio.timeout(60):
        while True:
            found = Posted()
            await load.call(found)
            ready = await asyncio.to_thread(intake.http.get, "/readyz")
            if found.taken and ready.status_code == 200:
                return time.monotonic() - began
            await asyncio.sleep(0.2)
