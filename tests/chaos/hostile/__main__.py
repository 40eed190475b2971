"""``make fuzz``: the hostile load beside an ordinary one, over a Kafka and a PostgreSQL of its own."""

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.local.jars import kafka_classpath
from services.local.kafka import KafkaNode
from services.local.postgres import PostgresServer
from tests.chaos.hostile.run import PARTS, SHORT, Advance, Plan, changed, hostile
from tests.chaos.hostile.site import Site
from tests.chaos.hostile.verdict import Verdict


async def over_own_servers(folder: Path, classpath: Sequence[Path], plan: Plan, advance: Advance) -> Verdict:
    """Run with servers that live as long as the run, in ``folder``."""
    kafka, postgres = KafkaNode(folder / "kafka", classpath), PostgresServer(folder / "postgres")
    try:
        kafka.start()
        postgres.start()
        return await hostile(Site(folder, kafka.bootstrap, postgres.dsn, "hostile."), plan, advance)
    finally:
        await asyncio.gather(asyncio.to_thread(kafka.stop), asyncio.to_thread(postgres.stop))


def _plan(options: argparse.Namespace) -> Plan:
    plan = SHORT if options.short else Plan()
    wrong = set(options.only) - set(PARTS)
    if wrong:
        sys.exit(f"--only: expected some of {', '.join(PARTS)}, got {', '.join(sorted(wrong))}")
    plan = changed(plan, cases=options.cases, seconds=options.seconds, seed=options.seed, rate=options.rate)
    return changed(plan, parts=tuple(options.only) or None, attacks=tuple(options.attacks) or None)


def main(argv: Sequence[str] | None = None) -> int:
    """Run by arguments; the exit code says whether every demand was met."""
    parser = argparse.ArgumentParser(prog="hostile", description=__doc__)
    parser.add_argument("--cases", type=int, help="rows put straight into the tracker's table")
    parser.add_argument("--seconds", type=float, help="the least time with the hostile load")
    parser.add_argument("--rate", type=float, help="ordinary calls a second")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--short", action="store_true", help="what `make test` runs")
    parser.add_argument("--only", nargs="*", default=[], help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--attacks", nargs="*", default=[], help="only facts of these kinds, by how their names begin")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the folder, with all logs, also if all is well")
    options = parser.parse_args(argv)
    plan = _plan(options)
    folder = Path(tempfile.mkdtemp(prefix="shixian-hostile-"))
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    shown = Progress(*columns, console=console, disable=not console.is_terminal)
    tasks: dict[str, int] = {}

    def advance(stage: str, done: int, total: int) -> None:
        if console.is_terminal:
            if stage not in tasks:
                tasks[stage] = int(shown.add_task(stage, total=total))
            shown.update(tasks[stage], completed=done, total=total)  # type: ignore[arg-type]  # a TaskID is an int
        elif tasks.get(stage, -1) < (step := 10 * done // max(total, 1)):
            tasks[stage] = step
            console.print(f"{stage}: {done} of {total}", highlight=False)

    uvloop.install()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    verdict: Verdict | None = None
    try:
        with shown:
            verdict = asyncio.run(over_own_servers(folder, kafka_classpath(), plan, advance))
    finally:
        if verdict is None or not verdict.good or options.keep:
            console.print(f"logs and data: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(verdict.as_json() if options.json else "\n".join(verdict.lines()))
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
