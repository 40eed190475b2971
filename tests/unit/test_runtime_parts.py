"""The small parts of the runtime: health, clock, retrying in place, the stall's arithmetic, position checks."""

import asyncio
import errno
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from aiokafka import TopicPartition

from services.runtime.batch import LogHole, LogTooShort, check_position
from services.runtime.clock import ManualClock, SystemClock
from services.runtime.failed import reason_of
from services.runtime.health import Health
from services.runtime.retry import Interrupted, LogUnavailable, is_transient, report_to, retry_in_place
from services.runtime.watchdog import Stall, stacks

TP = TopicPartition("facts", 3)


def test_a_service_is_ready_when_all_its_parts_are() -> None:
    health = Health()
    assert health.ready() == (True, {})
    database, kafka = health.part("postgres"), health.part("kafka")
    assert health.part("postgres") is database
    ready, told = health.ready()
    assert not ready
    assert told["kafka"]["state"] == "waiting"
    database.ok()
    kafka.ok()
    assert health.ready()[0]
    kafka.away("connection refused")
    ready, told = health.ready()
    assert not ready
    assert (told["kafka"]["state"], told["kafka"]["reason"]) == ("away", "connection refused")
    assert (told["postgres"]["state"], told["postgres"]["reason"]) == ("ok", "")
    kafka.ok()
    health.stopping = True
    assert not health.ready()[0]


def test_since_is_when_the_state_began_not_when_it_was_last_told() -> None:
    part = Health().part("kafka")
    part.away("one reason")
    part.since = began = datetime(2013, 1, 1, tzinfo=UTC)
    part.away("another reason")
    assert (part.since, part.reason) == (began, "another reason")
    part.ok()
    assert part.since > began


def test_the_clock_runs_on_from_the_instant_set() -> None:
    start = datetime(2013, 12, 31, 15, 59, 59, tzinfo=UTC)
    clock = SystemClock(start)
    first = clock.now()
    assert start <= first < start + timedelta(seconds=5)
    assert clock.now() >= first
    assert first.utcoffset() == timedelta(0)


def test_without_a_setting_the_clock_is_real() -> None:
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_today_is_the_zone_s_date() -> None:
    clock = ManualClock(datetime(2013, 12, 31, 15, 59, 59, tzinfo=UTC))
    assert (clock.today("Asia/Shanghai"), clock.today("UTC")) == (date(2013, 12, 31), date(2013, 12, 31))
    clock.advance(timedelta(seconds=1))
    assert (clock.today("Asia/Shanghai"), clock.today("UTC")) == (date(2014, 1, 1), date(2013, 12, 31))
    with pytest.raises(ValueError, match="time zone"):
        clock.set(datetime(2013, 1, 1))  # noqa: DTZ001 - what is refused


def postgres_error(sqlstate: str) -> asyncpg.PostgresError:
    return asyncpg.PostgresError.new({"C": sqlstate, "M": "as the server says"})


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        TimeoutError(),
        FileNotFoundError(errno.ENOENT, "no socket"),
        *[postgres_error(state) for state in ("08006", "40001", "40P01", "57P01", "57P03", "53300")],
        asyncpg.InterfaceError("connection is closed"),
        LogUnavailable("away"),
        asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
        asyncpg.InterfaceError("cannot perform operation: another operation is cancelling"),
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
    ],
    ids=repr,
)
def test_outages_are_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("wrong"),
        *[postgres_error(state) for state in ("23505", "22001", "42P01", "28P01")],
        asyncpg.InterfaceError("the server expects 2 arguments for this query, 1 was passed"),
        asyncpg.InternalClientError("unexpected message"),
        asyncio.CancelledError(),
        LogHole(TP, 1, 2, "gone"),
    ],
    ids=repr,
)
def test_what_repeating_cannot_help_is_not_transient(error: BaseException) -> None:
    assert not is_transient(error)


def test_a_reason_is_one_line() -> None:
    assert reason_of(ValueError("two\nlines")) == "ValueError: two lines"
    assert reason_of(TimeoutError()) == "TimeoutError"


async def test_a_call_is_repeated_until_it_succeeds_and_health_says_why() -> None:
    part = Health().part("worker")
    part.ok()
    told: list[str] = []
    attempts = 0

    async def call(n: int) -> int:
        nonlocal attempts
        told.append(part.reason)
        attempts += 1
        if attempts < 4:
            raise ConnectionRefusedError(f"attempt {attempts}")
        return n * 2

    assert await retry_in_place(call, on_retry=report_to(part), first_seconds=0.001)(21) == 42
    reasons = [f"ConnectionRefusedError: attempt {n}" for n in (1, 2, 3)]
    assert told == ["", *reasons]
    assert part.is_ok


async def test_what_is_not_transient_is_raised_at_once() -> None:
    calls: list[int] = []

    async def call() -> None:
        calls.append(1)
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await retry_in_place(call)()
    assert len(calls) == 1


async def test_the_pause_grows_to_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def pause(stop: asyncio.Event, seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 12

    monkeypatch.setattr("services.runtime.retry._stopped", pause)

    async def call() -> None:
        raise TimeoutError

    with pytest.raises(Interrupted):
        await retry_in_place(call)()
    for n, seconds in enumerate(pauses):
        full = min(10.0, 0.1 * 2**n)
        assert full / 2 <= seconds <= full


async def test_a_stop_ends_the_pause() -> None:
    stopping = asyncio.Event()

    async def call() -> None:
        raise TimeoutError

    repeated = asyncio.create_task(retry_in_place(call, stopping=stopping, first_seconds=60)())
    await asyncio.sleep(0.01)
    stopping.set()
    with pytest.raises(Interrupted) as ended:
        await asyncio.wait_for(repeated, 5)
    assert isinstance(ended.value.__cause__, TimeoutError)


def test_a_position_inside_the_log_is_accepted() -> None:
    for position in (50, 51, 100):
        check_position(TP, position, 50, 100)


def test_a_position_outside_the_log_is_refused() -> None:
    with pytest.raises(LogHole, match="facts partition 3: expected offset 49, found 50"):
        check_position(TP, 49, 50, 100)
    with pytest.raises(LogTooShort, match="facts partition 3: expected offset 101, found 100"):
        check_position(TP, 101, 50, 100)


def test_a_stall_counts_only_while_there_is_work_and_no_reason_to_wait() -> None:
    stall = Stall(0.0)
    assert stall.seconds(500.0, lag=0, waiting=False, progressed_at=0.0) == 0  # nothing to do
    assert stall.seconds(560.0, lag=5, waiting=False, progressed_at=0.0) == 60
    assert stall.seconds(570.0, lag=5, waiting=False, progressed_at=565.0) == 5  # a batch was finished
    assert stall.seconds(900.0, lag=5, waiting=True, progressed_at=565.0) == 0  # the database is away
    assert stall.seconds(1000.0, lag=5, waiting=False, progressed_at=565.0) == 100


async def test_the_stacks_show_where_a_task_waits() -> None:
    async def innermost_wait() -> None:
        await asyncio.sleep(60)

    async def outer() -> None:
        await innermost_wait()

    task = asyncio.create_task(outer(), name="the-task")
    await asyncio.sleep(0)
    text = stacks(asyncio.get_running_loop())
    task.cancel()
    assert "Task the-task:" in text
    assert text.index("in outer") < text.index("in innermost_wait")
