"""How long a report takes over very many requests of one organ, and that it equals the recount.

    .venv/bin/python -m benchmarks.report [--requests 2200000]

Starts a PostgreSQL of its own in a temporary folder, folds so many made requests into it, and times the report from the
counters, as of a past instant, and the recount from all rows. Exits with 1 where they differ or the report takes a
second or longer.
"""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path

from services.events.case_data import RecordedData, RequestSummary
from services.events.cases import FactRecorded
from services.events.vocabulary import APPLICANTS, CHANNELS, OUTCOMES
from services.local.postgres import PostgresServer
from services.runtime import database
from services.runtime.health import Part
from services.stats import annual, publications, store
from services.stats.annual import Answer, Asked
from services.stats.cells import recount
from services.stats.fold import Fold, Place
from services.stats.forms.form import load
from services.stats.report import make_with_previous

YEAR = 2023
BATCH = 5000
START = datetime(YEAR, 1, 1, tzinfo=UTC)
SECOND = 1.0


def event(number: int, rng: random.Random) -> FactRecorded:
    """A case event of a made request, most of them of one year."""
    received_on = date(YEAR - 1, 12, 1) + timedelta(rng.randrange(390))
    ended_on = received_on + timedelta(rng.randrange(60)) if rng.random() < 0.97 else None
    request = RequestSummary(
        organ="o",
        channel=rng.choice(CHANNELS),  # type: ignore[arg-type]  # a value of the contract
        applicant=rng.choice(APPLICANTS),  # type: ignore[arg-type]  # the same
        statute="CN-2019",
        submitted_on=received_on,
        state="answered" if ended_on else "open",
        received_on=received_on,
        due_on=received_on + timedelta(28),
        answered_on=ended_on,
        closed_on=ended_on,
        outcome=rng.choice(OUTCOMES) if ended_on else None,  # type: ignore[arg-type]  # the same
        timeliness=rng.choice(("in-time", "late")) if ended_on else None,
        working_days=rng.randrange(40) if ended_on else None,
        first_response_on=ended_on,
        first_working_days=rng.randrange(40) if ended_on else None,
    )
    return FactRecorded(
        specversion="1.0",
        id=f"e{number}",
        source="urn:shixian:benchmark",
        subject=f"r{number:08}",
        sequence=1,
        recordedtime=START + timedelta(seconds=number),
        data=RecordedData(request=request),
    )


def say(text: str) -> None:
    """One line of the answer."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def measure(requests: int) -> bool:
    """Fold, time, compare; whether all is as it should be."""
    folder = Path(tempfile.mkdtemp(prefix="shixian-bench-"))
    server = PostgresServer(folder / "postgres")
    try:
        server.start()
        pool = database.pool(server.dsn)
        await database.ready(pool, store.SCHEMA, files("services.stats") / "migrations", Part("database"))
        await database.ready(pool, publications.SCHEMA, files("services.stats") / "kept", Part("database"))
        rng, began = random.Random(1), time.perf_counter()
        for first in range(0, requests, BATCH):
            fold = Fold()
            for number in range(first, min(first + BATCH, requests)):
                fold.apply(event(number, rng), Place(0, number))
            async with pool.acquire() as conn, conn.transaction():
                await store.save(conn, fold)
        say(f"{requests} requests folded in {time.perf_counter() - began:.1f} s")
        form = load("cn-2021")
        last = START + timedelta(seconds=requests - requests // 100)
        async with pool.acquire() as conn:
            await conn.execute(f"ANALYZE {store.SCHEMA}.cell_change, {store.SCHEMA}.request")
            times: dict[str, float] = {}
            answers: dict[str, Answer] = {}
            for name, before in (("now", None), ("as of, 1 % earlier", last)):
                began = time.perf_counter()
                answers[name] = await annual.answer(conn, Asked("o", YEAR, form, str(YEAR), before, ("o",)))
                times[name] = time.perf_counter() - began
                say(f"report {name}: {times[name] * 1000:.0f} ms")
            began = time.perf_counter()
            counted = recount(await store.all_rows(conn))
            say(f"recount from all rows: {time.perf_counter() - began:.1f} s")
        again = make_with_previous(form, "o", YEAR, str(YEAR), counted)
        equal = again == answers["now"].report
        say("equal to the recount" if equal else "NOT equal to the recount")
        await pool.close()
        return equal and times["now"] < SECOND
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Measure, and exit with 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2_200_000)
    sys.exit(0 if asyncio.run(measure(parser.parse_args().requests)) else 1)


if __name__ == "__main__":
    main()
