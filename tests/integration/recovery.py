"""What the recovery tests share: generated histories on the log, services that apply them, commands run on that."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.events.topics import create_topics, topics
from tests.chaos import garbage, histories
from tests.support import ServiceProcess, eventually, service

PARTITIONS = 4
Sent = tuple[str, bytes | None, bytes]
"""Topic without its prefix, key and value."""


def environment(kafka: str, postgres: str, **more: str) -> dict[str, str]:
    """Settings for services and commands, with topics of their own."""
    return {
        "SHIXIAN_KAFKA": kafka,
        "SHIXIAN_POSTGRES": postgres,
        "SHIXIAN_TOPIC_PREFIX": f"t{uuid4().hex[:8]}.",
        "SHIXIAN_PARTITIONS": str(PARTITIONS),
        **more,
    }


def keyed(fact: dict[str, Any] | bytes) -> Sent:
    """A fact as intake would write it: reference facts to their topic, each under its subject."""
    body = fact if isinstance(fact, bytes) else msgspec.json.encode(fact)
    read: Any = msgspec.json.decode(body)
    reference = "organ-registered" in read["type"] or "calendar-published" in read["type"]
    return "reference" if reference else "facts", read["subject"].encode(), body


def load(seed: int, facts: int, unreadable: int = 0) -> list[Sent]:
    """Histories of all kinds of facts, with duplicates, disorder and amendments; and garbage among them."""
    made = histories.generate(seed, facts)
    sent = [keyed(raw) for call in (made.reference, *made.late_reference) for raw in call]
    rest = [keyed(raw) for poster in made.posters for call in poster for raw in call]
    rng = random.Random(seed)
    for key, value in garbage.records(rng, unreadable):
        rest.insert(rng.randrange(len(rest)), ("facts", key, value))
    return sent + rest


def put(env: dict[str, str], sent: Sequence[Sent]) -> None:
    """Write straight onto the log, in order."""
    asyncio.run(_put(env, sent))


async def _put(env: dict[str, str], sent: Sequence[Sent]) -> None:
    prefix = env["SHIXIAN_TOPIC_PREFIX"]
    await create_topics(env["SHIXIAN_KAFKA"], topics(prefix, PARTITIONS, 1))
    async with AIOKafkaProducer(
        bootstrap_servers=env["SHIXIAN_KAFKA"], acks="all", enable_idempotence=True, linger_ms=5
    ) as producer:
        for start in range(0, len(sent), 5000):
            lot = sent[start : start + 5000]
            waiting = [await producer.send(f"{prefix}{topic}", value, key=key) for topic, key, value in lot]
            await asyncio.gather(*waiting)


def everything(env: dict[str, str], topic: str) -> list[Any]:
    """All records of a topic (named without its prefix), partition after partition."""
    return asyncio.run(_everything(env, topic))


async def _everything(env: dict[str, str], topic: str) -> list[Any]:
    name = env["SHIXIAN_TOPIC_PREFIX"] + topic
    async with AIOKafkaConsumer(bootstrap_servers=env["SHIXIAN_KAFKA"], auto_offset_reset="earliest") as consumer:
        cluster = await consumer._client.fetch_all_metadata()
        tps = [TopicPartition(name, n) for n in cluster.partitions_for_topic(name) or ()]
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        found: list[Any] = []
        while sum([await consumer.position(tp) for tp in tps]) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
        return sorted(found, key=lambda r: (r.partition, r.offset))


def sql(env: dict[str, str], statement: str, *values: Any) -> list[Any]:
    """Rows of a statement, on a connection of its own."""

    async def run() -> list[Any]:
        conn = await asyncpg.connect(env["SHIXIAN_POSTGRES"])
        try:
            rows: list[Any] = await conn.fetch(statement, *values)
            return rows
        finally:
            await conn.close()

    return asyncio.run(run())


@contextmanager
def services(env: dict[str, str], *names: str) -> Iterator[list[ServiceProcess]]:
    """Services that run until the block ends, ready."""
    with ExitStack() as stack:
        running = [stack.enter_context(service(name, env)) for name in names or ("tracker", "stats")]
        for each in running:
            each.wait_ready()
        yield running


def quiet(env: dict[str, str], seconds: float = 120) -> None:
    """Wait until both services have applied all that the log holds, and it stays so for some rounds of the sweep."""
    prefix = env["SHIXIAN_TOPIC_PREFIX"]
    seen: list[Any] = []
    now = datetime.fromisoformat(env["SHIXIAN_NOW"]) if "SHIXIAN_NOW" in env else datetime.now(UTC)
    soon = now + timedelta(minutes=5)

    def settled() -> bool | None:
        ends = asyncio.run(_ends(env, [f"{prefix}facts", f"{prefix}cases"]))
        applied = {
            TopicPartition(r["topic"], r["partition"]): r["next_offset"]
            for schema in ("tracker", "stats")
            for r in sql(env, f"SELECT * FROM {schema}.progress")
        }
        pending = sql(env, "SELECT count(*) FROM tracker.cases WHERE wake_at <= $1", soon)[0][0]
        if pending or any(applied.get(tp, 0) != end for tp, end in ends.items()):
            seen.clear()
            return None
        seen.append(ends)
        return True if seen.count(ends) >= 8 else None

    eventually(settled, seconds)


async def _ends(env: dict[str, str], names: Sequence[str]) -> dict[TopicPartition, int]:
    async with AIOKafkaConsumer(bootstrap_servers=env["SHIXIAN_KAFKA"]) as consumer:
        cluster = await consumer._client.fetch_all_metadata()
        tps = [TopicPartition(name, n) for name in names for n in cluster.partitions_for_topic(name) or ()]
        return dict(await consumer.end_offsets(tps))


def shixian(env: dict[str, str], *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """The command line, to its end."""

    return subprocess.run(
        [sys.executable, "-c", "from services.cli import main; main()", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
