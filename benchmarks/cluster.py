"""``make bench-cluster``: one broker beside three that have three copies, one process beside two and three.

All of it on one machine, so more brokers can only cost: what is found is how much.
The tracker and the stats service work through the same facts; each answer is compared with one worked out in plain
Python, and a difference ends the bench with 1.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop

from benchmarks import expected, product
from benchmarks.measuring import Figures, say
from benchmarks.servers import PARTITIONS, Servers
from services.events.topics import create_topics, topics

FACTS, FOLD = "cluster.", "cluster-fold."
PROCESSES = (1, 2, 3)


def label(brokers: int, name: str, processes: int) -> str:
    """What a row is called."""
    return f"{name}, {processes} process{'es' if processes > 1 else ''}, {brokers} broker{'s' if brokers > 1 else ''}"


async def measured(servers: Servers, figures: Figures, facts: int, turns: int) -> None:
    """All numbers of processes over the same topics."""
    await servers.fill(FACTS, facts)
    of_facts = expected.of_facts(await servers.read_all(f"{FACTS}facts"))
    of_cases = None
    for _ in range(turns):
        for processes in PROCESSES:
            if of_cases is not None:
                await servers.empty_cases(FACTS)
            name = label(servers.replication, "tracker", processes)
            await product.work(servers, figures, name, "tracker", FACTS, of_facts, processes)
            if of_cases is None:
                await create_topics(servers.kafka.bootstrap, topics(FOLD, PARTITIONS, servers.replication))
                await servers.copy(f"{FACTS}reference", f"{FOLD}reference", partitions=1)
                await servers.copy(f"{FACTS}cases", f"{FOLD}cases")
                of_cases = expected.of_cases(await servers.read_all(f"{FOLD}cases"))
            name = label(servers.replication, "stats", processes)
            await product.work(servers, figures, name, "stats", FOLD, of_cases, processes)


def lines(figures: Figures, brokers: Sequence[int]) -> list[str]:
    """The table, and how each row is beside one process and one broker."""
    made = []
    for name in ("tracker", "stats"):
        alone = figures.median(label(brokers[0], name, 1)) or 0.0
        for count in brokers:
            for processes in PROCESSES:
                row = label(count, name, processes)
                rate = figures.median(row) or 0.0
                spent = [figures.median(row, what) or 0.0 for what in ("cpu_own", "cpu_kafka", "cpu_postgres")]
                shares = " + ".join(f"{each:.0f}" for each in spent)
                made.append(f"{row:34} {rate:9,.0f} a second  {rate / alone:5.2f}  {shares} us a record")
    return [*made, *(f"problem: {each}" for each in figures.problems)]


def main() -> int:
    """Run by arguments; 1 if an answer differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--facts", type=int, default=60_000)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--brokers", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--output", type=Path, default=Path("bench-results"), help="the folder of the results")
    options = parser.parse_args()
    figures = Figures()
    for brokers in options.brokers:
        folder = Path(tempfile.mkdtemp(prefix="shixian-bench-"))
        servers = Servers(folder, brokers)
        try:
            say(f"{brokers} broker{'s' if brokers > 1 else ''}, {options.facts:,} facts in {PARTITIONS} partitions")
            servers.start()
            uvloop.run(measured(servers, figures, options.facts, options.turns))
        finally:
            servers.stop()
            shutil.rmtree(folder, ignore_errors=True)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "cluster.json").write_text(json.dumps(figures.rows(), indent=1) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(lines(figures, options.brokers)) + "\n")
    return 1 if figures.problems else 0


if __name__ == "__main__":
    sys.exit(main())
