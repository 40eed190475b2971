"""What needs a person, and what became of one fact, over HTTP."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Controller, Response, get
from litestar.openapi import ResponseSpec
from litestar.params import FromQuery, QueryParameter

from services.events import posted_for
from services.runtime.guard import caller
from services.runtime.problems import FieldProblem, ProblemError, described
from services.tracker import attending, fact_standing
from services.tracker.attending import Asked, Attention
from services.tracker.core.attention import Kind
from services.tracker.deps import BUSY, JSON, MOST, WRONG, Deps, Injected, bad_cursor, require_organ
from services.tracker.entitled import readable, require_request
from services.tracker.fact_standing import FactStanding
from services.tracker.listing import BadCursor
from services.tracker.unread import Ahead

Limit = Annotated[int, QueryParameter(ge=1, le=MOST)]


class Attending(Controller):
    """The list of what needs a person, and one fact by its name."""

    @get(
        "/v1/attention",
        responses={
            200: ResponseSpec(Attention, generate_examples=False, description="A page of what needs a person."),
            400: WRONG,
            503: BUSY,
        },
    )
    async def attention(
        self,
        deps: Injected,
        source: FromQuery[str | None] = None,
        organ: FromQuery[str | None] = None,
        kind: FromQuery[Kind | None] = None,
        since: FromQuery[datetime | None] = None,
        limit: Limit = 100,
        cursor: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """Everything that needs a person, the longest waiting first.

        ``rejected``: a fact, or a record, that can't be applied; ``contradicting``: a fact without effect since it
        contradicts another, or one source and id with two contents; ``without-effect``: a fact that moved nothing;
        ``waiting``: a case that lacks something (its organ, its request, the fact that a correction is about);
        ``unconfirmed``: a receipt not confirmed for a week; ``open-stop``: a clock that stands still with no limit to
        end that; ``expected``: a request that another organ transferred to this one, until a receipt of this one's
        ``follows`` it; ``doubtful``: a fact that counts, but can't be right together with others by its dates.
        ``organ``: of that organ; left out: of all that the caller may read. ``since``: what has needed a person since
        that instant or later. What is put right goes.
        """
        own = readable(deps.reference_data) if organ is None else None
        wrong_ones = deps.learning.rejected(MOST) if kind in (None, "rejected") and since is None else []
        mine = [
            one
            for one in wrong_ones
            if source in (None, one.source) and organ in (None, one.subject) and (own is None or one.subject in own)
        ][:limit]
        # What waits for an organ's registration, or could not be registered, is of an organ that is not.
        if not mine and not await attending.any_of(deps.pool, organ):
            require_organ(deps, organ)
        if since is not None and since.tzinfo is None:
            wrong = FieldProblem(field="query.since", problem=f"is {since}", expected="an instant with a time zone")
            raise ProblemError(400, "since: expected an instant with a time zone", errors=[wrong])
        asked = Asked(
            deps.facts_topic,
            deps.clock.now(),
            source,
            organ,
            kind,
            since,
            limit,
            cursor,
            None if own is None else sorted(own),
        )
        wanted = [one._asdict() for one in mine]
        try:
            page = await attending.page(deps.pool, deps.offload, asked, wanted, deps.reference_data.organs)
        except BadCursor:
            raise bad_cursor(cursor or "") from None
        return Response(msgspec.json.encode(page), media_type=JSON)

    @get(
        "/v1/facts",
        responses={
            200: ResponseSpec(FactStanding, generate_examples=False, description="The fact as it stands."),
            400: WRONG,
            404: described("The tracker knows no such fact; the detail says whether it may not have read it yet."),
            503: BUSY,
        },
    )
    async def fact(
        self, deps: Injected, source: FromQuery[str], id_: Annotated[str, QueryParameter(name="id")]
    ) -> Response[bytes]:
        """What became of a fact, by its ``source`` and ``id``: ``decided``, ``waiting`` (for what), ``rejected`` or
        ``without-effect`` (why, in Chinese and English), or ``in-the-log``: the log has it, and the tracker has still
        to read it (or to read it again, where it was put aside once).

        Where the name came with more than one content, ``contents`` has each: the first with its data, and that it
        stands; of the others when they came, and why they have no effect.
        """
        standing = await fact_standing.of(deps.pool, deps.offload, source, id_, deps.reference_data)
        if standing is None:
            standing = await _unread(deps, source, id_)
        return Response(msgspec.json.encode(standing), media_type=JSON)


async def _unread(deps: Deps, source: str, id_: str) -> FactStanding:
    """The fact as one that the log has and nobody has read, or that was read just now. Raises :class:`ProblemError`
    where it is neither."""
    ahead = Ahead()
    if deps.unread is not None:
        async with deps.offload.turn():
            ahead = await deps.unread.look(source, id_)
    if ahead.found is not None:
        waiting = ahead.found
        if not (organs := caller().organs) or not organs & posted_for.organs(waiting.posted_for or ""):
            await require_request(deps.pool, waiting.subject, deps.reference_data)
        return FactStanding(source=source, id=id_, status="in-the-log", request=waiting.subject, type=waiting.type)
    # It may have been read while the log was looked at.
    if (standing := await fact_standing.of(deps.pool, deps.offload, source, id_, deps.reference_data)) is not None:
        return standing
    if ahead.all_looked_at:
        raise ProblemError(404, "no fact of this source and id is known, nor does the log have one that is unread")
    raise ProblemError(
        404, "no fact of this source and id is known; what the log has unread could not all be looked at, ask again"
    )
