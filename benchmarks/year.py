"""``make year``: a bureau's year on this machine, month by month, in one unattended run that goes on where it stopped.

Each month the services start with a clock at the month's end; its facts are posted through intake, decided, swept and
folded, until nothing is left to do. At the end both returns are asked for and compared with what was made, and the
year is audited, rebuilt, exported and restored. ``year.json`` in the folder has how long each took, and what grew.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import psutil  # type: ignore[import-untyped]
import uvloop

from benchmarks import year_facts
from benchmarks.result import machine
from benchmarks.servers import PARTITIONS, Running, Servers
from benchmarks.year_facts import ORGAN, YEAR, Year
from services.commands.console import progress
from tests.chaos.reading import pending

PREFIX = "year."
POSTGRES = {"shared_buffers": "2GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min"}
"""What docs/operations.md says of a machine that PostgreSQL shares with a bureau's services."""
CALL, SENDERS = 500, 4
BATCH = "application/cloudevents-batch+json"
SIZES = """
SELECT schemaname || '.' || relname AS name, pg_total_relation_size(relid) AS bytes FROM pg_stat_user_tables
ORDER BY 2 DESC LIMIT 8
"""


class Site:
    """The servers on a folder that stays, and what was done so far."""

    def __init__(self, folder: Path, year: Year) -> None:
        self.folder, self.year = folder, year
        self.servers = Servers(folder, postgres=POSTGRES)
        self.file = folder / "year.json"
        known = json.loads(self.file.read_text()) if self.file.exists() else {}
        if known.get("requests", year.requests) != year.requests:
            raise SystemExit(f"{folder} holds a year of {known['requests']} requests, not of {year.requests}")
        self.done: dict[str, Any] = {"requests": year.requests, "months": {}, "steps": {}, **known}

    def note(self, kind: str, name: str, value: Any) -> None:
        """Keep what was done, at once."""
        self.done[kind][name] = value
        self.done["machine"] = machine()
        self.file.write_text(json.dumps(self.done, indent=1) + "\n")

    @contextlib.contextmanager
    def services(self, month: int) -> Any:
        """The three services with their clock at the end of a month."""
        more = {"SHIXIAN_NOW": end_of(month).isoformat(), "SHIXIAN_SWEEP_SECONDS": "1"}
        with contextlib.ExitStack() as stack:
            running = {
                name: stack.enter_context(self.servers.service(name, self.servers.postgres.dsn, PREFIX, 1, **more))
                for name in ("intake", "tracker", "stats")
            }
            try:
                yield running
            finally:  # side by side; the stack would end them one by one, and whom it asks twice stops at once
                asked = [psutil.Process(each.pid) for each in running.values()]
                for process in asked:
                    process.terminate()
                psutil.wait_procs(asked, timeout=30)


def end_of(month: int) -> datetime:
    """An hour before a month's end in the organ's zone."""
    return datetime(YEAR + month // 12, month % 12 + 1, 1, tzinfo=UTC) - timedelta(hours=9)


async def ready(http: aiohttp.ClientSession, *running: Running) -> None:
    async with asyncio.timeout(300):
        for each in running:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"{each.url}/readyz") as answer:
                        if answer.status == 200:
                            break
                await asyncio.sleep(0.2)


async def post(http: aiohttp.ClientSession, url: str, events: list[bytes], advance: Callable[[int], None]) -> None:
    """One call, repeated until the log has it: it may be sent again safely."""
    while True:
        async with http.post(
            f"{url}/v1/events", data=b"[" + b",".join(events) + b"]", headers={"content-type": BATCH}
        ) as answer:
            if answer.status == 202:
                advance(len(events))
                return
            if answer.status != 503:
                raise SystemExit(f"intake refused: {answer.status} {(await answer.text())[:500]}")
        await asyncio.sleep(1)


async def month(site: Site, number: int) -> None:
    """Post a month, and wait until all that follows from it is there."""
    year, servers, began, posted = site.year, site.servers, time.monotonic(), 0
    with site.services(number) as running:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120)) as http:
            await ready(http, running["intake"])  # the others take what is in the log when they are
            intake = running["intake"].url
            await post(http, intake, [json.dumps(year_facts.organ()).encode()], lambda _: None)
            started = time.monotonic()
            queues: list[asyncio.Queue[list[bytes] | None]] = [asyncio.Queue(4) for _ in range(SENDERS)]
            with progress(round(year.requests * 5.6 / 11), f"{YEAR}-{number:02}") as advance:

                async def send(queue: asyncio.Queue[list[bytes] | None]) -> None:
                    while (events := await queue.get()) is not None:
                        await post(http, intake, events, advance)

                senders = [asyncio.create_task(send(queue)) for queue in queues]
                waiting: list[list[bytes]] = [[] for _ in range(SENDERS)]
                for request, event in year.month(number):  # a request's own facts by one sender, in their order
                    mine = waiting[request % SENDERS]
                    mine.append(event)
                    posted += 1
                    if len(mine) == CALL:
                        await queues[request % SENDERS].put(mine[:])
                        mine.clear()
                for queue, rest in zip(queues, waiting, strict=True):
                    if rest:
                        await queue.put(rest)
                    await queue.put(None)
                await asyncio.gather(*senders)
            through = time.monotonic()
            await ready(http, *running.values())
            await quiet(site, number)
        done = time.monotonic()
        site.note(
            "months",
            f"{number:02}",
            {
                "facts": posted,
                "facts_a_second": round(posted / max(1e-9, done - started)),
                "posting_seconds": round(through - started, 1),
                "seconds": round(done - began, 1),
                "memory_mb": {n: psutil.Process(r.pid).memory_info().rss >> 20 for n, r in running.items()},
                **await sizes(servers),
            },
        )


async def quiet(site: Site, month: int) -> None:
    """Return when nothing is left to do: every fact decided, nothing due by the month's clock, every event published
    and folded; looked at in this order, since each makes what the next one has to do."""
    servers, by = site.servers, end_of(month) + timedelta(minutes=50)
    conn = await asyncpg.connect(servers.postgres.dsn)
    while (  # noqa: ASYNC110 - the services do it in their own time
        await _behind(servers, conn, "facts", "tracker")
        or await pending(servers.postgres.dsn, by)
        or await _behind(servers, conn, "cases", "stats")
    ):
        await asyncio.sleep(0.5)
    await conn.close()


async def _behind(servers: Servers, conn: Any, topic: str, service: str) -> bool:
    """Whether a service has not read all of its topic."""
    end = sum((await servers.ends(f"{PREFIX}{topic}")).values())
    at = await conn.fetchval(f"SELECT coalesce(sum(next_offset), 0)::bigint FROM {service}.progress")
    return bool(end != at)


async def sizes(servers: Servers) -> dict[str, Any]:
    """What is on the disk."""
    conn = await asyncpg.connect(servers.postgres.dsn)
    tables = {row["name"]: row["bytes"] >> 20 for row in await conn.fetch(SIZES)}
    await conn.close()
    folders = {name: _size(servers.folder / name / "data") >> 20 for name in ("kafka", "postgres")}
    return {"disk_mb": folders, "tables_mb": tables}


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


async def returns(site: Site) -> dict[str, Any]:
    """Both annual returns; what was made must be in them."""
    with site.services(12) as running:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(300)) as http:
            await ready(http, *running.values())
            await quiet(site, 12)
            found: dict[str, Any] = {}
            disclosure = year_facts.DISCLOSURE
            for form, name, first, wanted in (
                ("cn-2021", "requests", "1", disclosure),
                ("cn-licensing", "licensing", "received", site.year.requests - disclosure),
            ):
                began = time.monotonic()
                url = f"{running['stats'].url}/v1/annual/{ORGAN}/{YEAR}?form={form}"
                async with http.get(url, headers={"accept": "application/json"}) as answer:
                    report = await answer.json()
                (table,) = (each for each in report["tables"] if each["id"] == name)
                (received,) = (row["cells"]["total"] for row in table["rows"] if row["id"] == first)
                checks = [check for check in report["checks"] if not check["ok"]]
                if received != wanted or checks:
                    raise SystemExit(f"{form}: {received} received, not {wanted}; {checks}")
                found[form] = {"received": received, "ms": round(1000 * (time.monotonic() - began))}
    return found


async def command(site: Site, *arguments: str, **more: str) -> dict[str, Any]:
    """A command of the product, timed. Raises ``SystemExit`` if it fails."""
    env = {
        **os.environ,
        "SHIXIAN_KAFKA": site.servers.kafka.bootstrap,
        "SHIXIAN_POSTGRES": site.servers.postgres.dsn,
        "SHIXIAN_TOPIC_PREFIX": PREFIX,
        "SHIXIAN_PARTITIONS": str(PARTITIONS),
        "SHIXIAN_NOW": datetime(YEAR, 12, 31, 15, tzinfo=UTC).isoformat(),
        **more,
    }
    began = time.monotonic()
    line = [sys.executable, "-c", "from services.cli import main; main()", *arguments]
    with site.servers.process(arguments[0], line, env) as process:
        code = await asyncio.to_thread(process.wait)
    if code:
        log = (site.folder / f"{arguments[0]}.log").read_text(errors="replace").splitlines()
        raise SystemExit(f"{' '.join(arguments)} ended with {code}: {' / '.join(log[-5:])}")
    return {"seconds": round(time.monotonic() - began, 1)}


async def rebuild(site: Site, service: str) -> dict[str, Any]:
    """A service's tables made anew from the log. Those before are equal and go: a year's are 15 to 30 GB."""
    took = await command(site, "rebuild", "--service", service)
    connection = await asyncpg.connect(site.servers.postgres.dsn)
    try:
        await connection.execute(f"DROP SCHEMA {service}_before CASCADE")
    finally:
        await connection.close()
    return took


async def restore(site: Site, file: Path) -> dict[str, Any]:
    """The exported year into an empty cluster."""
    other = Servers(site.folder / "restored")
    other.start()
    try:
        return await command(
            site, "restore", str(file), SHIXIAN_KAFKA=other.kafka.bootstrap, SHIXIAN_POSTGRES=other.postgres.dsn
        )
    finally:
        other.stop()


async def everything(site: Site) -> None:
    """All that is not done yet."""
    for number in range(1, 13):
        if f"{number:02}" not in site.done["months"]:
            await month(site, number)
    file = site.folder / "year.export"
    steps: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
        "returns": lambda: returns(site),
        "audit": lambda: command(site, "audit"),
        "rebuild stats": lambda: rebuild(site, "stats"),
        "rebuild tracker": lambda: rebuild(site, "tracker"),
        "export": lambda: command(site, "export", str(file)),
        "restore": lambda: restore(site, file),
    }
    for name, step in steps.items():
        if name not in site.done["steps"]:
            site.note("steps", name, await step())


def main() -> None:
    """Run by arguments."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--share", type=int, default=1, help="so many times smaller: 10 is a tenth of it")
    parser.add_argument("--folder", type=Path, default=Path("year-run"), help="where it goes on, if it was stopped")
    options = parser.parse_args()
    # A run of hours is often one in the background, where a shell has Ctrl-C ignored; both end it in order.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    options.folder.mkdir(parents=True, exist_ok=True)
    site = Site(options.folder.resolve(), Year(options.share))
    try:
        site.servers.start()
        uvloop.run(everything(site))
    finally:
        site.servers.stop()
    for name, each in site.done["months"].items():
        sys.stdout.write(
            f"{name}: {each['facts']:,} facts, {each['facts_a_second']:,} a second, {each['disk_mb']} MB\n"
        )
    for name, each in site.done["steps"].items():
        sys.stdout.write(f"{name}: {each}\n")
    total = sum(each["facts"] for each in site.done["months"].values())
    rates = [each["facts_a_second"] for each in site.done["months"].values()]
    sys.stdout.write(f"year: {total:,} facts, {min(rates):,} to {max(rates):,} a second by month\n")


if __name__ == "__main__":
    main()
