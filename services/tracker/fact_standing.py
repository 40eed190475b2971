"""What became of one fact, by the source and id that name it. Read-only."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from services.access.principal import Principal
from services.events import posted_for
from services.events.facts import RequestFact
from services.runtime.database import Pool
from services.runtime.guard import caller
from services.runtime.offload import Offload
from services.statute.state import RequestState
from services.tracker.core.attention import ineffective
from services.tracker.core.case import Case, name_of
from services.tracker.core.content import content_of
from services.tracker.core.contradictions import ID_CONFLICT
from services.tracker.core.foreign import counted
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import is_request, shown
from services.tracker.core.view import organ_of, worded
from services.tracker.entitled import require_request
from services.tracker.letters import put_aside
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
    """When the log had it; of one that does not stand, when that was noticed."""
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
    """The fact of that name, as far as the caller may know of it: as one who reads its request, or who posted it. None
    where the tracker knows none. Raises what :meth:`Offload.turn` does."""
    principal, name = caller(), (source, id_)
    async with offload.turn():
        rows = await pool.fetch(_SUBJECTS, *name, timeout=READ_SECONDS)
        subjects = list(dict.fromkeys(row["subject"] for row in rows))
        bodies = await pool.fetch(_BODIES, subjects, *name, timeout=READ_SECONDS)
        if not bodies:
            letter = await pool.fetchrow(_LETTER, *name, timeout=READ_SECONDS)
            return None if letter is None else await _if_own(pool, _aside(source, id_, letter), reference_data)
        standings = [
            each
            for row in sorted(bodies, key=lambda row: subjects.index(row["subject"]))
            if (each := await offload.thread(_standing, *name, row["body"], row["strand"], reference_data, principal))
        ]
    if not standings:
        return None
    # What the caller may read comes before what it merely sent.
    first = min(standings, key=lambda each: not each.request)
    return replace(first, also=[each.request for each in standings if each.request and each is not first])


_SUBJECTS = (
    f"SELECT subject, 0 AS place FROM {SCHEMA}.fact_names WHERE (source, id) = ($1, $2) UNION ALL "
    f"(SELECT subject, 1 FROM {SCHEMA}.attention WHERE source = $1 AND fact = $2 AND piece = -1 LIMIT 20) "
    "ORDER BY place"
)
_BODIES = (
    f"SELECT c.subject, c.body, s.body AS strand FROM {SCHEMA}.cases c "
    f"LEFT JOIN {SCHEMA}.strand_names n ON (n.subject, n.source, n.id) = (c.subject, $2, $3) "
    f"LEFT JOIN {SCHEMA}.strands s ON (s.subject, s.number) = (n.subject, n.number) WHERE c.subject = ANY($1)"
)
_LETTER = (
    f'SELECT subject, type, state, reason, code, "values" FROM {SCHEMA}.dead_letter '
    "WHERE source = $1 AND event_id = $2 ORDER BY recorded_at DESC LIMIT 1"
)


async def _if_own(pool: Pool, fact: FactStanding, reference_data: ReferenceData) -> FactStanding:
    await require_request(pool, fact.request, reference_data)
    return fact


def _aside(source: str, id_: str, letter: Any) -> FactStanding:
    replayed = letter["state"] == "replayed"
    why = put_aside("put-aside-because", letter)
    return FactStanding(
        source=source,
        id=id_,
        status="in-the-log" if replayed else "rejected",
        request=letter["subject"] or "",
        type=letter["type"] or "",
        why=[] if replayed else [said(why)],
    )


def _standing(
    source: str,
    id_: str,
    body: bytes,
    strand: bytes | None,
    reference_data: ReferenceData,
    principal: Principal,
) -> FactStanding | None:
    case = decode_case(body)
    case = replace(case, view=worded(case, reference_data))
    if strand is not None and not is_request(case):
        case = shown(case, [decode_strand(strand)], reference_data)
    counting = counted(case.facts, case.subject, reference_data.organs)
    same = [fact for fact in (*counting, *case.facts) if (fact.source, fact.id) == (source, id_)]
    if not may_read(case, reference_data, principal):
        sent = next((fact for fact in same if posted_by(fact, principal)), None)
        return None if sent is None else _sent(sent, sent in counting)
    fact = same[0] if same else None
    stands = fact is not None and any(fact is one for one in counting)
    status, why = standing(case, FactRef(source, id_), without=("foreign-organ",) if stands else ())
    return FactStanding(
        source=source,
        id=id_,
        status=status,
        request=case.subject,
        type=name_of(fact) if fact is not None else "",
        why=[said(each) for each in why],
        contents=contents(case, fact, status) if fact is not None else [],
    )


def _sent(fact: RequestFact, counts: bool) -> FactStanding:
    """What its sender learns of a fact whose request it may not read: that it has no effect, and nothing else."""
    why = [] if counts else [said(remark("foreign-organ", fact, account=fact.postedby or ""))]
    status: Standing = "waiting" if counts else "rejected"
    return FactStanding(source=fact.source, id=fact.id, status=status, type=name_of(fact), why=why)


def may_read(case: Case, reference_data: ReferenceData, principal: Principal) -> bool:
    """Whether a caller may read a case."""
    organ = case.view.organ or organ_of(case) or (case.subject if case.subject in reference_data.organs else "")
    if principal.organs is None or not organ:
        return principal.organs is None
    return principal.reads(organ, reference_data.parents())


def posted_by(fact: RequestFact, principal: Principal) -> bool:
    """Whether a fact was posted for one of the caller's organs."""
    return bool(fact.postedfor and principal.organs and principal.organs & posted_for.organs(fact.postedfor))


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


def standing(case: Case, ref: FactRef, without: Collection[str] = ()) -> tuple[Standing, list[Remark]]:
    """How a fact of a case stands, and why; ``without``: remarks on others of its name, by their codes."""
    view: RequestState = case.view
    aside = ("id-conflict", *without)
    about = [(kind, each) for kind, each in ineffective(view) if each.fact == ref and each.code not in aside]
    if about:
        kinds = {kind for kind, _ in about}
        return ("rejected" if "rejected" in kinds else "without-effect"), [each for _, each in about]
    if view.awaits is not None:
        return "waiting", [view.awaits]
    return "decided", [each for each in view.remarks if each.fact == ref]
