"""A rehearsal over the open cases: read by an index in lots, decided beside the loop, and one at a time.

By the rules in force, and with one notice more, a thread of the callers' pool decides. Other data files need a process
of their own (:mod:`services.tracker.rehearse_child`), since a process has one set of them in force.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from services.events.codec import encode
from services.events.facts import CalendarPublished, ReferenceFact
from services.runtime.clock import Clock
from services.runtime.database import Pool
from services.runtime.offload import Offload
from services.runtime.problems import ProblemError
from services.statute import rules
from services.tracker import proposed_rules
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.rehearsal import Rehearsal, Standing, Tally, standing
from services.tracker.listing import READ_SECONDS
from services.tracker.looking_over import PENDING
from services.tracker.proposed_rules import Proposed
from services.tracker.rehearse_child import Begun, Known, Start
from services.tracker.store import SCHEMA, decode_case
from services.words.catalogue import said

LOT = 200
"""Cases read, and decided, between two turns."""
LINE = 64 * 1024
"""Bytes of a line of the child's at most; a standing takes a few hundred."""
BEGIN_SECONDS = 60.0
LOT_SECONDS = 60.0
"""How long the child may take to begin, and for a lot; a healthy one takes a second, and a tenth of one."""

OPEN = f"{PENDING} AND (state <> 'waiting' OR waiting_for <> '') AND ($1::text[] IS NULL OR organ = ANY($1::text[]))"
COUNT = f"SELECT count(*) FROM {SCHEMA}.cases WHERE {OPEN}"
NEXT = (
    f"SELECT partition, organ, subject, body FROM {SCHEMA}.cases WHERE {OPEN} AND "
    "(partition, organ, subject) > ($2::int, $3::text, $4::text) ORDER BY partition, organ, subject LIMIT $5::bigint"
)
"""The next open cases, in the order of the index ``cases_movable``."""

Decide = Callable[[Sequence[bytes]], Awaitable[Sequence[Standing]]]


class Step(Struct, frozen=True):
    """How far a rehearsal has come."""

    looked_at: int
    of: int


class Rehearsing:
    """What a process needs to rehearse; one rehearsal runs at a time."""

    def __init__(
        self,
        pool: Pool,
        offload: Offload,
        clock: Clock,
        reference_data: ReferenceData,
        facts: Callable[[], Sequence[tuple[ReferenceFact, int]]],
    ) -> None:
        self._pool, self._offload, self._clock = pool, offload, clock
        self._reference_data, self._facts = reference_data, facts
        self._running = asyncio.Lock()

    async def notice(self, fact: CalendarPublished, limit: int) -> AsyncIterator[Step | Rehearsal]:
        """What a calendar's notice would move; the last item is the result. Raises :class:`ProblemError`."""
        async with self._alone():
            known, now = self._reference_data.as_known(), self._clock.now()
            findings = await self._offload.thread(known.examined, fact.data)
            supposed = known.supposing(fact)
            organs = [code for code, organ in known.organs.items() if organ.calendar == fact.data.calendar]
            tally = Tally(limit)
            async for step in self._over(tally, organs, self._deciding(known, now), self._deciding(supposed, now)):
                yield step
            remarks = [said(each) for each in findings.remarks]
            yield tally.result("notice", findings.digest, now, remarks, needs_confirming=findings.needs_confirming)

    async def rules(self, proposed: Proposed, limit: int) -> AsyncIterator[Step | Rehearsal]:
        """What other data files would move, as :meth:`notice`."""
        async with self._alone():
            with proposed_rules.written(proposed, rules.current().folder) as folder:
                async for step in self._by_files(folder, limit):
                    yield step

    async def _by_files(self, folder: str, limit: int) -> AsyncIterator[Step | Rehearsal]:
        known, now = self._reference_data.as_known(), self._clock.now()
        facts = [each for each in self._facts() if each[1] < known.known]
        async with _child(folder, facts, now) as (digest, decide):
            tally = Tally(limit)
            async for step in self._over(tally, None, self._deciding(known, now), decide):
                yield step
            yield tally.result("rules", digest, now)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        if self._running.locked():
            detail = "another rehearsal is under way; there is one at a time"
            raise ProblemError(503, detail, kind="busy", headers={"Retry-After": "10"})
        async with self._running:
            yield

    def _deciding(self, reference_data: ReferenceData, now: datetime) -> Decide:
        def all_of(bodies: Sequence[bytes]) -> list[Standing]:
            return [standing(decode_case(body), reference_data, now) for body in bodies]

        async def decide(bodies: Sequence[bytes]) -> Sequence[Standing]:
            return await self._offload.thread(all_of, bodies)

        return decide

    async def _over(self, tally: Tally, organs: list[str] | None, before: Decide, after: Decide) -> AsyncIterator[Step]:
        """All open cases (of ``organs``) into ``tally``; between two lots no turn is held, and no connection."""
        total = await self._pool.fetchval(COUNT, organs, timeout=READ_SECONDS)
        place: tuple[int, str, str] = (-1, "", "")
        while True:
            async with self._offload.turn():
                rows: Sequence[Any] = await self._pool.fetch(NEXT, organs, *place, LOT, timeout=READ_SECONDS)
                bodies = [row["body"] for row in rows]
                tally.add(await before(bodies), await after(bodies))
            yield Step(tally.looked_at, max(total, tally.looked_at))
            if len(rows) < LOT:
                return
            place = rows[-1]["partition"], rows[-1]["organ"], rows[-1]["subject"]


@asynccontextmanager
async def _child(
    folder: str, facts: Sequence[tuple[ReferenceFact, int]], now: datetime
) -> AsyncIterator[tuple[str, Decide]]:
    """The digest of the files in ``folder``, and what decides by them. Raises :class:`ProblemError` for bad files."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.tracker.rehearse_child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        limit=LINE,
    )
    assert process.stdin is not None and process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    async def send(lines: Sequence[bytes]) -> None:
        stdin.writelines(line + b"\n" for line in lines)
        await stdin.drain()

    async def line() -> bytes:
        if not (read := await stdout.readline()):
            raise RuntimeError("the process that rehearses other data files ended before it had answered")
        return read

    async def heard(many: int) -> list[Standing]:
        return [msgspec.json.decode(await line(), type=Standing) for _ in range(many)]

    async def decide(bodies: Sequence[bytes]) -> Sequence[Standing]:
        async with asyncio.timeout(LOT_SECONDS):
            _, standings = await asyncio.gather(send([*bodies, b""]), heard(len(bodies)))
        return standings

    try:
        known = [msgspec.json.encode(Known(offset, msgspec.Raw(encode(fact)))) for fact, offset in facts]
        async with asyncio.timeout(BEGIN_SECONDS):
            await send([msgspec.json.encode(Start(folder, now, len(known))), *known])
            begun = msgspec.json.decode(await line(), type=Begun)
        if begun.error:
            raise proposed_rules.refused(begun.error)
        yield begun.digest, decide
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
