"""The whole system as processes, each behind a proxy, to be broken part by part."""

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import psutil  # type: ignore[import-untyped]

from services.local.kafka import KafkaNode, new_cluster_id
from services.local.postgres import PostgresServer
from services.local.process import free_port
from tests.chaos.disk import Disk
from tests.chaos.proxy import Proxy
from tests.forking import Forked, start_service

STARTED_AT = datetime(2024, 6, 28, 4, tzinfo=UTC)
"""What the services take for the time at which the system was started: noon in China."""
PREFIX = "chaos."


class Place(Protocol):
    """Where a service process runs: the folder for its log, and its settings."""

    folder: Path

    def env(self) -> Mapping[str, str]: ...

    def now(self) -> datetime: ...


LAST_WORDS = 6_000
"""How many characters of the log are kept of an end that was not our doing: the failure with its traceback."""


def since(began: float) -> timedelta:
    """The time since an instant of the monotonic clock."""
    return timedelta(seconds=time.monotonic() - began)


class Worker:
    """A service process that is started again whenever it ends, as whoever runs it would do."""

    def __init__(self, cluster: Place, name: str, number: int) -> None:
        self.cluster, self.name, self.number = cluster, name, number
        self.port = free_port()
        self.process: Forked | None = None
        self.wanted = False
        self.expected_end = False
        """Whether its next end is our doing."""
        self.starts = 0
        self.ended_by_itself: list[int] = []
        self.last_words: list[str] = []
        """What the log ended with at each of those ends."""
        self.last_code: int | None = None
        """The exit code of its last end."""
        self.shift = timedelta()
        """How far its clock is ahead of the system's, from its next start on."""

    @property
    def label(self) -> str:
        return f"{self.name}-{self.number}"

    @property
    def log(self) -> Path:
        return self.cluster.folder / f"{self.label}.log"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def environment(self) -> dict[str, str]:
        """The settings that its next start has."""
        env = {**self.cluster.env(), f"SHIXIAN_{self.name.upper()}_PORT": str(self.port)}
        if self.shift:
            env["SHIXIAN_NOW"] = (self.cluster.now() + self.shift).isoformat()
        return env

    def start(self) -> None:
        """Start the process without waiting; the clock goes on from where the system's is."""
        self.wanted, self.expected_end = True, False
        self.starts += 1
        with self.log.open("ab") as out:
            self.process = start_service(self.name, self.environment(), out.fileno(), out.fileno())

    def signal(self, number: int) -> None:
        """Send a signal; one that ends the process counts as our doing."""
        if self.process is not None and self.process.poll() is None:
            self.expected_end = self.expected_end or number in (signal.SIGKILL, signal.SIGTERM)
            self.process.send_signal(number)

    def terminate(self) -> None:
        """SIGTERM, and no new start."""
        self.wanted = False
        self.signal(signal.SIGTERM)

    def look(self) -> bool:
        """Note an end that was not our doing; whether the process should be started again."""
        if self.process is None or self.process.poll() is None:
            return False
        self.last_code = self.process.returncode
        if not self.expected_end:
            self.ended_by_itself.append(self.last_code or 0)
            self.last_words.append(self.log.read_text(errors="replace")[-LAST_WORDS:])
        self.process = None
        return self.wanted


class Cluster:
    """Kafka nodes, PostgreSQL, proxies and services in ``folder``; start it from the main thread."""

    def __init__(
        self,
        folder: Path,
        classpath: Sequence[Path],
        *,
        brokers: int = 1,
        partitions: int = 6,
        proxied: bool = True,
        disk: Disk | None = None,
        without_disk: str = "",
    ) -> None:
        self.folder, self.partitions, self.replication = folder, partitions, brokers
        self.disk, self.without_disk = disk, without_disk
        data = folder if disk is None else disk.folder
        self.postgres = PostgresServer(data / "postgres")
        fronts = [free_port() for _ in range(brokers)]
        ports = [free_port() for _ in range(2 * brokers)]
        cluster_id = new_cluster_id()
        voters = {n + 1: f"127.0.0.1:{ports[2 * n + 1]}" for n in range(brokers)}
        self.nodes = [
            KafkaNode(
                data / f"kafka-{n + 1}",
                classpath,
                port=ports[2 * n],
                controller_port=ports[2 * n + 1],
                node_id=n + 1,
                voters=voters,
                cluster_id=cluster_id,
                replication=brokers,
                # Brokers speak to one another by the advertised address too, which no fault of ours is to touch.
                advertised_port=fronts[n] if proxied and brokers == 1 else None,
            )
            for n in range(brokers)
        ]
        self.kafka_proxies = [Proxy(front, port) for front, port in zip(fronts, ports[::2], strict=True)]
        self.postgres_proxy = Proxy(free_port(), self.postgres.socket_folder / ".s.PGSQL.5432")
        self.bootstrap = ",".join(f"127.0.0.1:{f}" for f in (fronts if proxied and brokers == 1 else ports[::2]))
        self.workers: list[Worker] = []
        self.began = time.monotonic()
        self.furthest = STARTED_AT
        """The latest instant that any process's clock can have shown beyond the system's own."""

    @property
    def facts_topic(self) -> str:
        return f"{PREFIX}facts"

    @property
    def cases_topic(self) -> str:
        return f"{PREFIX}cases"

    def now(self) -> datetime:
        """The instant that it is for the services."""
        return STARTED_AT + since(self.began)

    def env(self) -> Mapping[str, str]:
        """The services' settings."""
        return {
            "SHIXIAN_KAFKA": self.bootstrap,
            "SHIXIAN_POSTGRES": f"postgresql://shixian@127.0.0.1:{self.postgres_proxy.port}/postgres?sslmode=disable",
            "SHIXIAN_TOPIC_PREFIX": PREFIX,
            "SHIXIAN_PARTITIONS": str(self.partitions),
            "SHIXIAN_REPLICATION": str(self.replication),
            "SHIXIAN_LOG": "json",
            "SHIXIAN_SWEEP_SECONDS": "1",
            "SHIXIAN_SETTLE_SECONDS": "3",
            "SHIXIAN_NOW": self.now().isoformat(),
            "PYTHONUNBUFFERED": "1",
        }

    async def start(self, trackers: int = 2, stats: int = 2) -> None:
        """Start everything and wait until the servers answer (the services wait for what they need by themselves)."""
        self.postgres.launch()
        for node in self.nodes:
            node.launch()
        for proxy in (*self.kafka_proxies, self.postgres_proxy):
            await proxy.start()
        for node in self.nodes:
            await asyncio.to_thread(node.wait_ready)
        await asyncio.to_thread(self.postgres.wait_ready)
        for name, number in (("intake", 1), ("tracker", trackers), ("stats", stats)):
            for _ in range(number):
                self.add(name)

    def add(self, name: str) -> Worker:
        """Start one more process of a service."""
        worker = Worker(self, name, 1 + sum(w.name == name for w in self.workers))
        self.workers.append(worker)
        worker.start()
        return worker

    def of(self, name: str) -> list[Worker]:
        """The processes of a service that are meant to run."""
        return [w for w in self.workers if w.name == name and w.wanted]

    def supervise(self) -> int:
        """Start again what has ended and should run; how many."""
        dead = [w for w in self.workers if w.look()]
        for worker in dead:
            worker.start()
        return len(dead)

    def postgres_processes(self) -> list[psutil.Process]:
        """The server and its sessions."""
        if self.postgres.pid is None:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            server = psutil.Process(self.postgres.pid)
            return [server, *server.children(recursive=True)]
        return []

    def signal_postgres(self, number: int) -> None:
        """Send a signal to the server and all its sessions."""
        for process in self.postgres_processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    async def stop_services(self, seconds: float = 20.0) -> dict[str, int]:
        """SIGTERM to all services; their exit codes."""
        for worker in self.workers:
            worker.terminate()
        codes: dict[str, int] = {}
        limit = time.monotonic() + seconds
        for worker in self.workers:
            if (process := worker.process) is None:
                continue
            try:
                codes[worker.label] = await asyncio.to_thread(process.wait, max(0.1, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                codes[worker.label] = process.wait()
        return codes

    async def stop(self) -> None:
        """End everything."""
        await self.stop_services(10.0)
        for proxy in (*self.kafka_proxies, self.postgres_proxy):
            await proxy.stop()
        self.signal_postgres(signal.SIGCONT)
        await asyncio.gather(
            *(asyncio.to_thread(node.stop) for node in self.nodes), asyncio.to_thread(self.postgres.stop)
        )

    def log_lines(self, name: str) -> Iterator[str]:
        """All that the processes of a service logged."""
        for worker in self.workers:
            if worker.name == name and worker.log.exists():
                yield from worker.log.read_text("utf-8", "replace").splitlines()
