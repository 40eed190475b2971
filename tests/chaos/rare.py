"""Faults that need the system to themselves: full disk, frozen database, damaged log, wrong clock, old backup.

Each says as a finding what did not hold meanwhile; that all counts are exact in the end is looked at as ever.
"""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import aiohttp
import asyncpg

from services.local.kafka import KafkaNode
from services.local.postgres import PostgresServer
from tests.chaos import commands, reading, segments
from tests.chaos.cluster import Cluster, Worker

if TYPE_CHECKING:
    from tests.chaos.faults import Fault
    from tests.chaos.summary import Summary

AHEAD, BEHIND = timedelta(days=3), timedelta(days=-2)
TELL_SECONDS = 40.0
"""Within this a service must say what is wrong; other faults may still be wearing off."""
START_SECONDS = 90.0
END_SECONDS = 2.0
"""A server that can't go on with a full disk has ended this long after there is room again."""
EXIT_FAILED = 70


async def happen(cluster: Cluster, fault: "Fault", summary: "Summary") -> None:
    """Let ``fault`` happen and end."""
    match fault.kind:
        case "fill":
            await _fill(cluster, fault, summary)
        case "freeze":
            await _freeze(cluster, fault, summary)
        case "flip":
            await _flip(cluster, fault, summary)
        case "shift":
            await _shift(cluster, fault)
        case "age":
            await _age(cluster, fault, summary)
        case other:
            raise ValueError(other)


async def _until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true in time."""
    limit = time.monotonic() + seconds
    while not condition() and time.monotonic() < limit:  # noqa: ASYNC110 - conditions are of many kinds
        await asyncio.sleep(0.1)
    return condition()


async def _positions(cluster: Cluster) -> dict[int, int]:
    """The tracker's positions, once it has tables and the database answers. Raises what it last raised."""
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            return await reading.positions(cluster.postgres.dsn, cluster.facts_topic)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if time.monotonic() > limit:
                raise
        await asyncio.sleep(0.5)


async def _fill(cluster: Cluster, fault: "Fault", summary: "Summary") -> None:
    """No room left for anybody, for a while; whoever ended over it is started again once there is room."""
    if cluster.disk is None:
        summary.left_out.append(f"{fault.name}: {cluster.without_disk}")
        return
    limit = time.monotonic() + fault.seconds
    try:
        while time.monotonic() < limit:
            cluster.disk.fill()
            await asyncio.sleep(0.2)
    finally:
        cluster.disk.empty()
    await asyncio.sleep(END_SECONDS)
    servers: list[KafkaNode | PostgresServer] = [*cluster.nodes, cluster.postgres]
    for server in servers:
        if not server.alive:
            summary.restarted_servers += 1
            server.launch()
        await asyncio.to_thread(server.wait_ready)


async def _freeze(cluster: Cluster, fault: "Fault", summary: "Summary") -> None:
    """Every process of PostgreSQL stands still; who asks a tracker meanwhile must hear that it is not ready."""
    cluster.signal_postgres(signal.SIGSTOP)
    try:
        if fault.seconds < TELL_SECONDS:
            await asyncio.sleep(fault.seconds)
            return
        limit = time.monotonic() + fault.seconds
        if not await _red(cluster, (), TELL_SECONDS):
            summary.findings.add("frozen database not told", f"every tracker was ready for {TELL_SECONDS} s")
        await asyncio.sleep(max(0.0, limit - time.monotonic()))
    finally:
        cluster.signal_postgres(signal.SIGCONT)


async def _red(cluster: Cluster, named: Sequence[str], seconds: float) -> bool:
    """Whether, in time, a tracker said that it is not ready, and all that is ``named`` in the reason."""
    limit = time.monotonic() + seconds
    async with aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=5)) as http:
        while time.monotonic() < limit:
            for worker in cluster.of("tracker"):
                try:
                    async with http.get(f"http://127.0.0.1:{worker.port}/readyz") as answer:
                        said = await answer.text()
                        if answer.status == 503 and all(name in said for name in named):
                            return True
                except (aiohttp.ClientError, OSError):
                    pass
            await asyncio.sleep(0.25)
    return False


ANSWERED_SECONDS = 2.0
"""Four times as long as the broker keeps a fetch waiting. By then the fetch that a tracker had sent before it was
halted is answered, whole, and lies in its socket; what comes later will be read from the segment."""


async def _flip(cluster: Cluster, fault: "Fault", summary: "Summary") -> None:
    """A byte of the fact topic that no tracker has read yet: its partition stops and is named, the others go on."""
    topic, partition = cluster.facts_topic, int(fault.choice * cluster.partitions)
    await _positions(cluster)  # they have tables, and so something to stand still at
    trackers = cluster.of("tracker")
    for worker in trackers:
        worker.signal(signal.SIGSTOP)
    try:
        before = await _positions(cluster)
        await asyncio.sleep(ANSWERED_SECONDS)
        answered = (await reading.ends(cluster.bootstrap, topic, cluster.partitions))[partition]
        await asyncio.sleep(fault.seconds)  # the load goes on, unread
        found = segments.last(cluster.nodes[0].folder / "data" / f"{topic}-{partition}")
        if found is None or found[1].offset < answered:
            summary.left_out.append(f"{fault.name}: nothing of partition {partition} was unread")
            return
        file, batch = found
        segments.flip(file, segments.place(batch))
    finally:
        for worker in trackers:
            worker.signal(signal.SIGCONT)
    try:
        if not await _red(cluster, (f"partition {partition}", "damaged"), TELL_SECONDS):
            summary.findings.add("damage not told", f"no tracker named partition {partition} in {TELL_SECONDS} s")
        others = await _others_move(cluster, partition, before)
        now = await _positions(cluster)
        if now.get(partition, 0) > batch.offset:
            summary.findings.add("damaged record passed over", f"{now[partition]} after {batch.offset} of {partition}")
        if not others:
            summary.findings.add("damage stopped the others", f"of partition {partition}: {before}, {now}")
    finally:
        segments.flip(file, segments.place(batch))
    for worker in cluster.of("tracker"):
        await _restarted(worker)


async def _others_move(cluster: Cluster, partition: int, before: dict[int, int]) -> bool:
    """Whether, in time, another partition has moved on from ``before``, or none of them has anything to read."""
    limit = time.monotonic() + TELL_SECONDS
    while time.monotonic() < limit:
        ends = await reading.ends(cluster.bootstrap, cluster.facts_topic, cluster.partitions)
        now = await _positions(cluster)
        others = [p for p in range(cluster.partitions) if p != partition]
        if any(now.get(p, 0) > before.get(p, 0) for p in others) or all(now.get(p, 0) >= ends[p] for p in others):
            return True
        await asyncio.sleep(0.5)
    return False


async def _restarted(worker: Worker) -> None:
    """End a process in order and wait until it has been started again."""
    starts = worker.starts
    worker.signal(signal.SIGTERM)
    await _until(lambda: worker.starts > starts, START_SECONDS)


async def _shift(cluster: Cluster, fault: "Fault") -> None:
    """A process with a clock that is days ahead, or behind; then it is right again."""
    workers = [worker for name in ("tracker", "intake", "stats") for worker in cluster.of(name)]
    # Forward more often than back, and a tracker's clock more often than another's: there it does something.
    worker = workers[int(fault.choice**2 * len(workers))]
    worker.shift = AHEAD if fault.choice * 100 % 3 < 2 else BEHIND
    cluster.furthest = max(cluster.furthest, cluster.now() + worker.shift + timedelta(seconds=START_SECONDS))
    try:
        await _restarted(worker)
        await asyncio.sleep(fault.seconds)
    finally:
        worker.shift = timedelta()
    await _restarted(worker)


async def _age(cluster: Cluster, fault: "Fault", summary: "Summary") -> None:
    """The database of a while ago is put back: the tracker refuses it, a rebuild mends it; stats catches up alone."""
    postgres, older = cluster.postgres, cluster.folder / "older"
    await _positions(cluster)  # there are tables to go back to
    await asyncio.to_thread(postgres.stop)
    await asyncio.to_thread(shutil.copytree, postgres.data, older)
    postgres.launch()
    await asyncio.to_thread(postgres.wait_ready)
    before = await _positions(cluster)
    moved = await _moved(cluster, before, fault.seconds)

    readers = [*cluster.of("tracker"), *cluster.of("stats")]
    for worker in readers:
        worker.terminate()
    await _until(lambda: all(worker.process is None for worker in readers), START_SECONDS)
    await asyncio.to_thread(postgres.stop)
    await asyncio.to_thread(_put_back, cluster)
    postgres.launch()
    await asyncio.to_thread(postgres.wait_ready)

    if moved:
        await _refused(cluster, readers[0], summary)
    else:
        # Little was decided since, maybe by the clock alone: what refuses it is not certain, that it is behind may be.
        summary.left_out.append(f"{fault.name}: too little was decided since the backup")
    await _rebuilt(cluster, summary)
    for worker in readers:
        worker.start()


async def _moved(cluster: Cluster, before: dict[int, int], seconds: float) -> bool:
    """Whether the tracker has applied and published more since ``before``, after ``seconds`` or once it has."""
    limit = time.monotonic() + max(seconds, TELL_SECONDS)
    least = time.monotonic() + seconds
    while time.monotonic() < limit:
        now = await _positions(cluster)
        if time.monotonic() > least and sum(now.values()) > sum(before.values()) + 50:
            return True
        await asyncio.sleep(0.25)
    return False


def _put_back(cluster: Cluster) -> None:
    data, older = cluster.postgres.data, cluster.folder / "older"
    about = data.stat()
    shutil.rmtree(data)
    shutil.copytree(older, data)
    shutil.rmtree(older)
    for folder, _, files in os.walk(data):
        os.chown(folder, about.st_uid, about.st_gid)
        for name in files:
            os.chown(os.path.join(folder, name), about.st_uid, about.st_gid)


async def _refused(cluster: Cluster, tracker: Worker, summary: "Summary") -> None:
    """A tracker on the old tables ends with 70 and names the rebuild."""
    logged = tracker.log.stat().st_size
    tracker.start()
    tracker.wanted, tracker.expected_end = False, True
    await _until(lambda: tracker.process is None, START_SECONDS)
    said = tracker.log.read_bytes()[logged:].decode(errors="replace")
    if tracker.process is not None or tracker.last_code != EXIT_FAILED or "shixian rebuild" not in said:
        summary.findings.add("old database not refused", f"exit code {tracker.last_code}: {said[-400:]}")
        tracker.terminate()
        await _until(lambda: tracker.process is None, START_SECONDS)


async def _rebuilt(cluster: Cluster, summary: "Summary") -> None:
    """The tables are made from the log, as the refusal says."""
    env = {**os.environ, **cluster.env(), "SHIXIAN_POSTGRES": cluster.postgres.dsn}
    code, said = await commands.shixian(env, "rebuild", "--service", "tracker", "--swap")
    if code not in (0, 1) or "put in place" not in said:
        summary.findings.add("old database not rebuilt", f"exit code {code}: {said[-400:]}")
