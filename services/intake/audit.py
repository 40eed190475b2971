"""The audit trail over HTTP: what the desk adds to it, and what auditors read of it. Intake is its door to the log."""

from typing import Annotated, Any

import msgspec
from aiokafka.errors import KafkaError
from litestar import Request, Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from services.access.audit import Chain, Entry, Record
from services.runtime import trail as trails
from services.runtime.failed import reason_of
from services.runtime.problems import RETRY_AFTER, ProblemError, described
from services.runtime.settings import Settings
from services.runtime.trail import Trail

MOST = 1000
OF_DESK = frozenset({"login", "login-refused", "locked-out", "logout", "call"})
"""What the desk alone sees, and so reports; ``call``: one that it refused."""


class TrailPage(Struct, frozen=True, kw_only=True):
    """A page of the trail, in the order of the topic, the latest last."""

    records: list[Record]
    wrong: list[str]
    """Where the chain of these records is broken; none where it holds."""
    earlier: int | None = None
    """The offset to ask with ``before`` for those before it; none where these are the first."""


def handlers(settings: Settings, trail: Trail) -> list[ControllerRouterHandler]:
    """The routes."""

    @post("/v1/audit-records", status_code=202, include_in_schema=False)
    async def added(
        request: Request[Any, Any, Any], status: Annotated[int, QueryParameter(ge=0, le=599)] = 0
    ) -> Response[bytes]:
        """Add what happened at the desk; the desk alone may."""
        try:
            entry = msgspec.json.decode(await request.body(), type=Entry)
        except msgspec.MsgspecError as error:
            raise ProblemError(422, f"expected an entry of the audit trail: {error}") from None
        if entry.action not in OF_DESK:
            raise ProblemError(422, f"action: expected one of {', '.join(sorted(OF_DESK))}, got {entry.action[:40]!r}")
        trail.require_room()
        trail.add(entry, status)
        return Response(b"{}", media_type="application/json", status_code=202)

    @get(
        "/v1/audit-trail",
        responses={
            200: ResponseSpec(TrailPage, generate_examples=False, description="The records."),
            400: described("A parameter is not what it should be."),
            503: described("The log can't be reached."),
        },
    )
    async def read(
        limit: Annotated[int, QueryParameter(ge=1, le=MOST)] = 100,
        before: Annotated[int | None, QueryParameter(ge=0)] = None,
    ) -> Response[bytes]:
        """The latest records of the audit trail: who did what, when, from where, with what result. ``before``: those
        before that offset, as a page gave it as ``earlier``."""
        if not trail.is_kept:
            return Response(msgspec.json.encode(TrailPage(records=[], wrong=[])), media_type="application/json")
        try:
            records, earlier = await trails.page(settings, limit, before)
        except (KafkaError, OSError) as error:
            detail = f"the log can't be reached ({reason_of(error)})"
            raise ProblemError(503, detail, kind="log-away", headers={"Retry-After": RETRY_AFTER}) from error
        chain = Chain(is_whole=earlier is None and before is None)
        wrong = [found for one in records if (found := chain.look(one))]
        return Response(
            msgspec.json.encode(TrailPage(records=records, wrong=wrong, earlier=earlier)), media_type="application/json"
        )

    return [added, read]
