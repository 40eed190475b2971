"""Batches into a service's tables: every record once, in order, and no single record able to stop those behind it.

The service says what its items do (``effect``); the transaction around it, the lock, the position and the dead letters
are here. Three kinds of failure are kept apart:

- transient (a database that is away, a deadlock): raised, and repeated by the caller in place;
- permanent for a record (the data don't fit the tables, or the service's own logic fails over it, or takes too long):
  the batch is cut up again and again, each part in a transaction of its own and in order, until the one record is
  alone. Tried once more and failing again, it becomes a dead letter in the transaction that passes over it;
- anything else (a missing table, a hole in the log): raised, and ends the process. Passing over records could not help.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import asyncpg
import structlog

from services.events.refusals import Reason, RefusalCode, Refused
from services.runtime import bounded, dead_letters, progress, tracing
from services.runtime.batch import Batch, LogHole
from services.runtime.database import Conn, Pool
from services.runtime.dead_letters import DeadLetter
from services.runtime.failed import reason_of

T = TypeVar("T")
R = TypeVar("R")

Item = tuple[int, T]
"""What was read from a record, with the record's offset."""
Effect = Callable[[Conn, list[T], Sequence[Any]], Awaitable[R]]
"""Writes what the items lead to, in the caller's transaction; gets the records of the span, too."""

# Data exceptions (too long, out of range, no such encoding), broken constraints, limits of the program (index rows).
_PERMANENT_CLASSES = ("22", "23", "54")

FEW, FEW_BYTES = 8, 8192
"""What is read on the loop itself."""
SLOW_PARTS = 16
"""Into how many parts what took too long is cut: each that is still too long costs the whole time limit again."""

log = structlog.get_logger(__name__)


class Unfit(Exception):
    """A record that can't be applied, however often it is tried; ``reason`` says why."""

    def __init__(self, text: str, code: RefusalCode = "unfit", **values: str | int) -> None:
        super().__init__(text)
        self.reason = Reason(code, text, values)


@contextmanager
def blame() -> Iterator[None]:
    """Around pure code: whatever it raises is the fault of what it was given. Raises :class:`Unfit`.

    But for what the machine is short of: no memory, or no file that may be opened any more. No record is to blame.
    """
    try:
        yield
    except (Unfit, MemoryError, OSError):
        raise
    except Exception as error:
        raise _unfit(error) from error


def _unfit(error: Exception) -> Unfit:
    match error:
        case Refused():
            reason = error.reason
            return Unfit(reason.text, reason.code, **reason.values)
        case bounded.TookTooLong():
            return Unfit(str(error), "too-slow", seconds=f"{error.seconds:g}")
        case _:
            return Unfit(reason_of(error))


async def computed(work: Callable[[], T]) -> T:
    """What pure ``work`` returns, done beside the loop. Raises :class:`Unfit` if it fails, or takes too long; and
    ``OSError`` where there is no thread to do it."""

    def blamed() -> T:
        with blame():
            return work()

    try:
        return await bounded.run(blamed)
    except bounded.TookTooLong as error:
        raise _unfit(error) from error


def is_permanent(error: BaseException) -> bool:
    """Whether the data, and not the circumstances, are why a statement or a decision failed."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] in _PERMANENT_CLASSES
    if isinstance(error, asyncpg.InterfaceError):
        return isinstance(error, ValueError)  # asyncpg can't send the value: out of range, of another type
    return isinstance(error, Unfit | UnicodeError | OverflowError)


def decoded(records: Iterable[Any], read: Callable[[bytes | None, bytes], T]) -> tuple[list[Item[T]], list[DeadLetter]]:
    """What ``read`` makes of each record's key and value, with its offset; and the records that it fails over."""
    items: list[Item[T]] = []
    letters: list[DeadLetter] = []
    for record in records:
        try:
            items.append((record.offset, read(record.key, record.value or b"")))
        except (MemoryError, OSError):
            raise
        except Exception as error:
            # Whatever else reading raises is the record's fault: it is kept whole as a dead letter, and logged here if
            # the reader did not refuse it itself.
            if not isinstance(error, Refused):
                log.error(
                    "record_unreadable",
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    exc_info=error,
                    **tracing.identity(record),
                )
            letters.append(dead_letters.of(record, _unfit(error).reason))
    return items, letters


async def read(
    records: Sequence[Any], decode: Callable[[bytes | None, bytes], T]
) -> tuple[list[Item[T]], list[DeadLetter]]:
    """The same beside the loop, but for so little that a thread would take longer than reading it: a full batch takes
    some tens of milliseconds. It has no budget, since decoding is linear in bytes that the consumer's fetch bounds."""
    if len(records) <= FEW and sum(len(record.value or b"") for record in records) <= FEW_BYTES:
        return decoded(records, decode)
    return await bounded.run(lambda: decoded(records, decode), math.inf)


def why(error: Exception) -> Reason:
    """The reason that is kept with a dead letter, or logged for a case that was not swept."""
    return error.reason if isinstance(error, Unfit) else Reason("unfit", reason_of(error))


@dataclass
class Applied(Generic[R]):
    """What became of a batch."""

    fresh: int = 0
    """Items that had not been applied before."""
    letters: list[DeadLetter] = field(default_factory=list)
    results: list[R] = field(default_factory=list)
    """What the effect returned, once for each transaction."""


async def apply_batch(
    pool: Pool,
    schema: str,
    batch: Batch,
    items: Sequence[Item[T]],
    letters: Sequence[DeadLetter],
    effect: Effect[T, R],
) -> Applied[R]:
    """Apply ``items`` of ``batch``, record ``letters``, and advance the position of ``schema`` past all of it.

    Records that lie below the stored position are left out. Raises :class:`LogHole`, and whatever is not permanent.
    """
    done: Applied[R] = Applied()
    todo = [(0, len(batch.records))]
    tried: set[int] = set()
    while todo:
        low, high = todo.pop()
        first, beyond = batch.records[low].offset, _offset_at(batch, high)
        inside = [item for item in items if first <= item[0] < beyond]
        unreadable = [letter for letter in letters if first <= letter.offset < beyond]
        try:
            await _once(pool, schema, batch, (low, high), inside, unreadable, effect, done)
        except Exception as error:
            if not inside or not is_permanent(error):
                raise
            if high - low > 1:
                parts = SLOW_PARTS if isinstance(error.__cause__, bounded.TookTooLong) else 2
                step = -(-(high - low) // parts)
                todo += [(edge, min(edge + step, high)) for edge in range(low, high, step)][::-1]
            elif first not in tried:
                tried.add(first)  # another worker's row may have been in the way; it isn't the second time
                todo.append((low, high))
            else:
                letter = dead_letters.of(batch.records[low], why(error))
                log.error(
                    "record_unfit",
                    topic=batch.topic,
                    partition=batch.partition,
                    offset=first,
                    exc_info=error,
                    **tracing.identity(batch.records[low]),
                )
                await _once(pool, schema, batch, (low, high), [], [letter], effect, done)
    if done.letters:
        first_letter = done.letters[0]
        record = next(r for r in batch.records if r.offset == first_letter.offset)
        log.warning(
            "dead_letters",
            topic=batch.topic,
            partition=batch.partition,
            count=len(done.letters),
            first_offset=first_letter.offset,
            first_reason=first_letter.reason.text,
            first_code=first_letter.reason.code,
            **tracing.identity(record),
        )
    return done


async def pass_over(pool: Pool, schema: str, batch: Batch, letter: DeadLetter) -> None:
    """Record ``letter`` for the one record of ``batch`` and advance past it; nothing reads or decides it."""

    async def nothing(_conn: Conn, _items: list[Any], _records: Sequence[Any]) -> None:
        pass

    done: Applied[None] = Applied()
    await _once(pool, schema, batch, (0, len(batch.records)), [], [letter], nothing, done)


def _offset_at(batch: Batch, index: int) -> int:
    return batch.records[index].offset if index < len(batch.records) else batch.next_offset


async def _once(
    pool: Pool,
    schema: str,
    batch: Batch,
    span: tuple[int, int],
    items: Sequence[Item[T]],
    letters: Sequence[DeadLetter],
    effect: Effect[T, R],
    done: Applied[R],
) -> None:
    """One span in one transaction."""
    low, high = span
    start = batch.start if low == 0 else batch.records[low].offset
    async with pool.acquire() as conn, conn.transaction():
        position = await progress.lock(conn, schema, batch.topic, batch.partition)
        if start > position:
            raise LogHole(batch.tp, position, start, "records before this batch were never applied")
        fresh = [item for offset, item in items if offset >= position]
        kept = [letter for letter in letters if letter.offset >= position]
        result = await effect(conn, fresh, batch.records[low:high])
        await dead_letters.record(conn, schema, kept)
        await progress.advance(conn, schema, batch.topic, batch.partition, max(position, _offset_at(batch, high)))
    bounded.alive.get()()  # the position has moved
    done.fresh += len(fresh)
    done.letters += kept
    done.results.append(result)
