"""``make fuzz``: hostile records straight onto the fact topic; each becomes a dead letter, and the tracker goes on."""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]
import uvloop
from aiokafka import AIOKafkaProducer

from services.local.jars import kafka_classpath
from tests.chaos import garbage, oracle, reading
from tests.chaos.cluster import Cluster
from tests.chaos.oracle import Record

STALL_SECONDS = 120.0
PORTION = 2000
MEGABYTE = 2**20

Advance = Callable[[int, int], None]


@dataclass
class Fuzzed:
    """What a run came to."""

    records: int
    facts: int = 0
    """Records that were facts by chance."""
    letters: int = 0
    differing: list[str] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """Exit codes of trackers that ended by themselves."""
    memory: list[int] = field(default_factory=list)
    """Resident bytes of the tracker, sampled from its first thousands of records on."""
    seconds: float = 0.0

    @property
    def grown(self) -> int:
        """Bytes by which the last fifth of the samples is above the second fifth."""
        fifth = max(1, len(self.memory) // 5)
        early, late = self.memory[fifth : 2 * fifth] or self.memory, self.memory[-fifth:]
        return int(sum(late) / len(late) - sum(early) / len(early))

    @property
    def good(self) -> bool:
        return not self.differing and not self.ends and self.letters + self.facts == self.records

    def line(self) -> str:
        """All of it in a line."""
        return (
            f"fuzz: {'ok' if self.good else 'FAILED'} records={self.records} dead_letters={self.letters} "
            f"facts_by_chance={self.facts} differing={len(self.differing)} ended={len(self.ends)} "
            f"memory_mb={self.memory[-1] // MEGABYTE if self.memory else 0} "
            f"grown_mb={self.grown / MEGABYTE if self.memory else 0:.0f} seconds={self.seconds:.0f}"
        )


async def fuzz(
    seed: int, count: int, folder: Path, classpath: Sequence[Path], advance: Advance = lambda _done, _all: None
) -> Fuzzed:
    """Put ``count`` records on the topic while a tracker runs, and compare its dead letters with them."""
    found, began = Fuzzed(count), time.monotonic()
    cluster = Cluster(folder, classpath, proxied=False)
    try:
        await cluster.start(trackers=1, stats=1)
        tracker = cluster.of("tracker")[0]
        assert tracker.process is not None
        await asyncio.wait_for(_topics(cluster), 60)
        putting = asyncio.create_task(_put(cluster, seed, count))
        try:
            await _follow(cluster, count, found, psutil.Process(tracker.process.pid), advance)
            await putting
        finally:
            putting.cancel()
        await _compare(cluster, found)
        tracker.look()
        found.ends = tracker.ended_by_itself
    finally:
        await cluster.stop()
    found.seconds = time.monotonic() - began
    return found


async def _topics(cluster: Cluster) -> None:
    while await reading.progress(cluster.postgres.dsn) is None:  # noqa: ASYNC110 - another process makes them
        await asyncio.sleep(0.2)
    while sum((await reading.ends(cluster.bootstrap, cluster.facts_topic, cluster.partitions)).values()) != 0:
        raise AssertionError("the topic is not new")


async def _put(cluster: Cluster, seed: int, count: int) -> None:
    rng = random.Random(f"fuzz {seed}")
    async with AIOKafkaProducer(
        bootstrap_servers=cluster.bootstrap, acks="all", enable_idempotence=True, linger_ms=5
    ) as producer:
        done = 0
        for start in range(0, count, PORTION):
            portion = garbage.records(rng, min(PORTION, count - start))
            sent = [await producer.send(cluster.facts_topic, value, key=key) for key, value in portion]
            await asyncio.gather(*sent)
            done += len(sent)


async def _follow(cluster: Cluster, count: int, found: Fuzzed, process: psutil.Process, advance: Advance) -> None:
    """Return when all is applied; samples the memory on the way. Raises if nothing moves any more."""
    last, moved_at = -1, time.monotonic()
    while True:
        at = await reading.progress(cluster.postgres.dsn)
        applied = at.facts if at else 0
        if applied > last:
            last, moved_at = applied, time.monotonic()
            advance(applied, count)
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            raise RuntimeError(f"the tracker ended; see {cluster.workers}")
        if applied >= min(5000, count // 4):
            found.memory.append(process.memory_info().rss)
        if applied >= count:
            return
        if time.monotonic() - moved_at > STALL_SECONDS:
            raise RuntimeError(f"the tracker stands still at {applied} of {count}")
        await asyncio.sleep(0.25)


async def _compare(cluster: Cluster, found: Fuzzed) -> None:
    """Every record is a dead letter with its bytes and a reason, or a fact by chance."""
    conn = await asyncpg.connect(cluster.postgres.dsn)
    try:
        for partition in range(cluster.partitions):
            letters = {
                row["offset"]: row
                for row in await conn.fetch(
                    'SELECT "offset", key, value, reason FROM tracker.dead_letter WHERE topic = $1 AND partition = $2',
                    cluster.facts_topic,
                    partition,
                )
            }
            for record in await reading.partition_records(cluster.bootstrap, cluster.facts_topic, partition):
                _compare_one(record, letters.pop(record.offset, None), found)
            found.differing += [f"{partition} {offset}: no such record" for offset in letters]
    finally:
        await conn.close()


def _compare_one(record: Record, letter: asyncpg.Record | None, found: Fuzzed) -> None:
    is_fact = oracle.fact_of(record) is not None
    found.facts += is_fact
    found.letters += letter is not None
    place = f"{record.partition} {record.offset}"
    if is_fact and letter is not None:
        found.differing.append(f"{place}: a fact among the dead letters: {letter['reason']}")
    elif not is_fact and letter is None:
        found.differing.append(f"{place}: {record.value[:80]!r} is no dead letter")
    elif letter is not None and (
        letter["value"] != record.value or letter["key"] != record.key or not letter["reason"]
    ):
        found.differing.append(f"{place}: the dead letter is not the record")


def main(argv: Sequence[str] | None = None) -> int:
    """Run by arguments; the exit code says whether all was well."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    folder = Path(tempfile.mkdtemp(prefix="shixian-fuzz-"))
    shown = -1

    def advance(done: int, total: int) -> None:
        nonlocal shown
        if (step := 20 * done // total) > shown:
            shown = step
            print(f"{done} of {total} records", file=sys.stderr)

    uvloop.install()
    found: Fuzzed | None = None
    try:
        found = asyncio.run(fuzz(options.seed, options.records, folder, kafka_classpath(), advance))
    finally:
        if found is None or not found.good:
            print(f"logs and data: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print("\n".join([*found.differing[:20], found.line()]))
    return 0 if found.good else 1


if __name__ == "__main__":
    sys.exit(main())
