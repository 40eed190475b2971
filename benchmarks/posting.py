"""What intake does: post to visible, one by one and in batches, beside a handler that only produces; and at rest."""

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.measuring import Figures, Run, cpu
from benchmarks.servers import PARTITIONS, Servers
from services.events.codec import decode_case_event
from services.events.topics import Topic, create_topics, topics
from services.local.process import free_port
from tests.support import raw, received

WARM_UP_SECONDS = 3
"""Of the posts so early nothing is measured: everything has just been started."""
CONNECTIONS = 16
BATCH = 200
ORGAN = {"code": "organ-0", "name": {"zh": "机关", "en": "Organ"}, "timezone": "Asia/Shanghai"}


async def _ready(http: aiohttp.ClientSession, *urls: str) -> None:
    async with asyncio.timeout(90):
        for url in urls:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(url) as answer:
                        if answer.status < 500:
                            break
                await asyncio.sleep(0.1)


async def _post(http: aiohttp.ClientSession, url: str, events: Any) -> None:
    headers = {"content-type": "application/cloudevents-batch+json" if isinstance(events, list) else "application/json"}
    body = msgspec.json.encode(events)
    while True:
        async with http.post(url, data=body, headers=headers) as answer:
            if answer.status == 202:
                return
            if answer.status != 503:  # the log is slow: the same call again, as any sender would
                raise RuntimeError(f"{url}: {answer.status} {(await answer.text())[:300]}")
        await asyncio.sleep(0.2)


def _fact(subject: str) -> dict[str, Any]:
    return received(subject, "2024-06-03", "in-person", "organ-0")


async def _organ(http: aiohttp.ClientSession, url: str) -> None:
    data = {**ORGAN, "calendar": "CN", "statute": "CN"}
    await _post(http, f"{url}/v1/events", raw("organ-registered", "organ-0", data))


async def latency(servers: Servers, rate: float, seconds: float, prefix: str) -> tuple[float, float]:
    """From the post of a fact to what follows from it in the case topic, in ms: median and 99th percentile.

    Above 200 facts a second they are posted in calls of several, 100 calls a second.
    """
    dsn = await servers.database()
    size = max(1, round(rate / 100)) if rate > 200 else 1
    posted: dict[str, float] = {}
    seen: dict[str, float] = {}
    with servers.service("intake", dsn, prefix) as intake, servers.service("tracker", dsn, prefix) as tracker:
        async with aiohttp.ClientSession() as http:
            await _ready(http, f"{intake.url}/readyz", f"{tracker.url}/readyz")
            await _organ(http, intake.url)
            # From the beginning: where the end is, it may ask only when the first events have come.
            consumer = AIOKafkaConsumer(
                bootstrap_servers=servers.kafka.bootstrap, fetch_max_wait_ms=20, auto_offset_reset="earliest"
            )
            await consumer.start()
            consumer.assign([TopicPartition(f"{prefix}cases", p) for p in range(PARTITIONS)])
            watching = asyncio.create_task(_watch(consumer, seen))
            sending: set[asyncio.Task[None]] = set()
            began = time.perf_counter()
            for call in range(int(rate * seconds / size)):
                await asyncio.sleep(max(0.0, began + call * size / rate - time.perf_counter()))
                subjects = [f"l/{call}/{n}" for n in range(size)]
                now = time.perf_counter()
                posted |= dict.fromkeys(subjects, now)
                facts = [_fact(subject) for subject in subjects]
                task = asyncio.create_task(_post(http, f"{intake.url}/v1/events", facts if size > 1 else facts[0]))
                sending.add(task)
            await asyncio.gather(*sending)
            async with asyncio.timeout(60):
                while len(seen) < len(posted):  # noqa: ASYNC110 - filled by the consumer
                    await asyncio.sleep(0.05)
            watching.cancel()
            await consumer.stop()
    measured = [(subject, at) for subject, at in posted.items() if at - began > WARM_UP_SECONDS]
    taken = sorted(1000 * (seen[subject] - at) for subject, at in measured)
    return taken[len(taken) // 2], taken[int(len(taken) * 0.99)]


async def _watch(consumer: Any, seen: dict[str, float]) -> None:
    async for record in consumer:
        seen.setdefault(decode_case_event(record.value).subject, time.perf_counter())


async def rates(servers: Servers, figures: Figures, seconds: float, runs: int, prefix: str) -> None:
    """Events a second that are taken: intake one by one and in batches, and the bare handler in batches."""
    bare_topic = Topic(f"{prefix}bare", PARTITIONS, 1, {"retention.ms": "-1"})
    await create_topics(servers.kafka.bootstrap, (*topics(prefix, PARTITIONS, 1), bare_topic))
    port, dsn = free_port(), await servers.database()
    bare = [sys.executable, str(Path(__file__).parent / "peers/bare_intake.py")]
    bare += [servers.kafka.bootstrap, bare_topic.name, str(port)]
    with servers.service("intake", dsn, prefix) as intake, servers.process("bare", bare, dict(os.environ)):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as http:
            ours, theirs = f"{intake.url}/v1/events", f"http://127.0.0.1:{port}/"
            await _ready(http, f"{intake.url}/readyz")
            await _organ(http, intake.url)
            await _ready_to_take(http, theirs)
            for turn in range(runs):
                for label, url, size in (
                    ("intake, one by one", ours, 1),
                    (f"intake, calls of {BATCH}", ours, BATCH),
                    (f"bare handler, calls of {BATCH}", theirs, BATCH),
                ):
                    figures.keep(label, Run(await _rate(http, url, size, seconds, f"{turn}/{size}/{url[-1]}")))


async def _ready_to_take(http: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                return await _post(http, url, [_fact("first")])
            await asyncio.sleep(0.1)


async def _rate(http: aiohttp.ClientSession, url: str, size: int, seconds: float, name: str) -> float:
    """So many connections, each posting as soon as it has its answer; the bodies are made beforehand."""
    taken, until = 0, time.perf_counter() + seconds

    async def one(sender: int) -> int:
        done = 0
        made = [_fact(f"{name}/{sender}/{i}") for i in range(size)]
        while time.perf_counter() < until:
            await _post(http, url, made if size > 1 else made[0])
            done += size
        return done

    began = time.perf_counter()
    taken = sum(await asyncio.gather(*(one(sender) for sender in range(CONNECTIONS))))
    return taken / (time.perf_counter() - began)


async def idle(servers: Servers, figures: Figures, seconds: float, prefix: str) -> None:
    """Per cent of a core that the services and the broker take while nothing happens."""
    dsn = await servers.database()
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(servers.service(n, dsn, prefix)) for n in ("intake", "tracker", "stats")]
        apis = {f"SHIXIAN_{n}_API": r.url for n, r in zip(("INTAKE", "TRACKER", "STATS"), running, strict=True)}
        running.append(stack.enter_context(servers.service("desk", dsn, prefix, **apis)))
        async with aiohttp.ClientSession() as http:
            await _ready(http, *(f"{r.url}/readyz" for r in running))
        await asyncio.sleep(5)
        pids = [r.pid for r in running]
        before, broker, began = cpu(*pids), cpu(*servers.broker_pids), time.perf_counter()
        await asyncio.sleep(seconds)
        took = time.perf_counter() - began
        figures.number("idle services, % of a core", 100 * (cpu(*pids) - before) / took)
        figures.number("idle broker, % of a core", 100 * (cpu(*servers.broker_pids) - broker) / took)
