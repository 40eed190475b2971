"""``make bench-throughput``: what the tracker and the stats service do in a second, beside others on the same topic.

Each figure is the median of several runs, all in one go on this machine: a process of its own each time, one broker
and one PostgreSQL beside it. The tracker and the stats service are the real ones, with everything that makes them
durable and effectively once; the others do nothing with what they read.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import asyncpg
import httpx
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.readers import PARTITIONS
from services.events.codec import decode_case_event, decode_fact, encode
from services.events.topics import create_topics, topics
from services.local.jars import kafka_classpath
from services.local.kafka import KafkaNode
from services.local.postgres import PostgresServer
from services.local.process import free_port, tie_to_parent
from tests.chaos.histories import generate
from tests.support import raw, received

PREFIX = "bench."
LATENCY_RATE, LATENCY_SECONDS = 200, 18
WARM_UP_SECONDS = 3
"""Of the posts so early nothing is measured: everything has just been started."""
NOW = "2024-06-28T04:00:00+00:00"


def _tell(line: str, stream: TextIO = sys.stdout) -> None:
    stream.write(f"{line}\n")
    stream.flush()


class Bench:
    """The servers, and the figures found so far."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder, self.runs = folder, runs
        self.kafka = KafkaNode(folder / "kafka", kafka_classpath())
        self.postgres = PostgresServer(folder / "postgres")
        self.figures: dict[str, list[float]] = {}

    async def fill(self, facts: int) -> tuple[int, int]:
        """Put generated histories on the fact topic; how many records, and their bytes each on average."""
        history = generate(1, facts, posters=1)
        bootstrap = self.kafka.bootstrap
        await create_topics(bootstrap, topics(PREFIX, PARTITIONS, 1))
        recorded = datetime.fromisoformat(NOW)
        values = [
            (fact.subject.encode(), encode(msgspec.structs.replace(fact, recordedtime=recorded)))
            for call in history.posters[0]
            for fact in map(decode_fact, call)
        ][:facts]
        reference = [f for call in (history.reference, *history.late_reference) for f in call]
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5) as producer:
            for each in reference:
                await producer.send_and_wait(f"{PREFIX}reference", each)
            for start in range(0, len(values), 5000):
                portion = values[start : start + 5000]
                sent = [await producer.send(f"{PREFIX}facts", value, key=key) for key, value in portion]
                await asyncio.gather(*sent)
        return len(values), sum(len(v) for _, v in values) // len(values)

    def note(self, name: str, rate: float) -> None:
        """Keep and show one figure."""
        self.figures.setdefault(name, []).append(rate)
        _tell(f"{name}: {rate:,.0f} a second", sys.stderr)

    def median(self, name: str) -> float:
        """The median of a figure's runs."""
        return statistics.median(self.figures[name])

    def read(self, way: str, topic: str, records: int) -> None:
        """One reading by one of the others."""
        command = [sys.executable, "-m", "benchmarks.readers", way, self.kafka.bootstrap, topic, str(records)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        self.note(way, float(output.splitlines()[-1]))

    async def database(self) -> str:
        """A fresh database's URI."""
        name = f"bench_{uuid.uuid4().hex[:8]}"
        conn = await asyncpg.connect(self.postgres.dsn)
        await conn.execute(f"CREATE DATABASE {name}")
        await conn.close()
        return self.postgres.database_dsn(name)

    @contextlib.contextmanager
    def service(self, name: str, dsn: str, prefix: str = PREFIX, settle: float = 3600) -> Iterator[str]:
        """A service as a process; its address. ``settle`` keeps the sweep out of what is measured."""
        port = free_port()
        env: Mapping[str, str] = {
            **os.environ,
            "SHIXIAN_KAFKA": self.kafka.bootstrap,
            "SHIXIAN_POSTGRES": dsn,
            "SHIXIAN_TOPIC_PREFIX": prefix,
            "SHIXIAN_PARTITIONS": str(PARTITIONS),
            "SHIXIAN_SETTLE_SECONDS": str(settle),
            "SHIXIAN_NOW": NOW,
            "SHIXIAN_LOG": "json",
            f"SHIXIAN_{name.upper()}_PORT": str(port),
        }
        with (self.folder / f"{name}.log").open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", f"services.{name}"],
                env=env,
                stdout=out,
                stderr=out,
                preexec_fn=tie_to_parent(signal.SIGKILL),
            )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)

    async def work(self, name: str, topic: str) -> None:
        """One run of a service over a whole topic into a fresh database."""
        total = sum((await self.ends(topic)).values())
        dsn = await self.database()
        with self.service(name, dsn):
            conn = await asyncpg.connect(dsn)
            query = f"SELECT coalesce(sum(next_offset), 0)::bigint FROM {name}.progress"
            first, first_at, seen = 0, 0.0, 0
            while seen < total:
                try:
                    seen = await conn.fetchval(query)
                except asyncpg.UndefinedTableError:
                    seen = 0
                if seen and not first:
                    first, first_at = seen, time.perf_counter()
                await asyncio.sleep(0.02)
            self.note(name, (total - first) / (time.perf_counter() - first_at))
            await conn.close()

    async def ends(self, topic: str) -> dict[TopicPartition, int]:
        """The end of each partition of a topic."""
        async with AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap) as consumer:
            found: dict[TopicPartition, int] = await consumer.end_offsets(
                [TopicPartition(topic, p) for p in range(PARTITIONS)]
            )
            return found

    async def empty_cases(self) -> None:
        """Make the case topic anew, so that it holds one run's events."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        await admin.delete_topics([f"{PREFIX}cases"])
        while f"{PREFIX}cases" in await admin.list_topics():  # noqa: ASYNC110 - the broker does it in its own time
            await asyncio.sleep(0.1)
        await admin.close()
        await create_topics(self.kafka.bootstrap, topics(PREFIX, PARTITIONS, 1))

    async def latency(self) -> tuple[float, float]:
        """From the post of a fact to what follows from it in the case topic: median and 99th percentile, in ms."""
        prefix, dsn = "latency.", await self.database()
        posted: dict[str, float] = {}
        seen: dict[str, float] = {}
        with self.service("intake", dsn, prefix) as url, self.service("tracker", dsn, prefix) as tracker:
            async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
                await _ready(http, url, tracker)
                organ = {"code": "organ-0", "name": {"zh": "机关", "en": "Organ"}, "timezone": "Asia/Shanghai"}
                organ_fact = raw("organ-registered", "organ-0", {**organ, "calendar": "CN", "statute": "CN"})
                (await http.post(f"{url}/v1/events", json=organ_fact)).raise_for_status()
                consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap, fetch_max_wait_ms=20)
                await consumer.start()
                consumer.assign([TopicPartition(f"{prefix}cases", p) for p in range(PARTITIONS)])
                watching = asyncio.create_task(_watch(consumer, seen))
                sending: set[asyncio.Task[Any]] = set()
                began = time.perf_counter()
                for number in range(LATENCY_RATE * LATENCY_SECONDS):
                    await asyncio.sleep(max(0.0, began + number / LATENCY_RATE - time.perf_counter()))
                    sending.add(asyncio.create_task(_post(http, url, number, posted)))
                await asyncio.gather(*sending)
                async with asyncio.timeout(30):
                    while len(seen) < len(posted):  # noqa: ASYNC110 - filled by the consumer
                        await asyncio.sleep(0.05)
                watching.cancel()
                await consumer.stop()
        settled = list(posted.items())[LATENCY_RATE * WARM_UP_SECONDS :]
        taken = sorted(1000 * (seen[subject] - at) for subject, at in settled)
        return taken[len(taken) // 2], taken[int(len(taken) * 0.99)]


async def _ready(http: httpx.AsyncClient, *urls: str) -> None:
    async with asyncio.timeout(60):
        for url in urls:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(f"{url}/readyz")).status_code == 200:
                        break
                await asyncio.sleep(0.1)


async def _watch(consumer: Any, seen: dict[str, float]) -> None:
    async for record in consumer:
        seen.setdefault(decode_case_event(record.value).subject, time.perf_counter())


async def _post(http: httpx.AsyncClient, url: str, number: int, posted: dict[str, float]) -> None:
    fact = received(f"l/{number}", "2024-06-03", "in-person", "organ-0")
    posted[f"l/{number}"] = time.perf_counter()
    answer = await http.post(f"{url}/v1/events", json=fact)
    answer.raise_for_status()


async def measure(bench: Bench, facts: int) -> None:
    """All figures, printed; the last line has the ratios."""
    records, size = await bench.fill(facts)
    _tell(f"{records:,} facts of {size} bytes in {PARTITIONS} partitions; medians of {bench.runs}", sys.stderr)
    for run in range(bench.runs):
        for way in ("ordinary", "transport", "raw"):
            await asyncio.to_thread(bench.read, way, f"{PREFIX}facts", records)
        if run:
            await bench.empty_cases()
        await bench.work("tracker", f"{PREFIX}facts")
        await bench.work("stats", f"{PREFIX}cases")
    p50, p99 = await bench.latency()
    for name in bench.figures:
        _tell(f"{name:10} {bench.median(name):>10,.0f} a second")
    _tell(f"post to visible at {LATENCY_RATE} facts/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    ordinary = bench.median("ordinary")
    _tell(
        f"bench: tracker/ordinary={bench.median('tracker') / ordinary:.2f} "
        f"stats/ordinary={bench.median('stats') / ordinary:.2f} "
        f"transport/raw={bench.median('transport') / bench.median('raw'):.2f} p99_ms={p99:.1f}"
    )


def main() -> int:
    """Run by arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="shixian-bench-"))
    bench = Bench(folder, options.runs)
    uvloop.install()
    try:
        bench.postgres.launch()
        bench.kafka.start()
        bench.postgres.wait_ready()
        asyncio.run(measure(bench, options.facts))
    finally:
        bench.kafka.stop()
        bench.postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
