"""``make chaos``: a load through the whole system while parts of it fail, then the comparison with the oracle."""

import argparse
import asyncio
import logging
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.local.jars import kafka_classpath
from tests.chaos import commands, faults, reading, verify
from tests.chaos.cluster import Cluster
from tests.chaos.disk import Disk, NoDisk
from tests.chaos.faults import Breaker, Fault
from tests.chaos.histories import History, generate
from tests.chaos.load import Load, put_garbage
from tests.chaos.summary import Summary

GIVE_UP_SECONDS = 240.0
"""Without any progress for this long while there is work, the system counts as stuck."""
MOST_ENDS = 10
"""A process that ended by itself more often than this will go on to."""
WAIT_FOR_LOAD_SECONDS = 8.0
SETTLED = timedelta(seconds=15)

Advance = Callable[[str, int, int], None]
"""Takes a stage of the run, what of it is done, and what there is."""


class Stuck(RuntimeError):
    """There is work, and nobody does it."""


async def _beside(watching: Sequence[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    """Await ``work``, or raise what a watching task raises before it is done."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task, *watching], return_when=asyncio.FIRST_COMPLETED)
        for each in watching:
            if each.done():
                each.result()
        await task
    finally:
        task.cancel()


class Run:
    """One run; :meth:`go` does it all."""

    def __init__(
        self, cluster: Cluster, history: History, plan: Sequence[Fault], summary: Summary, advance: Advance
    ) -> None:
        self.cluster, self.history, self.plan, self.summary, self.advance = cluster, history, plan, summary, advance
        self.faults_begun = 0
        self.load = Load("", history, self._may_send)
        self._over = asyncio.Event()
        self._found: reading.Progress | None = None
        self._heard: dict[str, int] = {}

    async def go(self) -> None:
        """Load and faults together, then quiet, then the checks. Raises what kept the run from its end."""
        began = time.monotonic()
        await self.cluster.start()
        self.load.url = f"http://127.0.0.1:{self.cluster.of('intake')[0].port}"
        topics = (self.cluster.facts_topic, self.cluster.cases_topic)
        ends = reading.follow_ends(self.cluster.bootstrap, topics, self.cluster.partitions, self._heard)
        watching = [asyncio.create_task(task) for task in (self._supervise(), self._follow(), ends, self._watch())]
        try:
            await self._until_topics()
            await _beside(watching, self._trouble())
            await _beside(watching, self._quiet())
            now = self.cluster.now()
        finally:
            for task in watching:
                task.cancel()
        for label, code in (await self.cluster.stop_services()).items():
            if code != 0:
                self.summary.unclean_ends.append(f"{label} {code}")
        remains = await verify.read(self.cluster, self.summary.findings)
        subjects = len(remains.log.facts)
        done = Counter[str]()

        def checked(count: int) -> None:
            done["subjects"] += count
            self.advance("checking", done["subjects"], subjects)

        refused = [fact for call in self.history.refused for fact in call]
        furthest = max(now, self.cluster.furthest)
        await verify.check(remains, self.load.accepted, refused, now, self.summary.findings, checked, furthest)
        self._conclude(remains)
        self.summary.verdicts = await commands.run(self.cluster, now, self.summary.findings)
        self.summary.seconds = time.monotonic() - began

    async def _trouble(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.load.run())
            group.create_task(self._garbage())
            group.create_task(self._break())

    def _conclude(self, remains: verify.Remains) -> None:
        summary, workers = self.summary, self.cluster.workers
        summary.restarts = sum(w.starts - 1 for w in workers)
        summary.ended_by_themselves = [f"{w.label} {code}" for w in workers for code in w.ended_by_itself]
        summary.last_words = [words for w in workers for words in w.last_words]
        if self.load.without_retry_after:
            summary.findings.add("503 without Retry-After", str(self.load.without_retry_after))
        for line in self.cluster.log_lines("stats"):
            if re.search(r'"event": "case_events_missing"', line):
                summary.findings.add("gap seen by stats", line[:300])
            if re.search(r'"event": "audit_difference"', line):
                summary.findings.add("difference found by stats itself", line[:300])
        summary.figures = {
            "accepted": self.load.sent,
            "refused": self.load.refused,
            "records": remains.log.records,
            "repeated records": remains.log.repeated,
            "requests": len(remains.log.facts),
            "dead letters": len(remains.tables.letters),
            "dead letters told": len(remains.told),
            "case events": sum(map(len, remains.cases.values())),
            "case records": remains.case_records,
            "cells": len(remains.tables.cells),
            "calls repeated": self.load.repeated,
            "answers 503": self.load.unavailable,
        }

    async def _may_send(self, share: float) -> None:
        """Keep the load spread over the faults, so that there is load at each of them."""
        while share > (self.faults_begun + 1) / (len(self.plan) + 1):  # noqa: ASYNC110 - looked at by the way
            await asyncio.sleep(0.05)

    async def _garbage(self) -> None:
        await put_garbage(self.cluster.bootstrap, self.cluster.facts_topic, self.history.garbage, self._may_send)

    async def _break(self) -> None:
        breaker = Breaker(self.cluster, self.summary)
        for number, fault in enumerate(self.plan):
            limit = time.monotonic() + WAIT_FOR_LOAD_SECONDS
            due = self.history.facts * number / (len(self.plan) + 1)
            while self.load.sent < due and time.monotonic() < limit:  # noqa: ASYNC110 - looked at by the way
                await asyncio.sleep(0.05)
            await asyncio.sleep(fault.wait)
            if fault.alone:
                await breaker.over()
            breaker.begin(fault)
            if fault.alone:
                await breaker.over()
            self.summary.faults[fault.name] += 1
            self.faults_begun += 1
            self.advance("faults", self.faults_begun, len(self.plan))
        await breaker.over()

    async def _supervise(self) -> None:
        while True:
            self.cluster.supervise()
            for worker in self.cluster.workers:
                if len(worker.ended_by_itself) > MOST_ENDS:
                    raise Stuck(f"{worker.label} ended by itself again and again: {worker.ended_by_itself}")
            await asyncio.sleep(0.3)

    async def _until_topics(self) -> None:
        async with asyncio.timeout(60), aiohttp.ClientSession(trust_env=False) as http:
            while True:
                try:
                    async with http.get(f"{self.load.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.1)

    async def _follow(self) -> None:
        """Keep what the tables say of the work in mind; while the database is away, what they said last."""

        def take(found: reading.Progress) -> None:
            self._found = found
            self.advance("facts tracked", found.facts, self.history.facts + len(self.history.garbage))

        await reading.follow_progress(self.cluster.postgres.dsn, take)

    async def _watch(self) -> None:
        """Measure how long each of the three stands still with work before it. Raises :class:`Stuck`."""
        facts, cases, stalls = self.cluster.facts_topic, self.cluster.cases_topic, self.summary.stalls
        while not self._over.is_set():
            now, found = time.monotonic(), self._found or reading.Progress(0, 0)
            stalled = max(
                stalls.accepted.look(self.load.answered, self.load.under_way > 0, now),
                stalls.tracked.look(found.facts, found.facts < self._heard.get(facts, 0), now),
                stalls.folded.look(found.cases, found.cases < self._heard.get(cases, 0), now),
            )
            if stalled > GIVE_UP_SECONDS:
                raise Stuck(f"stood still for {stalled:.0f} s: {found} of {self._heard}, {self.load.sent} facts posted")
            await asyncio.sleep(0.25)
        await asyncio.Event().wait()  # like the others, until cancelled

    async def _quiet(self) -> None:
        """Return when all is applied, published, looked at and folded. Raises :class:`Stuck`."""
        cluster = self.cluster
        limit = time.monotonic() + GIVE_UP_SECONDS
        seen: tuple[Any, ...] = ()
        while True:
            facts = sum((await reading.ends(cluster.bootstrap, cluster.facts_topic, cluster.partitions)).values())
            cases = sum((await reading.ends(cluster.bootstrap, cluster.cases_topic, cluster.partitions)).values())
            found = await reading.progress(cluster.postgres.dsn)
            applied = found is not None and (found.facts, found.cases) == (facts, cases)
            pending = await reading.pending(cluster.postgres.dsn, cluster.now() + SETTLED) if applied else None
            if applied and pending == 0:
                self._over.set()
                return
            if (state := (found, facts, cases, pending)) != seen:
                seen, limit = state, time.monotonic() + GIVE_UP_SECONDS
            if time.monotonic() > limit:
                raise Stuck(f"not quiet: {found} of {facts} facts and {cases} case events, {pending} pending")
            await asyncio.sleep(0.5)


async def chaos(
    seed: int,
    fault_count: int,
    fact_count: int,
    folder: Path,
    classpath: Sequence[Path],
    advance: Advance = lambda _stage, _done, _all: None,
    kinds: Sequence[tuple[str, str]] = (*faults.KINDS, *faults.RARE),
) -> Summary:
    """One run in ``folder``; what it came to. Raises what kept it from its end, with the servers stopped."""
    summary = Summary(seed)
    history = generate(seed, fact_count)
    plan = list(faults.plan(seed, fault_count, kinds))
    disk, without = (
        _disk(folder, fact_count) if any(fault.kind == "fill" for fault in plan) else (None, "not asked for")
    )
    cluster = Cluster(folder, classpath, disk=disk, without_disk=without)
    try:
        await Run(cluster, history, plan, summary, advance).go()
    finally:
        await cluster.stop()
    return summary


def _disk(folder: Path, facts: int) -> tuple[Disk | None, str]:
    """A disk for the data; or None, and why there is none."""
    disk = Disk(folder / "disk", facts)
    try:
        disk.mount()
    except NoDisk as error:
        return None, str(error)
    return disk, ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run by arguments; the exit code says whether all was well."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=40)
    parser.add_argument("--facts", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", default=[], help="only faults of these kinds, e.g. kill freeze")
    parser.add_argument("--keep", action="store_true", help="keep the folder, with all logs, also if all is well")
    options = parser.parse_args(argv)
    every = (*faults.KINDS, *faults.RARE)
    kinds = [each for each in every if not options.kinds or each[0] in options.kinds]
    if not kinds:
        parser.error(f"--kinds: expected some of {', '.join(sorted({kind for kind, _ in every}))}")
    folder = Path(tempfile.mkdtemp(prefix="shixian-chaos-"))
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=console) if console.is_terminal else None
    tasks: dict[str, Any] = {}

    def advance(stage: str, done: int, total: int) -> None:
        if progress is None:
            if tasks.get(stage, -1) < (step := 10 * done // max(total, 1)):
                tasks[stage] = step
                console.print(f"{stage}: {done} of {total}", highlight=False)
            return
        if stage not in tasks:
            tasks[stage] = progress.add_task(stage, total=total)
        progress.update(tasks[stage], completed=min(done, total), total=total)

    uvloop.install()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that the broker is away is our own doing
    summary: Summary | None = None
    try:
        with progress or nullcontext():
            summary = asyncio.run(
                chaos(options.seed, options.faults, options.facts, folder, kafka_classpath(), advance, kinds)
            )
    finally:
        if summary is None or not summary.good or summary.ended_by_themselves or options.keep:
            console.print(f"logs and data: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(summary.lines()))
    return 0 if summary.good else 1


if __name__ == "__main__":
    sys.exit(main())
