"""What goes wrong, when and for how long: a plan from the seed, and the hands that carry it out."""

import asyncio
import random
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.chaos import rare
from tests.chaos.cluster import Cluster, Worker
from tests.chaos.summary import Summary

KINDS: tuple[tuple[str, str], ...] = (
    ("kill", "intake"),
    ("kill", "tracker"),
    ("kill", "stats"),
    ("kill", "kafka"),
    ("kill", "postgres"),
    ("pause", "intake"),
    ("pause", "tracker"),
    ("pause", "stats"),
    ("pause", "kafka"),
    ("pause", "postgres"),
    ("restart", "kafka"),
    ("restart", "postgres"),
    ("cut", "kafka"),
    ("cut", "postgres"),
    ("hold", "kafka"),
    ("hold", "postgres"),
    ("add", "tracker"),
    ("add", "stats"),
    ("remove", "tracker"),
    ("remove", "stats"),
)
RARE: tuple[tuple[str, str], ...] = (
    ("fill", "disk"),
    ("freeze", "postgres"),
    ("flip", "segment"),
    ("shift", "clock"),
    ("age", "database"),
)
"""Those that take longer and have the system to themselves; each comes once where the others come twice."""
FREEZE_SECONDS = 60.0
SHORT_FREEZE_SECONDS = 5.0
MANY = 100
"""From so many faults on a frozen database stays frozen for long."""
MOST_WORKERS = 3
SESSION_SECONDS = 10.0
"""A worker that is silent for longer is put out of its group; it comes back as a zombie."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong."""

    kind: str
    target: str
    wait: float
    """Seconds after the fault before it."""
    seconds: float
    """How long it lasts."""
    choice: float
    """Which of several processes, from 0 up to 1."""

    @property
    def name(self) -> str:
        return f"{self.kind} {self.target}"

    @property
    def alone(self) -> bool:
        """Whether no other fault may overlap it."""
        return (self.kind, self.target) in RARE


def plan(seed: int, count: int, kinds: Sequence[tuple[str, str]] = (*KINDS, *RARE)) -> Iterator[Fault]:
    """``count`` faults of ``kinds``; each comes once before any comes again, the rare ones every other time."""
    rng = random.Random(f"faults {seed}")
    common = [kind for kind in kinds if kind not in RARE]
    deck: list[tuple[str, str]] = []
    rare_too = True
    for _ in range(count):
        if not deck:
            wanted = list(kinds) if rare_too or not common else common
            deck, rare_too = rng.sample(wanted, len(wanted)), not rare_too
        kind, target = deck.pop()
        seconds = rng.uniform(0.2, 3.0)
        if (kind, target) in RARE:
            seconds = rng.uniform(3.0, 8.0)
        if kind == "freeze":
            seconds = FREEZE_SECONDS if count >= MANY else SHORT_FREEZE_SECONDS
        if kind == "pause" and target in ("tracker", "stats") and rng.random() < 0.25:
            seconds = rng.uniform(SESSION_SECONDS + 1, SESSION_SECONDS + 4)
        yield Fault(kind, target, rng.choice((0.05, rng.uniform(0.2, 2.5))), seconds, rng.random())


class Breaker:
    """Carries out faults on a cluster, several at a time where their times overlap."""

    def __init__(self, cluster: Cluster, summary: Summary) -> None:
        self.cluster, self.summary = cluster, summary
        self._running: set[asyncio.Task[None]] = set()
        self._servers = {"kafka": asyncio.Lock(), "postgres": asyncio.Lock()}

    def begin(self, fault: Fault) -> None:
        """Let ``fault`` happen now and end by itself."""
        task = asyncio.create_task(self._happen(fault), name=fault.name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def over(self) -> None:
        """Return when no fault is going on. Raises what a fault's hands raised."""
        while self._running:
            await asyncio.gather(*self._running)

    async def _happen(self, fault: Fault) -> None:
        if fault.alone:
            await rare.happen(self.cluster, fault, self.summary)
            return
        if fault.target in self._servers:
            # One trouble at a time for a server: it could not come back from the next before it is back from the last.
            async with self._servers[fault.target]:
                await self._break_server(fault)
            return
        running = self.cluster.of(fault.target)
        worker = running[int(fault.choice * len(running))]
        match fault.kind:
            case "kill":
                worker.signal(signal.SIGKILL)
            case "pause":
                worker.signal(signal.SIGSTOP)
                await asyncio.sleep(fault.seconds)
                worker.signal(signal.SIGCONT)
            case "add" if len(running) < MOST_WORKERS:
                self.cluster.add(fault.target)
            case "add" | "remove" if len(running) > 1:
                self._remove(worker)
            case "remove":
                self.cluster.add(fault.target)
            case other:
                raise ValueError(other)

    def _remove(self, worker: Worker) -> None:
        worker.wanted = False
        worker.signal(signal.SIGCONT)
        worker.signal(signal.SIGTERM)

    async def _break_server(self, fault: Fault) -> None:
        cluster, is_kafka = self.cluster, fault.target == "kafka"
        node = cluster.nodes[int(fault.choice * len(cluster.nodes))]
        proxies = cluster.kafka_proxies if is_kafka else [cluster.postgres_proxy]
        match fault.kind:
            case "cut":
                await asyncio.gather(*(proxy.cut(fault.seconds / 2) for proxy in proxies))
            case "hold":
                await asyncio.gather(*(proxy.hold(fault.seconds) for proxy in proxies))
            case "pause" if is_kafka:
                node.pause()
                await asyncio.sleep(fault.seconds)
                node.resume()
            case "pause":
                cluster.signal_postgres(signal.SIGSTOP)
                await asyncio.sleep(fault.seconds)
                cluster.signal_postgres(signal.SIGCONT)
            case "kill" | "restart":
                server = node if is_kafka else cluster.postgres
                await asyncio.to_thread(server.kill if fault.kind == "kill" else server.stop)
                await asyncio.sleep(fault.seconds / 2)
                server.launch()
                await asyncio.to_thread(server.wait_ready)
            case other:
                raise ValueError(other)
