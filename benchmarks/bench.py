"""``make bench``: what the services do in a second, beside what a user would pick instead, in one run on one machine.

One broker, one PostgreSQL, the same topics; a process of its own for each part and turn; medians of the turns. Each
part's answer is compared with one worked out in plain Python. A peer that can't run here is named, and so is every
answer that differs: then the exit code is 1. The results go to a JSON file and a page beside it.
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import expected, page, peer, posting, product, result
from benchmarks.expected import Expected
from benchmarks.measuring import Failed, Figures, say
from benchmarks.peers.java import NoStreams, command
from benchmarks.servers import PARTITIONS, Servers
from services.events.topics import create_topics, topics

FACTS, FOLD = "bench.", "fold."
"""Prefixes of the topics: what the tracker reads and writes, and a copy of its first turn's events for all who fold."""
FEW_FACTS, FEW_CASES, SOME_CASES = "bench.few-facts", "fold.few-cases", "fold.some-cases"
"""Beginnings of them, for the slow."""
ROOT = Path(__file__).parent.parent
PEERS_PYTHON = ROOT / ".venv/peers/bin/python"


@dataclass(frozen=True)
class Sizes:
    """How much is done."""

    facts: int
    runs: int
    few_facts: int
    few_cases: int
    some_cases: int
    seconds: float
    """Of posting, at each rate."""


FULL = Sizes(200_000, 3, 4_000, 30_000, 100_000, 18)
SHORT = Sizes(60_000, 1, 2_000, 6_000, 30_000, 8)


class Bench:
    """The parts in their order."""

    def __init__(self, servers: Servers, sizes: Sizes, figures: Figures) -> None:
        self.servers, self.sizes, self.figures = servers, sizes, figures
        self.of: dict[str, Expected] = {}
        self.streams: list[str] | None = None
        self.has_peers = PEERS_PYTHON.exists()
        if not self.has_peers:
            figures.missing.append(f"Quix Streams, confluent-kafka: no {PEERS_PYTHON.relative_to(ROOT)} (make bench)")

    async def attempt(self, label: str, work: Coroutine[Any, Any, Any]) -> Any:
        """A part that fails is a problem of its own; the others go on."""
        try:
            return await work
        except Exception as error:  # noqa: BLE001 - named among the problems, and the exit code is 1
            if not isinstance(error, Failed):
                traceback.print_exc(file=sys.stderr)
            self.figures.problem(label, f"failed: {str(error) or type(error).__name__}")

    async def topics(self) -> None:
        """The facts, and the beginning of them."""
        await self.servers.fill(FACTS, self.sizes.facts)
        self.of["facts"] = expected.of_facts(await self.servers.read_all(f"{FACTS}facts"))
        await self.servers.copy(f"{FACTS}facts", FEW_FACTS, self.sizes.few_facts)
        self.of["few facts"] = expected.of_facts(await self.servers.read_all(FEW_FACTS))

    async def case_topics(self) -> None:
        """The first turn's events, kept: those of other turns differ by what the sweep had time for."""
        await create_topics(self.servers.kafka.bootstrap, topics(FOLD, PARTITIONS, 1))
        await self.servers.copy(f"{FACTS}reference", f"{FOLD}reference", partitions=1)
        source = f"{FACTS}cases"
        for name, topic, records in (
            ("cases", f"{FOLD}cases", None),
            ("few cases", FEW_CASES, self.sizes.few_cases),
            ("some cases", SOME_CASES, self.sizes.some_cases),
        ):
            await self.servers.copy(source, topic, records)
            self.of[name] = expected.of_cases(await self.servers.read_all(topic))
        for name, of in self.of.items():
            say(f"  {name}: {of.records:,} records of {of.bytes_each} bytes")

    def peer(self, label: str, of: str, *arguments: object, python: str = sys.executable) -> Coroutine[Any, Any, None]:
        script, *rest = map(str, arguments)
        line = [python, str(peer.FOLDER / script), *rest]
        return peer.run(self.servers, self.figures, label, line, self.of[of])

    def streams_peer(self, label: str, threads: int, turn: int) -> Coroutine[Any, Any, None]:
        cases, folder = self.of["cases"], self.servers.folder / f"streams-{threads}-{turn}"
        arguments = (self.servers.kafka.bootstrap, f"{FOLD}cases", threads, cases.records, sum(cases.cells.values()))
        line = [*(self.streams or ()), *map(str, arguments), str(folder), str(peer.LIMIT_SECONDS - 10)]
        return peer.run(self.servers, self.figures, label, line, cases)

    async def trackers(self, turn: int) -> None:
        """The tracker, and Faust agents on the same facts."""
        boot, facts, few = self.servers.kafka.bootstrap, self.of["facts"], self.of["few facts"]
        if turn:
            await self.servers.empty_cases(FACTS)
        await self.attempt(
            "tracker", product.work(self.servers, self.figures, "tracker", "tracker", FACTS, self.of["facts"])
        )
        empty = ("faust_agent.py", "empty", boot, f"{FACTS}facts", facts.records, "-", 1)
        await self.attempt("faust, empty", self.peer("faust, empty", "facts", *empty))
        line = [sys.executable, "-m", "benchmarks.empty_transport", boot, f"{FACTS}facts", str(facts.records)]
        await self.attempt(
            "transport, empty", peer.run(self.servers, self.figures, "transport, empty", line, self.of["facts"])
        )
        for at_once in (8, 1):
            label = f"faust, a transaction a fact, {at_once} at a time"
            sql = ("faust_agent.py", "sql", boot, FEW_FACTS, few.records, await self.servers.database(), at_once)
            await self.attempt(label, self.peer(label, "few facts", *sql))

    async def folds(self, turn: int) -> str:
        """The stats service, and others that fold the same events; the database that stats filled."""
        boot, cases, few, some = (
            self.servers.kafka.bootstrap,
            *(self.of[n] for n in ("cases", "few cases", "some cases")),
        )
        work = product.work(self.servers, self.figures, "stats", "stats", FOLD, cases)
        dsn: str = await self.attempt("stats", work)
        if self.streams:
            for threads, name in ((1, "one thread"), (2, "two threads")):
                label = f"kafka streams, {name}"
                await self.attempt(label, self.streams_peer(label, threads, turn))
        if self.has_peers:
            state = self.servers.folder / f"quix-{turn}"
            quix = ("quix_fold.py", boot, SOME_CASES, some.records, some.moved, state)
            await self.attempt("quix streams", self.peer("quix streams", "some cases", *quix, python=str(PEERS_PYTHON)))
        table = ("faust_table.py", boot, FEW_CASES, few.records, few.moved)
        await self.attempt("faust, tables", self.peer("faust, tables", "few cases", *table))
        ways = [("aiokafka-json", sys.executable), ("aiokafka-msgspec", sys.executable)]
        for way, python in ways + ([("confluent-msgspec", str(PEERS_PYTHON))] if self.has_peers else []):
            client = ("clients.py", way, boot, f"{FOLD}cases", cases.records, PARTITIONS)
            await self.attempt(f"client {way}", self.peer(f"client {way}", "cases", *client, python=python))
        return dsn

    async def twice(self, turn: int) -> None:
        """Two processes of each."""
        await self.servers.empty_cases(FACTS)
        for name, prefix, of in (("tracker", FACTS, "facts"), ("stats", FOLD, "cases")):
            label = f"{name}, two processes"
            work = product.work(self.servers, self.figures, label, name, prefix, self.of[of], 2)
            await self.attempt(f"{label}, turn {turn + 1}", work)

    async def everything(self) -> None:
        """All of it; what was found is in the figures."""
        say(f"making {self.sizes.facts:,} facts in {PARTITIONS} partitions")
        await self.topics()
        try:
            self.streams = command(self.servers.folder / "classes")
        except NoStreams as error:
            self.figures.missing.append(f"Kafka Streams: {error}")
        for turn in range(self.sizes.runs):
            say(f"turn {turn + 1} of {self.sizes.runs}")
            await self.trackers(turn)
            if not turn:
                await self.case_topics()
            dsn = await self.folds(turn)
            if dsn:
                rebuilt = product.rebuild(self.servers, self.figures, dsn, FOLD, self.of["cases"])
                await self.attempt("rebuild", rebuilt)
            await self.twice(turn)
        say("posting")
        rates = posting.rates(self.servers, self.figures, self.sizes.seconds / 4, self.sizes.runs, "intake.")
        await self.attempt("intake", rates)
        await self.attempt("latency", self.latencies())
        await self.attempt("idle", posting.idle(self.servers, self.figures, self.sizes.seconds, "idle."))

    async def latencies(self) -> None:
        limit = self.figures.median("tracker") or 0.0
        for name, rate in (("at 200 facts/s", 200.0), ("at half of the tracker's limit", limit / 2)):
            prefix = f"latency-{round(rate)}."
            p50, p99 = await posting.latency(self.servers, rate, self.sizes.seconds, prefix)
            self.figures.number(f"post to visible {name}, p50 ms", p50)
            self.figures.number(f"post to visible {name}, p99 ms", p99)


def main() -> int:
    """Run by arguments; 1 if an answer differs or a part failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="under five minutes, one turn of everything")
    parser.add_argument("--facts", type=int)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--output", type=Path, default=Path("bench-results"), help="the folder of the results")
    options = parser.parse_args()
    sizes = SHORT if options.short else FULL
    sizes = Sizes(**{**vars(sizes), **{k: v for k in ("facts", "runs") if (v := getattr(options, k))}})
    folder, figures, began = Path(tempfile.mkdtemp(prefix="shixian-bench-")), Figures(), time.monotonic()
    servers = Servers(folder)
    try:
        servers.start()
        bench = Bench(servers, sizes, figures)
        uvloop.run(bench.everything())
    finally:
        with contextlib.suppress(OSError):
            servers.stop()
        if figures.problems:
            logs = options.output / "logs"
            logs.mkdir(parents=True, exist_ok=True)
            for each in folder.glob("*.log"):
                shutil.copy(each, logs)
        shutil.rmtree(folder, ignore_errors=True)
    found = result.collect(figures, bench.of, sizes, time.monotonic() - began)
    result.write(found, options.output / "bench.json")
    (options.output / "bench.html").write_text(page.render(found), encoding="utf-8")
    for line in result.lines(found, figures):
        sys.stdout.write(f"{line}\n")
    return 1 if figures.problems else 0


if __name__ == "__main__":
    sys.exit(main())
