"""Rebuilding and auditing in several processes: what each of them does, over connections of its own.

Partitions may be folded side by side: what is written of each is its own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from aiokafka import TopicPartition

from services.events.facts import ReferenceFact
from services.runtime import shadow_schema
from services.runtime.bulk import BulkReader
from services.runtime.database import Conn
from services.runtime.settings import Settings
from services.runtime.table_diff import Share, TableDiff
from services.tracker.audit import check_facts, check_waking, note_names
from services.tracker.core.refold import Refs
from services.tracker.rebuild import Plan, fold_one, learned
from services.tracker.rebuild_compare import compare_tables


@asynccontextmanager
async def _apart(settings: Settings, snapshot: str) -> AsyncIterator[tuple[BulkReader, Conn, Conn]]:
    """A reader, and the connections of :func:`~services.runtime.shadow_schema.beside`."""
    async with BulkReader(settings.bootstrap) as reader, shadow_schema.beside(settings, snapshot) as (live, conn):
        yield reader, live, conn


async def fold(
    settings: Settings,
    what: Plan,
    reference: list[tuple[int, ReferenceFact]],
    snapshot: str,
    again: bool,
    audit: bool,
    tp: TopicPartition,
) -> tuple[tuple[int, int], TableDiff]:
    """Fold a partition, and for an audit look for its facts; how many events and facts there are, and what was wrong.

    ``again``: the side schema has it, and forgets it first.
    """
    problems = TableDiff()
    async with _apart(settings, snapshot) as (reader, live, conn):
        refold = await fold_one(reader, live, conn, what, reference, learned(reference), tp, problems, again=again)
        if not audit:
            return (refold.events, 0), problems
        refs = Refs(refold)
        await note_names(conn, refs)
        facts = TopicPartition(settings.facts_topic, tp.partition)
        return (refold.events, await check_facts(reader, what, facts, refs, problems, lambda _count: None)), problems


async def waking(
    settings: Settings,
    reference: list[tuple[int, ReferenceFact]],
    snapshot: str,
    now: datetime,
    partitions: tuple[int, ...],
) -> tuple[int, TableDiff]:
    """Look over the cases of some partitions, whether any is asleep; how many there are, and what was wrong."""
    problems = TableDiff()
    async with _apart(settings, snapshot) as (_, live, _):
        return await check_waking(live, reference, now, problems, partitions), problems


async def compared(settings: Settings, what: Plan, snapshot: str, share: Share) -> tuple[TableDiff, TableDiff]:
    """Compare a share of the tables; what differs for the age of its rules alone, and what was wrong."""
    problems, older = TableDiff(), TableDiff()
    async with shadow_schema.beside(settings, snapshot) as (live, conn):
        await compare_tables(live, conn, what, problems, older, lambda _count: None, share)
    return older, problems
