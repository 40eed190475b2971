"""The three services as processes over a Kafka and a PostgreSQL that somebody else runs; none is started again."""

import asyncio
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import aiohttp

from tests.chaos.cluster import STARTED_AT, Worker, since

SERVICES = ("intake", "tracker", "stats")


class Site:
    """The services and where to find them; all on loopback."""

    def __init__(self, folder: Path, bootstrap: str, dsn: str, prefix: str, partitions: int = 6) -> None:
        self.folder, self.bootstrap, self.dsn, self.prefix, self.partitions = folder, bootstrap, dsn, prefix, partitions
        self.began = asyncio.get_running_loop().time()
        self.workers = {name: Worker(self, name, 1) for name in SERVICES}

    def now(self) -> datetime:
        """The instant that it is for the services."""
        return STARTED_AT + since(self.began)

    def env(self) -> Mapping[str, str]:
        """The services' settings."""
        return {
            "SHIXIAN_KAFKA": self.bootstrap,
            "SHIXIAN_POSTGRES": self.dsn,
            "SHIXIAN_TOPIC_PREFIX": self.prefix,
            "SHIXIAN_PARTITIONS": str(self.partitions),
            "SHIXIAN_LOG": "json",
            "SHIXIAN_SWEEP_SECONDS": "1",
            "SHIXIAN_SETTLE_SECONDS": "3",
            "SHIXIAN_NOW": self.now().isoformat(),
            "PYTHONUNBUFFERED": "1",
        }

    def port(self, name: str) -> int:
        return self.workers[name].port

    def url(self, name: str) -> str:
        """A service's address, without a slash at its end."""
        return f"http://127.0.0.1:{self.port(name)}"

    def topic(self, name: str) -> str:
        return f"{self.prefix}{name}"

    async def start(self) -> None:
        """Start all three and wait until they are ready."""
        for worker in self.workers.values():
            worker.start()
        async with asyncio.timeout(90), aiohttp.ClientSession(trust_env=False) as http:
            for name in SERVICES:
                while not await _ready(http, self.url(name)):
                    if ended := self.ended():
                        raise RuntimeError(f"ended at its start: {ended}; see {self.folder}")
                    await asyncio.sleep(0.1)

    def ended(self) -> list[str]:
        """Which services have ended by themselves, with their exit codes."""
        for worker in self.workers.values():
            worker.look()
        return [f"{w.label} {code}" for w in self.workers.values() for code in w.ended_by_itself]

    async def stop(self, seconds: float = 15.0) -> None:
        """SIGTERM to all, and SIGKILL to what is left after ``seconds``."""
        self.ended()
        for worker in self.workers.values():
            worker.terminate()
        for worker in self.workers.values():
            if worker.process is not None:
                try:
                    await asyncio.to_thread(worker.process.wait, seconds)
                except subprocess.TimeoutExpired:
                    worker.process.kill()
                    worker.process.wait()


async def _ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(f"{url}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
