"""What the recovery tests share: generated histories on the log, services that apply them, commands run on that."""

import asyncio
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.events.topics import create_topics, topics
from services.local.postgres import PostgresServer
from tests import forking
from tests.chaos import garbage, histories
from tests.support import ServiceProcess, raw, received, service

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


def sql(env: Mapping[str, str], statement: str, *values: Any) -> list[Any]:
    """Rows of a statement, on a connection of its own."""

    async def run() -> list[Any]:
        conn = await asyncpg.connect(env["SHIXIAN_POSTGRES"])
        try:
            rows: list[Any] = await conn.fetch(statement, *values)
            return rows
        finally:
            await conn.close()

    return asyncio.run(run())


NOW = "2025-06-02T09:00:00+08:00"
_APPLIED: dict[str, dict[str, str]] = {}
"""By server, the settings of what was applied once, to be copied and never changed."""


@contextmanager
def applied(kafka: str, server: PostgresServer) -> Iterator[dict[str, str]]:
    """Settings whose topics and database hold what both services made of histories and garbage, and nobody else's; the
    services have ended. It is applied once a session, and copied for each test.

    Histories of all kinds, an open request, and a decision that leaves something to be looked at by a person: some 90
    cases, a dozen of them amended, are enough for each kind of damage and of difference that is looked for.
    """
    made = _APPLIED.get(server.dsn)
    if made is None:
        made = environment(kafka, _database(server), SHIXIAN_NOW=NOW)
        of_nothing = {"review": "never-filed", "decided_on": "2024-03-04", "result": "other"}
        more = [
            received("still-open", "2025-05-27", "in-person", "organ-0"),
            raw("review-decided", "organ-0", of_nothing),
        ]
        put(made, [*load(11, 400, unreadable=20), *map(keyed, more)])
        with services(made):
            quiet(made)
        _APPLIED[server.dsn] = made
    env = environment(kafka, _database(server, made), SHIXIAN_NOW=NOW)
    asyncio.run(_copy(made, env))
    yield env
    _drop(server, env)


def _database(server: PostgresServer, of: Mapping[str, str] | None = None) -> str:
    """A new database, a copy of the one that settings name."""
    name = f"test_{uuid4().hex}"
    template = f' TEMPLATE "{_named(of)}"' if of else ""
    sql({"SHIXIAN_POSTGRES": server.dsn}, f'CREATE DATABASE "{name}"{template}')
    return server.database_dsn(name)


def _drop(server: PostgresServer, env: dict[str, str]) -> None:
    sql({"SHIXIAN_POSTGRES": server.dsn}, f'DROP DATABASE "{_named(env)}" WITH (FORCE)')


def _named(env: Mapping[str, str]) -> str:
    return str(sql(env, "SELECT current_database()")[0][0])


async def _copy(made: dict[str, str], env: dict[str, str]) -> None:
    """The topics record by record, each at its own offset, and their names in the database."""
    before, after = made["SHIXIAN_TOPIC_PREFIX"], env["SHIXIAN_TOPIC_PREFIX"]
    await create_topics(env["SHIXIAN_KAFKA"], topics(after, PARTITIONS, 1))
    async with AIOKafkaProducer(
        bootstrap_servers=env["SHIXIAN_KAFKA"], acks="all", enable_idempotence=True, linger_ms=5
    ) as producer:
        for topic in topics(before, PARTITIONS, 1):
            name = topic.name.removeprefix(before)
            records = await _everything(made, name)
            waiting = [
                await producer.send(
                    f"{after}{name}", r.value, r.key, r.partition, timestamp_ms=r.timestamp, headers=list(r.headers)
                )
                for r in records
            ]
            placed = [each.offset for each in await asyncio.gather(*waiting)]
            assert placed == [r.offset for r in records], f"{name}: the copy is the same log"
    conn = await asyncpg.connect(env["SHIXIAN_POSTGRES"])
    try:
        tables = await conn.fetch(
            "SELECT table_schema, table_name FROM information_schema.columns WHERE column_name = 'topic'"
        )
        for schema, table in tables:
            await conn.execute(f"UPDATE {schema}.{table} SET topic = replace(topic, $1, $2)", before, after)
    finally:
        await conn.close()


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
    asyncio.run(asyncio.wait_for(_quiet(env), seconds))


QUIET_LOOKS, LOOK_SECONDS = 6, 0.2
"""So often, a sweep apart, nothing may have moved."""
POSITIONS = " UNION ALL ".join(f"SELECT topic, partition, next_offset FROM {s}.progress" for s in ("tracker", "stats"))
PENDING = "SELECT count(*) FROM tracker.cases WHERE wake_at <= $1"


async def _quiet(env: dict[str, str]) -> None:
    prefix = env["SHIXIAN_TOPIC_PREFIX"]
    now = datetime.fromisoformat(env["SHIXIAN_NOW"]) if "SHIXIAN_NOW" in env else datetime.now(UTC)
    soon = now + timedelta(minutes=5)
    seen: list[Any] = []
    conn = await asyncpg.connect(env["SHIXIAN_POSTGRES"])
    try:
        async with AIOKafkaConsumer(bootstrap_servers=env["SHIXIAN_KAFKA"]) as consumer:
            cluster = await consumer._client.fetch_all_metadata()
            names = (f"{prefix}facts", f"{prefix}cases")
            tps = [TopicPartition(name, n) for name in names for n in cluster.partitions_for_topic(name) or ()]
            while seen.count(seen[-1] if seen else None) < QUIET_LOOKS:
                await asyncio.sleep(LOOK_SECONDS)
                ends = await consumer.end_offsets(tps)
                applied = {TopicPartition(r[0], r[1]): r[2] for r in await conn.fetch(POSITIONS)}
                if await conn.fetchval(PENDING, soon) or any(applied.get(tp, 0) != end for tp, end in ends.items()):
                    seen.clear()
                else:
                    seen.append(ends)
    finally:
        await conn.close()


def shixian(env: dict[str, str], *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """The command line, to its end."""
    return forking.shixian(*arguments, env=env, seconds=seconds)
