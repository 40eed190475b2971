"""What is open inside the offices over HTTP: the steps that units have, and the duties of organs."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Controller, Response, get
from litestar.openapi import ResponseSpec
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct

from services.runtime.problems import FieldProblem, ProblemError
from services.tracker import office_store
from services.tracker.deps import BUSY, JSON, MOST, WRONG, Deps, Injected, bad_cursor, require_organ
from services.tracker.entitled import readable
from services.tracker.listing import BadCursor
from services.tracker.office_store import Asked, OfficeKind, OpenDuty, OpenStep

Limit = Annotated[int, QueryParameter(ge=1, le=MOST)]


class Assignments(Struct, frozen=True, kw_only=True):
    """A page of open steps; ``next`` is the cursor of the page after it, if there is one."""

    as_of: datetime
    assignments: list[OpenStep]
    next: str | None = None


class Duties(Struct, frozen=True, kw_only=True):
    """A page of open duties; ``next`` is the cursor of the page after it, if there is one."""

    as_of: datetime
    duties: list[OpenDuty]
    next: str | None = None


class Office(Controller):
    """Steps and duties that are not done."""

    @get(
        "/v1/assignments",
        responses={200: ResponseSpec(Assignments, generate_examples=False), 400: WRONG, 503: BUSY},
    )
    async def assignments(
        self,
        deps: Injected,
        organ: FromQuery[str | None] = None,
        unit: FromQuery[str | None] = None,
        limit: Limit = 100,
        cursor: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """The steps of requests that are not done, the soonest due first, each with who has it (``unit``; none: the
        office), since when and until when. ``organ``: of an organ and all under it; ``unit``: those that a unit has."""
        if unit is not None and unit not in deps.reference_data.units:
            wrong = FieldProblem(
                field="query.unit", problem=f"is {unit[:60]!r}", expected="the code of a registered unit"
            )
            raise ProblemError(400, f"unit: no unit {unit[:60]!r} is registered", errors=[wrong])
        open_, following = await _page(deps, "step", organ, unit, limit, cursor)
        steps = [each for each in open_ if isinstance(each, OpenStep)]
        return _json(Assignments(as_of=deps.clock.now(), assignments=steps, next=following))

    @get("/v1/duties", responses={200: ResponseSpec(Duties, generate_examples=False), 400: WRONG, 503: BUSY})
    async def duties(
        self,
        deps: Injected,
        organ: FromQuery[str | None] = None,
        limit: Limit = 100,
        cursor: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """The duties that are not done (publication, annual report, replies in reviews), the soonest due first."""
        open_, following = await _page(deps, "duty", organ, None, limit, cursor)
        duties = [each for each in open_ if isinstance(each, OpenDuty)]
        return _json(Duties(as_of=deps.clock.now(), duties=duties, next=following))


async def _page(
    deps: Deps, kind: OfficeKind, organ: str | None, unit: str | None, limit: int, cursor: str | None
) -> tuple[list[OpenStep | OpenDuty], str | None]:
    require_organ(deps, organ)
    reference_data = deps.reference_data
    organs = office_store.organs_asked(organ, readable(reference_data), reference_data.parents())
    try:
        async with deps.offload.turn():
            return await office_store.page(deps.pool, Asked(kind, organs, unit, limit, cursor))
    except BadCursor:
        raise bad_cursor(cursor or "") from None


def _json(content: Struct) -> Response[bytes]:
    return Response(msgspec.json.encode(content), media_type=JSON)
