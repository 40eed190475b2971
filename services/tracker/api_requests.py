"""Requests over HTTP: the list with its due dates, one request whole, and its history."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response, get
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter

from services.events.vocabulary import Channel
from services.runtime.problems import FieldProblem, ProblemError, described
from services.tracker import history, listing, queries, request_list
from services.tracker.days import days
from services.tracker.deps import BUSY, JSON, MOST, WRONG, Deps, Injected, bad_cursor, require_organ
from services.tracker.entitled import is_readable, readable, require_request
from services.tracker.listing import Query, Wanted
from services.tracker.queries import Detail
from services.tracker.request_list import Page

StoppedFor = Literal["clarification", "consultation", "fee", "special-step"]
Limit = Annotated[int, QueryParameter(ge=1, le=MOST)]


class Requests(Controller):
    """The list of requests, one request, and its history."""

    path = "/v1/requests"

    @get(
        responses={
            200: ResponseSpec(Page, generate_examples=False, description="A page of requests."),
            400: WRONG,
            503: BUSY,
        },
    )
    async def requests(
        self,
        deps: Injected,
        status: FromQuery[Wanted | None] = None,
        organ: FromQuery[str | None] = None,
        due_from: FromQuery[date | None] = None,
        due_through: FromQuery[date | None] = None,
        channel: FromQuery[Channel | None] = None,
        item: FromQuery[str | None] = None,
        unit: FromQuery[str | None] = None,
        stopped_for: FromQuery[StoppedFor | None] = None,
        order: FromQuery[Literal["soonest", "latest"]] = "soonest",
        number: Annotated[str | None, QueryParameter(min_length=1, max_length=200)] = None,
        limit: Limit = 100,
        cursor: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """Requests, the soonest due first; the status is as of now, in the organ's time zone. ``organ``: those of an
        organ and of all that are under it.

        ``unfinished`` is every status before a request's end. ``unit``: those of which it has a step that is not done;
        empty: the office itself. ``stopped_for``: what the clock stands still for. ``order=latest``: the latest due
        first. ``number``: those whose number begins or ends with it, by number, whatever their status; at most 1,000 of
        each are looked at. A page may hold fewer than ``limit`` where the cases are large, or few of those looked at
        fit; there are more as long as ``next`` is there.
        """
        require_organ(deps, organ)
        query = Query(
            status,
            organ,
            due_from,
            due_through,
            limit,
            cursor,
            organs=readable(deps.reference_data),
            latest_first=order == "latest",
            channel=channel,
            item=item,
            unit=unit,
            stopped_for=stopped_for,
        )
        if number is not None:
            if "\x00" in number:
                wrong = FieldProblem(field="query.number", problem="has NUL in it", expected="a part of a number")
                raise ProblemError(400, "number: has NUL in it; expected a part of a number", errors=[wrong])
            now = deps.clock.now()
            hits = await request_list.numbered(deps.pool, deps.offload, query, number, deps.reference_data, now)
            return Response(msgspec.json.encode(hits), media_type=JSON)
        try:
            page = await request_list.requests(deps.pool, deps.offload, query, deps.reference_data, deps.clock.now())
        except listing.BadCursor:
            raise bad_cursor(cursor or "") from None
        return Response(msgspec.json.encode(page), media_type=JSON)

    # Request ids are the authorities' own and may hold slashes, so the id is a path.
    @get(
        "/{subject:path}",
        responses={
            200: ResponseSpec(Detail, generate_examples=False, description="The request."),
            400: WRONG,
            404: described("No fact of such a request has come."),
            503: BUSY,
        },
    )
    async def request(
        self,
        deps: Injected,
        subject: FromPath[str],
        each_day: FromQuery[bool] = False,
        with_days: FromQuery[bool] = False,
        limit: Limit = MOST,
        cursor: FromQuery[str | None] = None,
        latest: FromQuery[bool] = False,
    ) -> Response[bytes]:
        """One request with its facts, its dates and why they are what they are (``each_day``: day by day;
        ``with_days``: beside that under ``days`` each day of the answer's limit, as for a calendar).

        With ``/history`` behind the id: its case events in order, at most ``limit``; where there are more, the header
        ``Link`` names the next page (``rel="next"``). ``latest``: the last ``limit`` of them. What could not be applied
        is listed under ``dead_letters``. With ``/days`` behind the id: who had it on each working day. With ``/next``:
        the facts that may come next as it stands, each with its article and what the law would say against it today.
        """
        subject = subject.removeprefix("/")
        part = next((end for end in ("/history", *PARTS) if subject.endswith(end)), "")
        name = subject.removesuffix(part)
        has_part = bool(part) and await is_readable(deps.pool, name, deps.reference_data)
        if has_part:
            answer = await (
                self._history(deps, name, limit, cursor, latest) if part == "/history" else PARTS[part](deps, name)
            )
            if answer is not None:
                return answer
        else:
            await require_request(deps.pool, subject, deps.reference_data)
        now, one = deps.clock.now(), None
        # The id itself may end like a part's path, and be of another organ than the request that it seems to be of.
        if not has_part or await is_readable(deps.pool, subject, deps.reference_data):
            one = await queries.request(deps.pool, deps.offload, subject, deps.reference_data, now, each_day, with_days)
        if one is None and has_part and part == "/history":
            undecided = await queries.request(deps.pool, deps.offload, name, deps.reference_data, now)
            if undecided is not None:
                return Response(b"[]", media_type=JSON)
        if one is None:
            raise ProblemError(404, f"no fact about {subject!r} has come")
        return Response(await deps.offload.thread(msgspec.json.encode, one), media_type=JSON)

    @staticmethod
    async def _history(
        deps: Deps, subject: str, limit: int, cursor: str | None, latest: bool
    ) -> Response[bytes] | None:
        """A page of the request's case events; None where there is none and no page was asked for by its cursor."""
        after = sequence_of(cursor)
        lot = await history.history(deps.pool, deps.offload, subject, after, limit, latest=latest)
        if not lot.events and not after:
            return None
        link = {"link": f'<?limit={limit}&cursor={lot.next}>; rel="next"'} if lot.next else {}
        return Response(b"[" + b",".join(lot.events) + b"]", media_type=JSON, headers=link)


async def _days(deps: Deps, subject: str) -> Response[bytes] | None:
    """The ledger of a request's days; None where no fact of it has come."""
    ledger = await days(deps.pool, deps.offload, subject, deps.reference_data, deps.clock.now())
    return None if ledger is None else Response(msgspec.json.encode(ledger), media_type=JSON)


async def _next(deps: Deps, subject: str) -> Response[bytes] | None:
    """What may come next for a request; None where no fact of it has come."""
    found = await queries.following(deps.pool, deps.offload, subject, deps.reference_data, deps.clock.now())
    return None if found is None else Response(msgspec.json.encode(found), media_type=JSON)


PARTS: dict[str, Callable[[Deps, str], Awaitable[Response[bytes] | None]]] = {"/days": _days, "/next": _next}
"""What can stand behind a request's id, beside its history."""


def sequence_of(cursor: str | None) -> int:
    """The number of the event behind which a history continues. Raises :class:`ProblemError`."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise bad_cursor(cursor)
    return int(cursor)
