"""What became of one fact, by the source and id that name it. Read-only."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from services.events.facts import RequestFact
from services.runtime.database import Pool
from services.runtime.offload import Offload
from services.statute.state import RequestState
from services.tracker.core.attention import told_of
from services.tracker.core.case import Case, name_of, worded
from services.tracker.core.contradictions import ID_CONFLICT
from services.tracker.core.decide import content_of
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import is_request, shown
from services.tracker.store import SCHEMA, decode_case, decode_strand
from services.words.catalogue import Said, said
from services.words.remark import FactRef, Remark, remark

READ_SECONDS = 10.0
Standing = Literal["in-the-log", "decided", "waiting", "rejected", "without-effect"]
"""``in-the-log``: not read yet, or put aside and written again, and not decided since; ``decided``: it has its effect;
``waiting``: for what ``why`` says; ``rejected``: it can't be applied; ``without-effect``: kept, and moves nothing."""


class Content(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of the contents that came under one source and id."""

    status: Standing
    content: str
    """A digest of what it says."""
    recorded_at: datetime | None = None
    """When the log had it; of one that does not stand, when that was found."""
    data: Any = None
    """What it says; of one that does not stand only the digest is kept."""
    why: list[Said] = []


class FactStanding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact as it stands; ``why`` says what it waits for, or why it has no effect."""

    source: str
    id: str
    status: Standing
    request: str = ""
    """The request, or the organ's code for what it posted under that."""
    type: str = ""
    why: list[Said] = []
    also: list[str] = []
    """Other subjects that have a fact of the same source and id."""
    contents: list[Content] = []
    """Where the name came with more than one content: each of them, the one that stands first."""


async def of(pool: Pool, offload: Offload, source: str, id_: str, reference_data: ReferenceData) -> FactStanding | None:
    """The fact of that name; None where the tracker knows none. Raises what :meth:`Offload.turn` does."""
    async with offload.turn():
        subject = await pool.fetchval(
            f"SELECT subject FROM {SCHEMA}.fact_names WHERE (source, id) = ($1, $2)",
            source,
            id_,
            timeout=READ_SECONDS,
        )
        others = await pool.fetch(
            f"SELECT subject FROM {SCHEMA}.attention WHERE source = $1 AND fact = $2 AND piece = -1 LIMIT 20",
            source,
            id_,
            timeout=READ_SECONDS,
        )
        if subject is None:
            letter = await pool.fetchrow(
                f"SELECT subject, type, state, reason FROM {SCHEMA}.dead_letter WHERE source = $1 AND event_id = $2 "
                "ORDER BY recorded_at DESC LIMIT 1",
                source,
                id_,
                timeout=READ_SECONDS,
            )
            return None if letter is None else _aside(source, id_, letter)
        body = await pool.fetchval(f"SELECT body FROM {SCHEMA}.cases WHERE subject = $1", subject, timeout=READ_SECONDS)
        strand = await pool.fetchval(
            f"SELECT s.body FROM {SCHEMA}.strands s JOIN {SCHEMA}.strand_names n USING (subject, number) "
            "WHERE (n.subject, n.source, n.id) = ($1, $2, $3)",
            subject,
            source,
            id_,
            timeout=READ_SECONDS,
        )
        return await offload.thread(_standing, source, id_, body, strand, reference_data, [r[0] for r in others])


def _aside(source: str, id_: str, letter: Any) -> FactStanding:
    replayed = letter["state"] == "replayed"
    why = remark("put-aside-because", reason=letter["reason"][:500])
    return FactStanding(
        source=source,
        id=id_,
        status="in-the-log" if replayed else "rejected",
        request=letter["subject"] or "",
        type=letter["type"] or "",
        why=[] if replayed else [said(why)],
    )


def _standing(
    source: str, id_: str, body: bytes, strand: bytes | None, reference_data: ReferenceData, others: list[str]
) -> FactStanding:
    case = decode_case(body)
    case = replace(case, view=worded(case, reference_data))
    if strand is not None and not is_request(case):
        case = shown(case, [decode_strand(strand)], reference_data)
    status, why = standing(case, FactRef(source, id_))
    fact = next((fact for fact in case.facts if (fact.source, fact.id) == (source, id_)), None)
    return FactStanding(
        source=source,
        id=id_,
        status=status,
        request=case.subject,
        type=name_of(fact) if fact is not None else "",
        why=[said(each) for each in why],
        also=[other for other in others if other != case.subject],
        contents=contents(case, fact, status) if fact is not None else [],
    )


def contents(case: Case, fact: RequestFact, status: Standing) -> list[Content]:
    """What came under a fact's name, where that is more than one thing."""
    others = [conflict for conflict in case.conflicts if conflict.ref == fact.ref]
    if not others:
        return []
    stands = Content(
        status=status, content=content_of(fact), recorded_at=fact.recordedtime, data=msgspec.to_builtins(fact.data)
    )
    why = [said(remark(ID_CONFLICT, fact))]
    return [
        stands,
        *(Content(status="without-effect", content=c.content, recorded_at=c.at, why=why) for c in others),
    ]


def standing(case: Case, ref: FactRef) -> tuple[Standing, list[Remark]]:
    """How a fact of a case stands, and why."""
    view: RequestState = case.view
    about = [(kind, found) for kind, found in told_of(view) if found.fact == ref and found.code != "id-conflict"]
    if about:
        kinds = {kind for kind, _ in about}
        return ("rejected" if "rejected" in kinds else "without-effect"), [found for _, found in about]
    if view.awaits is not None:
        return "waiting", [view.awaits]
    return "decided", [found for found in view.remarks if found.fact == ref]
