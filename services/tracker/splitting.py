"""Cases of an earlier release brought into today's form: an organ's own facts out of its one row, into strands.

Every fact stands in the event that carried it, so a subject's history gives what is kept apart as it gives it to a
rebuild, whatever size its row has grown to. It is done in lots of bounded size, each in one transaction, before the
worker begins; what was interrupted goes on where it was. What a process of the earlier release writes after that, as
they are replaced one by one, is split when the next fact of its subject comes, or at the next start or audit.
"""

from collections import defaultdict
from collections.abc import Sequence

import structlog
from msgspec.structs import replace

from services.events.codec import decode_case_event
from services.runtime.database import Conn, Pool
from services.runtime.health import Part
from services.runtime.retry import report_to, retry_in_place
from services.statute.state import RequestState
from services.tracker import store
from services.tracker.core.case import Case
from services.tracker.core.strands import Shelf, apart, is_request
from services.tracker.store import SCHEMA
from services.words.remark import Remark, remark

LOT_SUBJECTS = 500
LOT_EVENTS = 20_000
"""A lot ends with the subject that brings it to so many events."""
PREFETCH = 1000

log = structlog.get_logger(__name__)


async def finish(pool: Pool, part: Part) -> None:
    """Split what is still to be split; waits for a database that is away."""

    async def lot() -> int:
        async with pool.acquire() as conn:
            return await split(conn)

    total = 0
    patiently = retry_in_place(lot, on_retry=report_to(part))
    while done := await patiently():
        total += done
        part.waiting(f"the cases of organs are brought into this release's form, {total} done")
        log.info("cases_split", subjects=total)
    part.ok()


async def split(conn: Conn) -> int:
    """One lot; how many subjects it had, 0 when there is nothing left."""
    async with conn.transaction():
        # Another process that starts at the same time waits here, and then finds these gone.
        rows = await conn.fetch(
            f"SELECT u.subject, coalesce(c.sequence, 0) AS sequence FROM {SCHEMA}.unsplit u "
            f"LEFT JOIN {SCHEMA}.cases c USING (subject) ORDER BY u.subject LIMIT {LOT_SUBJECTS} FOR UPDATE OF u"
        )
        taken, events = [], 0
        for row in rows:
            taken.append(row["subject"])
            events += row["sequence"]
            if events >= LOT_EVENTS:
                break
        await split_subjects(conn, taken)
    return len(taken)


def is_unsplit(case: Case) -> bool:
    """Whether a case is in the form of the earlier release, with facts in it that are kept apart today."""
    return bool(case.facts) and all(apart(fact) for fact in case.facts)


async def split_subjects(conn: Conn, subjects: Sequence[str]) -> None:
    """Bring the cases of these subjects into today's form, in the caller's transaction; they are locked."""
    rows = await conn.fetch(
        f"SELECT subject, partition, state, waiting_for FROM {SCHEMA}.cases WHERE subject = ANY($1::text[]) "
        "ORDER BY subject FOR UPDATE",
        list(subjects),
    )
    shelves: defaultdict[int, Shelf] = defaultdict(Shelf)
    async for row in conn.cursor(
        f"SELECT partition, body FROM {SCHEMA}.events WHERE subject = ANY($1::text[]) ORDER BY subject, sequence",
        list(subjects),
        prefetch=PREFETCH,
    ):
        shelves[row["partition"]].replay(decode_case_event(row["body"]))
    for row in rows:
        await _write(conn, shelves[row["partition"]].case(row["subject"]), row["state"], row["waiting_for"])
    for partition, shelf in shelves.items():
        await store.save_strands(conn, partition, shelf)
    await conn.execute(f"DELETE FROM {SCHEMA}.unsplit WHERE subject = ANY($1::text[])", list(subjects))


async def _write(conn: Conn, case: Case, state: str, waiting_for: str) -> None:
    if not case.apart:
        return  # a request that waits for its organ: nothing of it is kept apart
    if is_request(case):  # and a tally's subject as well
        body = await conn.fetchval(f"SELECT body FROM {SCHEMA}.cases WHERE subject = $1", case.subject)
        view = store.decode_case(body).view
    else:
        awaited = waiting_for if state == "waiting" else ""
        view = RequestState(state=state, waiting_for=awaited, awaits=_awaits(awaited))
    await conn.execute(
        f"UPDATE {SCHEMA}.cases SET body = $2, waiting_for = $3 WHERE subject = $1",
        case.subject,
        store.encode_case(replace(case, view=view)),
        view.waiting_for,
    )


def _awaits(key: str) -> Remark | None:
    """What a subject's own row waits for, by its key; a fact's source and id can't be separated in it for sure."""
    kind, _, rest = key.partition(" ")
    match kind:
        case "request-received":
            return remark(kind)
        case "organ-registered":
            return remark(kind, organ=rest)
        case "fact":
            source, _, id_ = rest.rpartition(" ")
            return remark(kind, source=source, id=id_)
        case _:
            return None
