"""What a batch or a sweep leads to, into the tables: a few rows in one statement, many in bulk.

Most batches of a quiet day have one fact or two. What they cost is the number of times that the process and the
database wait for each other, so cases, items, names and events of such a batch go in together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.runtime.database import Conn
from services.tracker import attention_store, office_store, store, trail_store
from services.tracker.attention_store import Piece
from services.tracker.core import apply
from services.tracker.core.apply import Outcome
from services.tracker.core.case import Case
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.rows import Change, Row
from services.tracker.store import CASE_COLUMNS, EVENT_COLUMNS, SCHEMA, Appended

FEW = 100
"""The most rows of a kind that are written in one statement; of more, COPY takes less than half the time."""

_N = len(CASE_COLUMNS)
_AT_ONCE = (
    f"WITH saved AS ({store.UPSERT_CASES}), "
    f"cleared AS (DELETE FROM {SCHEMA}.attention a USING unnest(${_N + 1}::text[], ${_N + 2}::bigint[]) "
    "AS w(subject, piece) WHERE (a.subject, a.piece) = (w.subject, w.piece)), "
    # In one order, so that two partitions with the same names can't wait for each other.
    f"named AS (INSERT INTO {SCHEMA}.fact_names SELECT * FROM unnest(${_N + 3}::text[], ${_N + 4}::text[], "
    f"${_N + 5}::text[], ${_N + 6}::int[]) AS w(source, id, subject, partition) ORDER BY source, id "
    "ON CONFLICT DO NOTHING RETURNING 1), "
    f"added AS (INSERT INTO {SCHEMA}.events ({', '.join(EVENT_COLUMNS)}) "
    f"SELECT ${_N + 7}, w.subject, w.sequence, w.name, w.body FROM unnest(${_N + 8}::text[], ${_N + 9}::bigint[], "
    f"${_N + 10}::text[], ${_N + 11}::bytea[]) WITH ORDINALITY AS w(subject, sequence, name, body, place) "
    "ORDER BY w.place RETURNING number) "
    # What it says of before is as of its beginning: a statement does not see what it writes itself.
    f"SELECT coalesce((SELECT max(number) FROM {SCHEMA}.events WHERE partition = ${_N + 7}), 0) AS last, "
    f"coalesce((SELECT through FROM {SCHEMA}.published WHERE partition = ${_N + 7}), 0) AS through, "
    "(SELECT max(number) FROM added) AS added, (SELECT count(*) FROM named) AS named"
)


@dataclass(frozen=True, slots=True)
class Rows:
    """What is to be written of an outcome, in the tables' forms."""

    cases: Sequence[Row]
    events: Sequence[Row]
    pieces: Mapping[Piece, Case | None]
    """What of the cases changed; its items are written anew."""
    items: Sequence[Row]
    names: Sequence[Row]
    """Of the facts that the events carry, in the one order in which names are written."""


def rows(partition: int, outcome: Outcome, reference_data: ReferenceData, now: datetime, settle: timedelta) -> Rows:
    """The rows of an outcome. Pure. Raises :class:`~services.runtime.applying.Unfit` for an event too large."""
    pieces = attention_store.pieces(outcome.cases.values(), outcome.shelf)
    return Rows(
        [
            store.case_row(
                Change(case, partition, apply.wake_at(case, outcome.looks[subject], reference_data, now, settle)), now
            )
            for subject, case in outcome.cases.items()
        ],
        [store.event_row(partition, event) for event in outcome.events],
        pieces,
        attention_store.rows(partition, pieces),
        sorted(attention_store.name_rows(partition, outcome.events)),
    )


async def write(conn: Conn, partition: int, outcome: Outcome, made: Rows, now: datetime) -> Appended | None:
    """Write what an outcome leads to, under the lock of its partition's progress row; what was appended to the history,
    if anything."""
    if max(len(made.cases), len(made.events), len(made.pieces)) > FEW:
        await store.save_cases(conn, made.cases)
        await attention_store.clear(conn, made.pieces)
        fresh = await attention_store.put_names(conn, made.names)
        appended = await store.append_events(conn, partition, made.events)
    elif made.cases:
        appended, fresh = await at_once(conn, partition, made)
    else:
        appended, fresh = None, True
    if not fresh:
        await attention_store.report_reused(conn, made.names, outcome.events, now)
    await attention_store.put(conn, made.items)
    await attention_store.put_right(conn, outcome.events)
    cases = [(partition, case) for case in outcome.cases.values()]
    await trail_store.save(conn, cases)
    await office_store.save(conn, cases)
    await store.save_strands(conn, partition, outcome.shelf)
    return appended


async def at_once(conn: Conn, partition: int, made: Rows) -> tuple[Appended | None, bool]:
    """Everything but items in one statement; what was appended, and whether no name stood for anything before."""
    found = await conn.fetchrow(
        _AT_ONCE,
        *_columns(made.cases, _N),
        [subject for subject, _ in made.pieces],
        [piece for _, piece in made.pieces],
        *_columns(made.names, 4),
        partition,
        *_columns(made.events, len(EVENT_COLUMNS))[1:],
    )
    assert found is not None
    appended = Appended(found["through"], found["last"], found["added"], made.events) if made.events else None
    return appended, found["named"] == len(made.names)


def _columns(rows: Sequence[Row], count: int) -> list[Sequence[object]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(count)]
