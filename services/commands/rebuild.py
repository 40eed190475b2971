"""``shixian rebuild`` and ``shixian audit``: the tables folded anew from the log, and compared with those in use."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import asyncpg
from aiokafka import TopicPartition

from services.commands import processes
from services.events.facts import ReferenceFact
from services.runtime import migrations, shadow_schema
from services.runtime.batch import PositionRefused
from services.runtime.bulk import BulkReader
from services.runtime.clock import SystemClock
from services.runtime.database import Conn
from services.runtime.failed import Failed, postgres_failed
from services.runtime.retry import LogUnavailable
from services.runtime.settings import Settings
from services.runtime.table_diff import Share, TableDiff
from services.stats import rebuild as stats
from services.tracker import apart as tracker_apart
from services.tracker import audit as tracker_audit
from services.tracker import rebuild as tracker
from services.tracker import rebuild_compare
from services.tracker.core.refold import Refold, Refs

SERVICES = ("tracker", "stats")

T = TypeVar("T")

Progress = Callable[[int, str], AbstractContextManager[Callable[[int], None]]]
"""Shows that so much of a thing is to be done, and gives what counts it."""


@dataclass
class Result:
    """What became of one service's tables."""

    service: str
    compared: bool = False
    """Whether there were tables to compare with."""
    complete: bool = True
    """Whether the log has all that the tables had decided; if not, the facts must be read again after a swap."""
    swapped: bool = False
    moved: bool = False
    """Whether the tables went on meanwhile, and were left in their place for that."""
    notes: list[str] = field(default_factory=list)
    differences: TableDiff = field(default_factory=TableDiff)
    older: TableDiff = field(default_factory=TableDiff)
    """Cases that today's rules decide otherwise than those of their day did; no fault of the tables."""
    reused: TableDiff = field(default_factory=TableDiff)
    """Names that facts of more than one subject have; no fault of the tables, either."""

    @property
    def equal(self) -> bool:
        return self.differences.total == 0


@dataclass(frozen=True)
class _Connections:
    reader: BulkReader
    live: Conn
    """Holds the snapshot."""
    side: Conn
    """Writes."""


@asynccontextmanager
async def _connected(settings: Settings, schema: str) -> AsyncIterator[_Connections]:
    """Connections, with other rebuilds of the schema kept out. Raises :class:`Failed`."""
    opened: list[Any] = []
    try:
        async with BulkReader(settings.bootstrap) as reader:
            for _ in range(2):
                opened.append(await asyncpg.connect(settings.postgres, timeout=30))
            await shadow_schema.claim(opened[1], schema)
            yield _Connections(reader, *opened)
    except (shadow_schema.InUse, LogUnavailable, PositionRefused, stats.Unfoldable) as error:
        raise Failed(str(error)) from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, migrations.MigrationRefused) as error:
        raise postgres_failed(error) from error
    finally:
        for conn in opened:
            conn.terminate()


async def rebuild(settings: Settings, service: str, progress: Progress, *, swap: bool) -> Result:
    """Fold one service's tables anew and compare; put them in place if equal, or if ``swap`` asks for it.

    Raises :class:`Failed`.
    """
    group = f"{settings.topic_prefix}{service}"
    work, folder, put = _PARTS[service]
    async with _connected(settings, service) as on:
        if swap:
            await shadow_schema.require_idle(settings.bootstrap, group)
        if await shadow_schema.exists(on.side, service):
            await migrations.migrate(on.side, service, folder)  # type: ignore[arg-type]  # either connection serves
        result = Result(service)
        what = await work(settings, on, result, progress, audit=False)
        await on.live.execute("ROLLBACK")
        if (result.equal and not result.older.total) or swap:
            await _put_in_place(settings, on, result, partial(put, what=what), group, asked=swap)
        else:
            result.notes.append(
                f"the new tables are in the schema {shadow_schema.side_of(service)}; --swap puts them in place"
            )
        return result


async def _put_in_place(
    settings: Settings, on: _Connections, result: Result, put: "Put", group: str, *, asked: bool
) -> None:
    try:
        await shadow_schema.require_idle(settings.bootstrap, group, shadow_schema.IDLE_SECONDS if asked else 0)
        async with on.side.transaction():
            await put(on.side, settings, equal=result.equal and result.complete)
    except shadow_schema.Moved as error:
        result.moved = True
        result.notes.append(f"not put in place: {error}, and the new tables lack what came of it; run it again")
        await shadow_schema.drop(on.side, shadow_schema.side_of(result.service))
        return
    except shadow_schema.InUse as error:
        if asked:
            raise
        result.notes.append(f"not put in place: {error}")
        await shadow_schema.drop(on.side, shadow_schema.side_of(result.service))
        return
    result.swapped = True
    if result.compared:
        result.notes.append(f"the tables before are kept in the schema {shadow_schema.old_of(result.service)}")


async def check(settings: Settings, service: str, progress: Progress) -> Result:
    """Compare one service's tables with the log, and recount; nothing is changed. Raises :class:`Failed`."""
    work, _, _ = _PARTS[service]
    async with _connected(settings, service) as on:
        if not await shadow_schema.exists(on.live, service):
            raise Failed(f"audit {service}: its tables are not there; start the service, or run `shixian rebuild`")
        result = Result(service)
        await work(settings, on, result, progress, audit=True)
        await shadow_schema.drop(on.side, shadow_schema.side_of(service))
        return result


async def _tracker(
    settings: Settings, on: _Connections, result: Result, progress: Progress, *, audit: bool
) -> tracker.Plan:
    look = await asyncpg.connect(settings.postgres, timeout=30)
    try:
        what = await tracker.plan(on.reader, on.live, look, settings)
    finally:
        look.terminate()
    result.compared = what.live
    done = await shadow_schema.open_side(on.side, result.service, tracker.MIGRATIONS, what.ends)
    reference = await tracker.read_reference(on.reader, settings)
    differences = result.differences
    if not audit:  # it fails over them by itself
        shadow_schema.beyond_the_log(what.facts, what.fact_ends, differences)
    if audit:
        await tracker_audit.begin_names(on.side)
    else:
        await tracker_audit.end_names(on.side)
    width = processes.how_many(what.records, len(what.ends))
    snapshot = await on.live.fetchval("SELECT pg_export_snapshot()") if width > 1 else ""
    expected = what.records + (sum(what.facts.values()) if audit else 0)
    with progress(expected, "tracker: folding the case topic") as advance:
        if width > 1:
            fixed = (settings, what, reference, snapshot)
            events, facts = await _tracker_apart(fixed, done, width, differences, advance, audit=audit)
            await tracker.settle(on.side)
        else:
            events, facts = await _tracker_here(settings, on, what, reference, done, differences, advance, audit=audit)
    if audit:
        await tracker_audit.check_names(on.side, result.reused)
    result.notes.append(f"{events} case events folded" + (f", {facts} facts looked for" if audit else ""))
    if what.unpublished:
        result.complete = False
        result.notes.append(f"{len(what.unpublished)} subjects left out: the log does not have their last events yet")
    if what.live:
        rows: int = await on.side.fetchval(f"SELECT count(*) FROM {tracker.SIDE}.events")
        with progress(rows, "tracker: comparing") as advance:
            if width > 1:
                shares = [(settings, what, snapshot, Share(n, width)) for n in range(width)]
                await _compare_apart(tracker_apart.compared, shares, result, lambda: advance(rows // width))
            else:
                await rebuild_compare.compare_tables(on.live, on.side, what, differences, result.older, advance)
    if what.live and audit:
        now = SystemClock(settings.now).now()
        if width > 1:
            numbers = sorted(tp.partition for tp in what.ends)
            lots = [(settings, reference, snapshot, now, tuple(numbers[n::width])) for n in range(width)]
            async for _ in _apart(tracker_apart.waking, lots, width, differences):
                pass
        else:
            await tracker_audit.check_waking(on.live, reference, now, differences)
    return what


async def _tracker_here(
    settings: Settings,
    on: _Connections,
    what: tracker.Plan,
    reference: list[tuple[int, ReferenceFact]],
    done: set[TopicPartition],
    differences: TableDiff,
    advance: Callable[[int], None],
    *,
    audit: bool,
) -> tuple[int, int]:
    """All partitions folded by this process, and for an audit their facts looked for; how many events and facts."""
    facts = 0

    async def facts_of(refold: Refold, refs: Refs) -> None:
        nonlocal facts
        tp = TopicPartition(settings.facts_topic, refold.partition)
        await tracker_audit.note_names(on.side, refs)
        facts += await tracker_audit.check_facts(on.reader, what, tp, refs, differences, advance)

    events = await tracker.fold(
        on.reader, on.live, on.side, what, reference, done, differences, advance, facts_of if audit else None
    )
    return events, facts


async def _tracker_apart(
    fixed: tuple[Settings, tracker.Plan, list[tuple[int, ReferenceFact]], str],
    done: set[TopicPartition],
    width: int,
    differences: TableDiff,
    advance: Callable[[int], None],
    *,
    audit: bool,
) -> tuple[int, int]:
    """The same by ``width`` processes; the partitions that are ``done`` only for an audit."""
    what = fixed[1]
    shares = [(*fixed, tp in done, audit, tp) for tp in sorted(what.ends) if audit or tp not in done]
    events = facts = 0
    async for share, (more_events, more_facts) in _apart(tracker_apart.fold, shares, width, differences):
        events, facts = events + more_events, facts + more_facts
        advance(what.beyond[share[-1]] + more_facts)
    return events, facts


async def _stats(
    settings: Settings, on: _Connections, result: Result, progress: Progress, *, audit: bool
) -> stats.Plan:
    what = await stats.plan(on.reader, on.live, settings, result.differences, audit=audit)
    result.compared = what.live or not result.equal
    if what.letters:  # what became of them is no part of how far it was: it begins anew
        await shadow_schema.drop(on.side, shadow_schema.side_of(result.service))
    done = await shadow_schema.open_side(on.side, result.service, stats.MIGRATIONS, what.ends)
    differences = result.differences
    with progress(what.records, "stats: folding the case topic") as advance:
        todo = [tp for tp in sorted(what.ends) if tp not in done]
        if (width := processes.how_many(what.records, len(todo))) > 1:
            events = 0
            shares = [(settings, what, tp) for tp in todo]
            async for share, more in _apart(stats.fold_apart, shares, width, differences):
                events += more
                advance(what.ends[share[-1]])
            await stats.settle(on.side)
        else:
            events = await stats.fold(on.reader, on.side, what, done, differences, advance)
    result.notes.append(f"{events} case events folded")
    if what.live:
        rows: int = await on.side.fetchval(f"SELECT count(*) FROM {stats.SIDE}.cell_change")
        with progress(rows, "stats: comparing") as advance:
            if (width := processes.how_many(what.records, len(what.ends))) > 1:
                snapshot = await on.live.fetchval("SELECT pg_export_snapshot()")
                shares = [(settings, snapshot, Share(n, width)) for n in range(width)]
                await _compare_apart(stats.compare_apart, shares, result, lambda: advance(rows // width))
            else:
                await stats.compare_tables(on.live, on.side, differences, advance)
        if audit:
            counters = await stats.recount_cells(on.live, differences)
            result.notes.append(f"{counters} counters recounted")
    return what


async def _compare_apart(
    work: Callable[..., Coroutine[Any, Any, tuple[TableDiff, TableDiff]]],
    shares: list[tuple[Any, ...]],
    result: Result,
    advance: Callable[[], None],
) -> None:
    """The tables compared by as many processes as there are shares; what they find stands in the order of these."""
    found: dict[int, tuple[TableDiff, TableDiff]] = {}
    async for place, one in processes.each(work, shares, len(shares)):
        found[place] = one
        advance()
    for _, (older, problems) in sorted(found.items()):
        result.older.take(older)
        result.differences.take(problems)


async def _apart(
    work: Callable[..., Coroutine[Any, Any, tuple[T, TableDiff]]],
    shares: list[tuple[Any, ...]],
    width: int,
    differences: TableDiff,
) -> AsyncIterator[tuple[tuple[Any, ...], T]]:
    """What ``work`` gives of each of the ``shares``, done by ``width`` processes, as they come."""
    async for place, (value, problems) in processes.each(work, shares, width):
        differences.take(problems)
        yield shares[place], value


Put = Callable[..., Awaitable[None]]
_PARTS: dict[str, tuple[Callable[..., Awaitable[Any]], Traversable, Put]] = {
    "tracker": (_tracker, tracker.MIGRATIONS, tracker.put_in_place),
    "stats": (_stats, stats.MIGRATIONS, stats.put_in_place),
}
