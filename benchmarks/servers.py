"""One broker, one PostgreSQL, facts on a topic, and the product's services as processes: what every part stands on."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from services.events.codec import decode_fact, encode
from services.events.topics import Topic, create_topics, topics
from services.local.jars import kafka_classpath
from services.local.kafka import KafkaNode, new_cluster_id
from services.local.postgres import PostgresServer
from services.local.process import free_port, tie_to_parent
from tests.chaos.histories import generate

PARTITIONS = 4
NOW = "2024-06-28T04:00:00+00:00"


class Servers:
    """The servers, and what stands on them."""

    def __init__(self, folder: Path, brokers: int = 1, postgres: Mapping[str, str] = MappingProxyType({})) -> None:
        """``brokers``: as many nodes, and as many copies of each partition; ``postgres``: its settings."""
        self.folder, self.replication = folder, brokers
        ports = [free_port() for _ in range(2 * brokers)]
        voters = {n + 1: f"127.0.0.1:{ports[2 * n + 1]}" for n in range(brokers)}
        cluster = new_cluster_id()
        self.nodes = [
            KafkaNode(
                folder / (f"kafka-{n + 1}" if brokers > 1 else "kafka"),
                kafka_classpath(),
                port=ports[2 * n],
                controller_port=ports[2 * n + 1],
                node_id=n + 1,
                voters=voters,
                cluster_id=cluster,
                replication=brokers,
            )
            for n in range(brokers)
        ]
        self.kafka = self.nodes[0]
        self.postgres = PostgresServer(folder / "postgres", settings=postgres)

    @property
    def broker_pids(self) -> list[int | None]:
        return [node.pid for node in self.nodes]

    def start(self) -> None:
        """All, side by side."""
        self.postgres.launch()
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_ready()
        self.postgres.wait_ready()

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
        self.postgres.stop()

    async def fill(self, prefix: str, facts: int) -> None:
        """Put generated histories on the fact topic, and what they refer to on the reference topic."""
        history = generate(1, facts, posters=1)
        bootstrap = self.kafka.bootstrap
        await create_topics(bootstrap, topics(prefix, PARTITIONS, self.replication))
        recorded = datetime.fromisoformat(NOW)
        values = [
            (fact.subject.encode(), encode(msgspec.structs.replace(fact, recordedtime=recorded)))
            for call in history.posters[0]
            for fact in map(decode_fact, call)
        ][:facts]
        reference = [f for call in (history.reference, *history.late_reference) for f in call]
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5) as producer:
            for each in reference:
                await producer.send_and_wait(f"{prefix}reference", each)
            for start in range(0, len(values), 5000):
                portion = values[start : start + 5000]
                sent = [await producer.send(f"{prefix}facts", value, key=key) for key, value in portion]
                await asyncio.gather(*sent)

    async def copy(self, source: str, target: str, records: int | None = None, partitions: int = PARTITIONS) -> None:
        """The first records of each partition of a topic on another, under the same keys; all of them by default."""
        share = None if records is None else -(-records // partitions)
        taken: dict[int, int] = {}
        await create_topics(
            self.kafka.bootstrap, (Topic(target, partitions, self.replication, {"retention.ms": "-1"}),)
        )
        async with AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap, acks="all", linger_ms=5) as producer:
            for start in range(0, len(found := await self.read_all(source, partitions)), 5000):
                sent = []
                for record in found[start : start + 5000]:
                    if share is None or taken.get(record.partition, 0) < share:
                        taken[record.partition] = taken.get(record.partition, 0) + 1
                        sent.append(
                            await producer.send(target, record.value, key=record.key, partition=record.partition)
                        )
                await asyncio.gather(*sent)

    async def read_all(self, topic: str, partitions: int = PARTITIONS) -> list[Any]:
        """Every record of a topic."""
        ends = await self.ends(topic, partitions)
        records: list[Any] = []
        if not sum(ends.values()):
            return records
        async with AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap, auto_offset_reset="earliest") as consumer:
            consumer.assign(list(ends))
            while len(records) < sum(ends.values()):
                for found in (await consumer.getmany(timeout_ms=1000, max_records=5000)).values():
                    records += found
        return records

    async def database(self) -> str:
        """A fresh database's URI."""
        name = f"bench_{uuid.uuid4().hex[:8]}"
        conn = await asyncpg.connect(self.postgres.dsn)
        await conn.execute(f"CREATE DATABASE {name}")
        await conn.close()
        return self.postgres.database_dsn(name)

    @contextlib.contextmanager
    def service(self, name: str, dsn: str, prefix: str, settle: float = 3600, **more: str) -> Iterator["Running"]:
        """A service as a process. ``settle`` keeps the sweep out of what is measured."""
        port = free_port()
        env = {
            **os.environ,
            "SHIXIAN_KAFKA": self.kafka.bootstrap,
            "SHIXIAN_POSTGRES": dsn,
            "SHIXIAN_TOPIC_PREFIX": prefix,
            "SHIXIAN_PARTITIONS": str(PARTITIONS),
            "SHIXIAN_REPLICATION": str(self.replication),
            "SHIXIAN_SETTLE_SECONDS": str(settle),
            "SHIXIAN_NOW": NOW,
            "SHIXIAN_LOG": "json",
            f"SHIXIAN_{name.upper()}_PORT": str(port),
            **more,
        }
        with self.process(name, [sys.executable, "-m", f"services.{name}"], env) as process:
            yield Running(f"http://127.0.0.1:{port}", process.pid)

    @contextlib.contextmanager
    def process(self, name: str, command: Sequence[str], env: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
        """Any process, ended with the block; its output is in the folder."""
        with (self.folder / f"{name}.log").open("ab") as out:
            process = subprocess.Popen(
                command, env=env, stdout=out, stderr=out, preexec_fn=tie_to_parent(signal.SIGKILL)
            )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    async def ends(self, topic: str, partitions: int = PARTITIONS) -> dict[TopicPartition, int]:
        """The end of each partition of a topic."""
        async with AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap) as consumer:
            found: dict[TopicPartition, int] = await consumer.end_offsets(
                [TopicPartition(topic, p) for p in range(partitions)]
            )
            return found

    async def empty_cases(self, prefix: str) -> None:
        """Make the case topic anew, so that it holds one run's events."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        await admin.delete_topics([f"{prefix}cases"])
        while f"{prefix}cases" in await admin.list_topics():  # noqa: ASYNC110 - the broker does it in its own time
            await asyncio.sleep(0.1)
        await admin.close()
        await create_topics(self.kafka.bootstrap, topics(prefix, PARTITIONS, self.replication))


class Running:
    """A service that runs."""

    def __init__(self, url: str, pid: int) -> None:
        self.url, self.pid = url, pid
