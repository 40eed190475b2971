"""The preview over HTTP: what would be due for a case that is given whole."""

from email.message import Message
from functools import partial
from typing import Any

import msgspec
from litestar import Controller, Request, Response, post
from litestar.openapi import ResponseSpec

from services.events import posted_for
from services.events.codec import decode_fact
from services.events.facts import RequestFact, RequestReceived
from services.events.refusals import Refused
from services.events.twice import refuse_twice
from services.runtime.guard import caller
from services.runtime.problems import FieldProblem, ProblemError, described, field_problem
from services.tracker.core import preview
from services.tracker.core.case import Case
from services.tracker.core.preview_shape import Previewed
from services.tracker.core.proposal import Proposal, proposal
from services.tracker.deps import BUSY, JSON, Deps, Injected
from services.tracker.entitled import is_readable
from services.tracker.listing import READ_SECONDS
from services.tracker.store import SCHEMA, decode_case

PREVIEW_BYTES = 256 * 1024
"""Of the one case that a preview is about; the facts that a case may have fit in several times."""


class Preview(Controller):
    """One case assessed without being stored."""

    @post(
        "/v1/preview",
        status_code=200,
        request_max_body_size=PREVIEW_BYTES,
        responses={
            200: ResponseSpec(
                Previewed | Proposal,  # type: ignore[arg-type]  # Litestar takes a union as well
                generate_examples=False,
                description="What would be due; for a fact, what it would do.",
            ),
            413: described("The case is larger than any case can be."),
            415: described("The content type is not application/json."),
            422: described("The case is not what it should be; `errors` names the field."),
            503: BUSY,
        },
    )
    async def preview_due(self, request: Request[Any, Any, Any], deps: Injected) -> Response[bytes]:
        """What would be due: one case given whole, as `shixian due --jsonl` takes it; nothing is stored.

        With `{"fact": ...}` instead, a fact as intake takes it: what it would do to its request as that stands now, and
        what the law says against it.
        """
        require_json(request.headers.get("content-type", ""))
        body = await request.body()
        if (fact := _proposed(body)) is not None:
            return await self._proposal(fact, deps)
        try:
            async with deps.offload.turn():
                calendars = deps.reference_data.calendar_as_of
                answer = await deps.offload.thread(partial(preview.answer, body, published=calendars))
        except Refused as refused:
            raise _refusal(refused) from None
        return Response(answer, media_type=JSON)

    @staticmethod
    async def _proposal(raw: msgspec.Raw, deps: Deps) -> Response[bytes]:
        try:
            fact = decode_fact(raw)
            refuse_twice(bytes(raw))
        except Refused as refused:
            raise _refusal(refused, "$.fact") from None
        if not isinstance(fact, RequestFact):
            wrong = FieldProblem(
                field="$.fact.type", problem="is a fact about no request", expected="one about a request"
            )
            raise ProblemError(422, "$.fact.type: expected a fact about a request", kind="case-refused", errors=[wrong])
        organs = caller().organs
        if organs is not None:  # it is judged as one that the caller posts
            fact = msgspec.structs.replace(fact, postedfor=posted_for.written(organs), postedby=caller().account)
        async with deps.offload.turn():
            row = await deps.pool.fetchrow(
                f"SELECT organ, body FROM {SCHEMA}.cases WHERE subject = $1", fact.subject, timeout=READ_SECONDS
            )
            known = row is not None and await is_readable(deps.pool, fact.subject, deps.reference_data)
            # A number that waits for its receipt is whoever's receipt comes.
            if row is not None and row["organ"] and not known and isinstance(fact, RequestReceived):
                wrong = FieldProblem(
                    field="$.fact.subject",
                    problem="is taken",
                    expected="a number not used before",
                    zh="编号已用于其他机关的请求；请用未用过的编号",
                )
                detail = f"$.fact.subject: {fact.subject!r} is the number of another organ's request"
                raise ProblemError(422, detail, kind="case-refused", errors=[wrong])

            def made() -> bytes:
                # Another organ's request is as one that is not there: nothing of it may be told.
                case = decode_case(row["body"]) if row is not None and known else Case(subject=fact.subject)
                return msgspec.json.encode(proposal(case, fact, deps.reference_data, deps.clock.now()))

            return Response(await deps.offload.thread(made), media_type=JSON)


class _Body(msgspec.Struct):
    fact: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def _proposed(body: bytes) -> msgspec.Raw | None:
    """The fact of a body that has one; None for anything else, which is then read as a case."""
    try:
        fact = msgspec.json.decode(body, type=_Body).fact
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return None if isinstance(fact, msgspec.UnsetType) else fact


def _refusal(refused: Refused, at: str = "$") -> ProblemError:
    return ProblemError(422, str(refused), kind="case-refused", errors=[field_problem(refused.error, at)])


def require_json(content_type: str) -> None:
    """Raises :class:`ProblemError` (415) for a body that is not said to be JSON in UTF-8."""
    message = Message()
    message["content-type"] = content_type
    charset = str(message.get_param("charset", "utf-8")).lower()
    if content_type and message.get_content_type() == JSON and charset in ("utf-8", "utf8"):
        return
    given = content_type[:100] or "missing"
    wrong = FieldProblem(field="header.content-type", problem=f"is {given}", expected=f"{JSON}, in UTF-8")
    raise ProblemError(
        415,
        f"the content type is {given}; expected {JSON}, in UTF-8 (curl: -H 'content-type: {JSON}')",
        kind="content-type",
        errors=[wrong],
        headers={"Accept-Post": JSON},
    )
