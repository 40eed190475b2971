"""The board over HTTP: what needs doing, counted, and what an office has registered to narrow a list with."""

import msgspec
from litestar import Controller, Response, get
from litestar.openapi import ResponseSpec
from litestar.params import FromQuery

from services.runtime.problems import RETRY_AFTER, ProblemError
from services.tracker import board
from services.tracker.board import Counts, Office
from services.tracker.deps import BUSY, JSON, WRONG, Deps, Injected, require_organ
from services.tracker.entitled import readable
from services.tracker.listing import Today


class Board(Controller):
    """Counts, units and items."""

    @get(
        "/v1/counts",
        responses={
            200: ResponseSpec(Counts, generate_examples=False, description="The counts."),
            400: WRONG,
            503: BUSY,
        },
    )
    async def counts(
        self, deps: Injected, organ: FromQuery[str | None] = None, by_organ: FromQuery[bool] = False
    ) -> Response[bytes]:
        """How many requests need what, of an organ and all that are under it (left out: of all that the caller may
        read). They come from what the metrics are made of, a few seconds old; the list is as of now. ``by_organ``: what
        needs a person by organ as well."""
        require_organ(deps, organ)
        snapshot = deps.snapshot() if deps.snapshot is not None else None
        if snapshot is None:
            raise ProblemError(
                503, "the requests are being counted", kind="not-ready", headers={"Retry-After": RETRY_AFTER}
            )
        today, now = Today(deps.reference_data, deps.clock.now()), deps.clock.now()
        counts = board.counts(snapshot, today, _organs(deps, organ, today), now, organ, by_organ=by_organ)
        return Response(msgspec.json.encode(counts), media_type=JSON)

    @get(
        "/v1/office",
        responses={
            200: ResponseSpec(Office, generate_examples=False, description="Units and items."),
            400: WRONG,
            503: BUSY,
        },
    )
    async def office(self, deps: Injected, organ: FromQuery[str | None] = None) -> Response[bytes]:
        """The registered units and service items of an organ and all that are under it."""
        require_organ(deps, organ)
        today = Today(deps.reference_data, deps.clock.now())
        async with deps.offload.turn():
            office = await deps.offload.thread(board.office, deps.reference_data, _organs(deps, organ, today))
        return Response(msgspec.json.encode(office), media_type=JSON)


def _organs(deps: Deps, organ: str | None, today: Today) -> frozenset[str] | None:
    """The organs that are asked about, of those that the caller may read; None: all."""
    own = readable(deps.reference_data)
    if organ is None:
        return own
    under = frozenset(today.under(organ))
    return under if own is None else under & own
