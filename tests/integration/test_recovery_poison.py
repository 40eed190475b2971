"""Records that take for ever, or end the process: set aside with the reason, and the rest is applied in order."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from services.events.codec import decode_case_event, decode_fact, encode
from services.local.process import tie_to_parent
from services.runtime import applying, attempts, bounded, progress
from services.runtime.clock import ManualClock
from services.stats import worker as stats_worker
from services.stats.fold import Fold
from services.tracker.core import apply, decide
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import Shelf
from services.tracker.worker import POSTPONED
from tests import forking
from tests.integration.poison_process import RECORDS
from tests.integration.test_recovery_batches import batch, letters, position, requests, tracker_of
from tests.memory_log import Log
from tests.stats_events import recorded, summary
from tests.support import ORGAN, fact, received

SLOW = "took longer than 0.1 s of processor time to decide"


@pytest.fixture(autouse=True, scope="module")
def _warm() -> None:
    """The laws and the calendar read: whoever decides first does it, and it takes longer than what is allowed here."""
    world = ReferenceData([fact("organ-registered", "gz-psb", ORGAN)])
    one: Any = decode_fact(msgspec.json.encode(received("r", "2013-03-01")))
    decided: Any = apply.run([one], Shelf(), world, datetime(2013, 6, 3, 2, tzinfo=UTC))
    assert decided.events


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "SPAN_SECONDS", 0.1)


@pytest.fixture
async def beats() -> AsyncIterator[list[int]]:
    """Grows as long as the loop turns."""
    counted = [0]

    async def beat() -> None:
        while True:
            counted[0] += 1
            await asyncio.sleep(0.01)

    task = asyncio.create_task(beat())
    yield counted
    task.cancel()


def endless(whole: Any, place: int, *subjects: str) -> Any:
    """``whole``, but for these subjects it computes for ever, and swallows what it can."""

    def computes(*given: Any) -> Any:
        while given[place].subject in subjects:
            try:
                sum(range(1000))
            except Exception:  # noqa: BLE001 - the point of it: ordinary handlers must not keep it alive
                continue
        return whole(*given)

    return computes


async def test_a_fact_that_is_never_decided_is_set_aside_while_the_loop_goes_on(
    pool: Any,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    beats: list[int],
) -> None:
    steps: list[int] = []
    bounded.alive.set(lambda: steps.append(1))
    monkeypatch.setattr(apply, "decide", endless(decide.decide, 1, "r0", "r7"))
    await tracker_of(pool, log).handle(batch(requests(9)))
    assert [(x[2], x[4]) for x in await letters(pool)] == [(0, SLOW), (7, SLOW)]
    assert await position(pool) == 9
    order = list(dict.fromkeys(decode_case_event(value).subject for _, value in log.sent))
    assert order == [f"r{n}" for n in range(9) if n not in (0, 7)]
    # Five times it ran into the limit: all together, and each of the two twice alone. Meanwhile the loop turned.
    assert beats[0] > 9 and len(steps) > 9, "and the watchdog was told that it goes on"


async def test_an_event_that_is_never_folded_is_set_aside(
    pool: Any,
    monkeypatch: pytest.MonkeyPatch,
    beats: list[int],
) -> None:
    monkeypatch.setattr(Fold, "apply", endless(Fold.apply, 1, "r2"))
    events = [encode(recorded(f"r{n}", 1, summary())) for n in range(5)]
    folder = stats_worker.Folder(pool, stats_worker.metrics(CollectorRegistry()))
    await folder.handle(batch(events, topic="shixian.cases"))
    assert [(x[2], x[4]) for x in await letters(pool, "stats")] == [(2, SLOW)]
    assert await position(pool, "stats") == 5 and beats[0] > 10
    assert await pool.fetchval("SELECT sum(count) FROM stats.cell WHERE kind = 'received'") == 4


async def test_a_case_that_the_clock_never_gets_past_is_postponed_and_the_others_get_their_dates(
    pool: Any,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = ManualClock(datetime(2013, 3, 4, 2, tzinfo=UTC))
    tracker = tracker_of(pool, log, clock)
    await tracker.handle(batch(requests(4)))
    monkeypatch.setattr(apply, "tick", endless(decide.tick, 0, "r1"))
    clock.set(datetime(2013, 4, 1, 2, tzinfo=UTC))
    while await tracker.sweep(0):
        pass
    overdue = {decode_case_event(v).subject for _, v in log.sent if b"request-overdue" in v}
    assert overdue == {"r0", "r2", "r3"}
    late = await pool.fetchval("SELECT wake_at FROM tracker.cases WHERE subject = 'r1'")
    assert late == clock.now() + POSTPONED and late - clock.now() >= timedelta(minutes=1)


async def test_what_waits_for_the_work_can_be_cancelled_and_the_work_ends_too() -> None:
    going: list[int] = []

    def work() -> None:
        while True:
            going.append(1)

    waiting = asyncio.create_task(bounded.run(work, 60))
    while not going:  # noqa: ASYNC110 - it comes from another thread
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    thread = next(t for t in threading.enumerate() if t.name == "computing")
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()


async def test_a_machine_that_is_frozen_makes_no_work_slow() -> None:
    """Stopped for longer than its budget, in the midst of work."""
    code = (
        "import asyncio, sys, time\n"
        "from services.runtime import bounded\n"
        "def work():\n"
        "    print('begun', flush=True)\n"
        "    until = time.thread_time() + 0.3\n"
        "    while time.thread_time() < until: pass\n"
        "    return 'done'\n"
        "print(asyncio.run(bounded.run(work, 1.0)), flush=True)\n"
    )
    process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, preexec_fn=tie_to_parent(signal.SIGKILL)
    )
    assert process.stdout is not None and await asyncio.to_thread(process.stdout.readline) == "begun\n"
    os.kill(process.pid, signal.SIGSTOP)
    await asyncio.sleep(1.5)
    os.kill(process.pid, signal.SIGCONT)
    assert (await asyncio.to_thread(process.communicate))[0] == "done\n"


@pytest.mark.parametrize(("schema", "deadly"), [("tracker", [3, 8]), ("stats", [3])])
async def test_records_that_end_the_process_are_found_by_the_starts_after_it(
    pool: Any,
    postgres: str,
    schema: str,
    deadly: list[int],
) -> None:
    names = ",".join(f"r{n}" for n in deadly)

    async def start() -> int:
        arguments = ["poison_process", postgres, schema, names]
        done = await asyncio.to_thread(forking.run, "tests.integration.poison_process:main", arguments, {}, 60)
        return done.returncode

    ended = [await start() for _ in range(attempts.TOGETHER + attempts.ALONE)]
    assert ended == [9] * len(ended) and await letters(pool, schema) == [], "none is given up before it was alone"
    assert await position(pool, schema) == 3, "what stands before it is applied"
    while await start() == 9:
        ended.append(9)
        assert len(ended) < 10
    found = [(x[2], x[4]) for x in await letters(pool, schema)]
    reason = f"ended the process {attempts.ALONE} times when it was tried alone"
    assert found == [(n, reason) for n in deadly]
    assert await position(pool, schema) == RECORDS
    (notes,) = await pool.fetch(f"SELECT attempts, alone FROM {schema}.progress")
    assert tuple(notes) == (0, 0)


async def _notes(pool: Any) -> tuple[int, int]:
    row = await pool.fetchrow("SELECT attempts, alone FROM tracker.progress")
    return row["attempts"], row["alone"]


@pytest.mark.parametrize("ends_in_order", [False, True])
async def test_what_is_away_while_a_record_is_tried_makes_no_dead_letter_of_it(pool: Any, ends_in_order: bool) -> None:
    """The same call is repeated in one process that lives: that is one try, and none once it ends in order."""
    one, away = batch(requests(2)), True

    async def handle(each: Any) -> None:
        if away:
            raise ConnectionResetError("the database is away")
        await applying.apply_batch(pool, "tracker", each, [], [], _no_effect)

    for _ in range(attempts.TOGETHER):
        await progress.attempt(pool, "tracker", one.topic, one.partition)  # by processes that were killed
    for start in range(1, 4):
        process = attempts.Attempts(pool, "tracker")
        for _ in range(4):
            with pytest.raises(ConnectionResetError):
                await process.through(one, handle)
            assert await _notes(pool) == (attempts.TOGETHER + 1, 1)
        if not ends_in_order:
            break
        await process.forget()
        assert await _notes(pool) == (attempts.TOGETHER, 0), start
    away = False
    await process.through(one, handle)
    assert await letters(pool) == [] and await position(pool) == 2
    await process.forget()
    assert await _notes(pool) == (0, 0)


async def test_an_orderly_end_takes_back_nothing_of_a_partition_that_another_has_taken_further(pool: Any) -> None:
    one = batch(requests(2))

    async def away(_: Any) -> None:
        raise ConnectionResetError("the database is away")

    process = attempts.Attempts(pool, "tracker")
    with pytest.raises(ConnectionResetError):
        await process.through(one, away)
    await applying.apply_batch(pool, "tracker", one, [], [], _no_effect)
    await progress.attempt(pool, "tracker", one.topic, one.partition)
    await process.forget()
    assert await _notes(pool) == (1, 0)


async def _no_effect(_conn: Any, _items: Any, _records: Any) -> None:
    """Nothing but the position moves."""


async def test_only_the_first_batch_of_a_process_is_noted(
    pool: Any,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noted: list[int] = []
    whole = progress.attempt

    async def attempt(*given: Any) -> int:
        noted.append(given[3])
        found: int = await whole(*given)
        return found

    monkeypatch.setattr(progress, "attempt", attempt)
    tracker = tracker_of(pool, log)
    for first in range(0, 9, 3):
        await tracker.handle(batch(requests(3), first=first))
    assert noted == [0]
