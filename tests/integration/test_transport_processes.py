"""The runtime as processes against the real broker: rebalances, drains, deadlines, watchdog, outages."""

import asyncio
import json
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from services.local.kafka import KafkaNode
from tests import forking
from tests.integration.log_tools import fill, make_topic, until

TRANSPORTS = ("faust", "aiokafka")


class Service:
    """One process of the small service, with its log in a file."""

    def __init__(self, process: forking.Forked, log: Path) -> None:
        self.process, self._log = process, log

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.log.splitlines() if line.startswith("{")]

    async def logged(self, event: str, seconds: float = 30.0) -> None:
        await until(lambda: event in self.log, seconds, event)

    def address(self) -> str:
        found = re.search(r'"address": "([^"]+)"', self.log)
        assert found is not None, self.log
        return found[1]

    async def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 20.0) -> int:
        self.process.send_signal(number)
        return await self.wait(seconds)

    async def wait(self, seconds: float = 20.0) -> int:
        await until(lambda: self.process.poll() is not None, seconds, "its end")
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def service(kafka: str, topic: str, folder: Path, **env: str) -> AsyncIterator[Service]:
    log = folder / f"{time.monotonic_ns()}.log"
    argv = ["transport_service", f"group-{folder.name}-{topic}", topic, str(folder)]
    settings = {"SHIXIAN_KAFKA": kafka, "SHIXIAN_LOG": "json", **env}
    with log.open("wb") as file:
        process = forking.start_process("tests.integration.transport_service:main", argv, settings, file.fileno())
    try:
        yield Service(process, log)
    except BaseException:
        print(log.read_text(encoding="utf-8"))
        raise
    finally:
        process.kill()
        process.wait(10)


def handled(folder: Path) -> Counter[tuple[int, int]]:
    """How often each record was handled, by whichever process."""
    return Counter((partition, offset) for partition, _, offsets in batches(folder) for offset in offsets)


def has_handled(folder: Path, count: int) -> bool:
    return len(handled(folder)) == count


def batches(folder: Path) -> Iterator[tuple[int, int, list[int]]]:
    for path in folder.glob("*.jsonl"):
        *lines, _being_written = path.read_text(encoding="utf-8").split("\n")
        for line in lines:
            partition, start, offsets = json.loads(line)
            yield partition, start, offsets


def workers(folder: Path) -> int:
    """How many processes have handled something."""
    return len(list(folder.glob("*.jsonl")))


def assert_monotone(folder: Path) -> None:
    for path in folder.glob("*.jsonl"):
        at: dict[int, int] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            partition, start, offsets = json.loads(line)
            assert at.get(partition, -1) < offsets[0] == start
            assert offsets == list(range(offsets[0], offsets[-1] + 1))
            at[partition] = offsets[-1]


@contextmanager
def free_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


@pytest.mark.usefixtures("transport")
async def test_workers_that_join_leave_and_die_lose_and_repeat_nothing(kafka: str, folder: Path) -> None:
    topic = await make_topic(kafka)

    enough = asyncio.Event()

    async def produce() -> int:
        total = 0
        while not enough.is_set():
            await fill(kafka, topic, range(total, total + 100))
            total += 100
            await asyncio.sleep(0.05)
        return total

    async with service(kafka, topic, folder) as one, service(kafka, topic, folder) as two:
        producing = asyncio.create_task(produce())
        await until(lambda: workers(folder) == 2, what="both work")
        assert await one.end() == 0
        async with service(kafka, topic, folder) as three:
            await three.logged("reading_from")
            two.process.kill()
            await two.wait()
            enough.set()
            total = await producing
            await until(lambda: len(handled(folder)) == total, 40, "all records")
            assert await three.end() == 0
    assert workers(folder) == 3
    assert sum(handled(folder).values()) == total
    assert_monotone(folder)


@pytest.mark.usefixtures("transport")
async def test_sigterm_lets_the_batch_finish_and_the_next_start_goes_on_behind_it(kafka: str, folder: Path) -> None:
    topic = await make_topic(kafka, 1)
    await fill(kafka, topic, range(9000))
    async with service(kafka, topic, folder, SECONDS_A_BATCH="1") as slow:
        await until(lambda: len(handled(folder)) >= 2000, what="the first batch")
        began = time.monotonic()
        assert await slow.end() == 0
        assert time.monotonic() - began < 5
        assert slow.events()[-1] == "stopped"
        assert "closed in order" in slow.log
    done = len(handled(folder))
    assert 2000 < done < 9000
    async with service(kafka, topic, folder) as fast:
        await until(lambda: len(handled(folder)) == 9000, what="the rest")
        assert await fast.end() == 0
    assert set(handled(folder).values()) == {1}
    assert_monotone(folder)


async def test_a_batch_that_never_ends_is_cut_off_at_the_deadline(kafka: str, folder: Path) -> None:
    topic = await make_topic(kafka, 1)
    await fill(kafka, topic, range(10))
    async with service(kafka, topic, folder, BLOCK="batch", SHIXIAN_SHUTDOWN_SECONDS="2") as stuck:
        await stuck.logged("reading_from")
        await asyncio.sleep(0.5)
        began = time.monotonic()
        assert await stuck.end() == 70
        assert 1.5 < time.monotonic() - began < 5
        assert "shutdown_deadline" in stuck.events()
    assert not handled(folder)


@pytest.mark.usefixtures("transport")
async def test_the_watchdog_ends_a_worker_that_stalls(kafka: str, folder: Path) -> None:
    topic = await make_topic(kafka, 1)
    await fill(kafka, topic, range(10))
    async with service(kafka, topic, folder, BLOCK="batch", STALL_SECONDS="2") as stalled:
        assert await stalled.wait(30) == 70
        assert stalled.events()[-1] == "worker_stalled"
        assert "transport_service.py" in stalled.log  # the stack says where it stands
        assert "in handle" in stalled.log


async def test_the_watchdog_ends_a_process_whose_loop_is_blocked(kafka: str, folder: Path) -> None:
    topic = await make_topic(kafka, 1)
    await fill(kafka, topic, range(10))
    async with service(kafka, topic, folder, BLOCK="loop", STALL_SECONDS="2") as blocked:
        assert await blocked.wait(30) == 70
        assert blocked.events()[-1] == "event_loop_blocked"
        assert "in handle" in blocked.log


async def test_an_idle_worker_is_left_alone_by_the_watchdog(kafka: str, folder: Path) -> None:
    topic = await make_topic(kafka, 1)
    await fill(kafka, topic, range(10))
    async with service(kafka, topic, folder, STALL_SECONDS="3") as idle:
        await until(lambda: len(handled(folder)) == 10, what="all records")
        await asyncio.sleep(5)
        assert idle.process.poll() is None
        assert await idle.end() == 0


async def test_a_task_that_raises_ends_the_process_with_its_reason(folder: Path) -> None:
    async with service("", "-", folder, CRASH_TASK="1") as crashing:
        assert await crashing.wait() == 70
        failed = [json.loads(line) for line in crashing.log.splitlines() if '"service_failed"' in line]
        assert [line["reason"] for line in failed] == ["the task's own reason"]
        assert "closed in order" in crashing.log


async def test_a_port_in_use_is_named(folder: Path) -> None:
    with free_port() as port:
        async with service("", "-", folder, PORT=str(port)) as refused:
            assert await refused.wait() == 70
            assert f"can't listen on 127.0.0.1:{port}: Address already in use" in refused.log


async def test_http_alone_finishes_its_requests_before_it_ends(folder: Path) -> None:
    async with service("", "-", folder) as alone, httpx.AsyncClient() as client:
        await alone.logged('"started"')
        slow = asyncio.create_task(client.get(f"{alone.address()}/slow"))
        await asyncio.sleep(0.4)
        assert await alone.end(signal.SIGINT) == 0
        assert (await slow).text == "here"


async def test_a_worker_waits_for_a_broker_that_is_away_and_goes_on_when_it_is_back(
    mortal_node: KafkaNode, folder: Path
) -> None:
    """Both transports, beside one another: each reads the topic in a group of its own."""
    node = mortal_node
    topic = await make_topic(node.bootstrap, 2)
    await fill(node.bootstrap, topic, range(1000))
    homes = [folder / transport for transport in TRANSPORTS]
    for home in homes:
        home.mkdir()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient())

        async def start(home: Path) -> Service:
            return await stack.enter_async_context(service(node.bootstrap, topic, home, SHIXIAN_TRANSPORT=home.name))

        workers = {home: await start(home) for home in homes}
        for home in homes:
            await until(partial(has_handled, home, 1000), what=f"the first records: {home.name}")
        await asyncio.to_thread(node.kill)
        for worker in workers.values():
            await worker.logged("kafka_away")
            assert (await client.get(worker.address())).text == "here"
        await asyncio.to_thread(node.start)
        await fill(node.bootstrap, topic, range(1000))
        for home, worker in workers.items():
            await until(partial(has_handled, home, 2000), 60, f"those after the outage: {home.name}")
            await worker.logged("kafka_back")
            assert await worker.end() == 0
        await asyncio.to_thread(node.kill)
        for early in [await start(home) for home in homes]:
            await early.logged("kafka_away")
            assert (await client.get(early.address())).text == "here"
            assert await early.end() == 0
    for home in homes:
        assert set(handled(home).values()) == {1}
        assert_monotone(home)
