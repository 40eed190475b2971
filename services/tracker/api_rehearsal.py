"""``POST /v1/rehearsal``: which open requests a notice or other data files would move, before they come into force."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Controller, Request, Response, Router, post
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import Parameter, SkipValidation
from litestar.response import Stream
from msgspec import Raw, Struct, structs

from services.events.codec import decode_fact
from services.events.facts import CalendarPublished
from services.events.refusals import FieldError, Refused, explain
from services.events.twice import refuse_twice
from services.runtime.problems import ProblemError, described, field_problem
from services.tracker import proposed_rules
from services.tracker.api_preview import require_json
from services.tracker.core.reference_data import check
from services.tracker.core.rehearsal import MOST, Rehearsal
from services.tracker.deps import JSON
from services.tracker.proposed_rules import Proposed
from services.tracker.rehearsing import Rehearsing, Step

MAX_BYTES = 8 * 1024 * 1024
"""Of what is proposed; all files that ship take a fortieth of it."""
NAMED = 10_000
LINES = "application/x-ndjson"
_ONE = "either `fact` (a calendar-published event) or `rules` (`files` by name, `whole`)"


class Asked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What would come into force: a notice, or data files."""

    fact: Raw = Raw()
    rules: Proposed | None = None


class Expected(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same, with types that a refusal can name."""

    fact: dict[str, Any] | None = None
    rules: Proposed | None = None


def read(body: bytes) -> CalendarPublished | Proposed:
    """What is proposed. Raises :class:`Refused`, and :class:`ProblemError` for a file's name."""
    try:
        asked = msgspec.json.decode(body, type=Asked)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        refusal = explain(error, body, {}, Expected)
        if refusal.field.startswith("$.rules.files["):
            refusal = FieldError(refusal.field, refusal.problem, "the file's text", refusal.code)
        raise Refused(refusal) from None
    if bool(bytes(asked.fact)) == (asked.rules is not None):
        raise Refused(FieldError("$", "names both or neither", _ONE, "fact-or-rules"))
    if asked.rules is not None:
        proposed_rules.check(asked.rules)
        return asked.rules
    try:
        fact = decode_fact(asked.fact)
        refuse_twice(bytes(asked.fact))
        wrong = check(fact)
    except Refused as refused:
        wrong = refused.error
    if wrong is not None:
        raise Refused(structs.replace(wrong, field=wrong.field.replace("$", "$.fact", 1)))
    if not isinstance(fact, CalendarPublished):
        raise Refused(
            FieldError("$.fact.type", "is no calendar's notice", "org.shixian.calendar-published.v1", "not-a-notice")
        )
    return fact


Injected: TypeAlias = NamedDependency[SkipValidation[Rehearsing]]
"""``rehearsing`` as the handler takes it; our own object, so there is nothing to validate."""


def router(rehearsing: Rehearsing) -> Router:
    """The route, with what it asks."""
    return Router(
        "/",
        route_handlers=[Rehearsals],
        dependencies={"rehearsing": Provide(lambda: rehearsing, sync_to_thread=False)},
    )


class Rehearsals(Controller):
    """What a change of rules would move."""

    @post(
        "/v1/rehearsal",
        status_code=200,
        request_max_body_size=MAX_BYTES,
        responses={
            200: ResponseSpec(Rehearsal, generate_examples=False, description="What would move."),
            413: described("The files are larger than any such files are."),
            415: described("The content type is not application/json."),
            422: described("What is proposed is not what it should be; `errors` names the field."),
            503: described("Another rehearsal is under way; `Retry-After` says when to come back."),
        },
    )
    async def rehearse(
        self,
        request: Request[Any, Any, Any],
        rehearsing: Injected,
        limit: Annotated[int, Parameter(ge=1, le=MOST)] = NAMED,
    ) -> Response[bytes] | Stream:
        """Which open requests would get another date, from what to what, the earlier ones first; nothing is stored.

        The body has either `fact`, a calendar's notice as it would be posted, or `rules`: data files as an office's
        folder has them (`{"files": {"statutes/ID.toml": "..."}, "whole": false}`; `whole`: in place of the folder in
        force, not added to it). `digest` is what `confirms` of a notice that drops days has to repeat. `limit`: how
        many requests are named. With `Accept: application/x-ndjson` each line but the last reports the progress.
        """
        proposed = asked(request.headers.get("content-type", ""), await request.body())
        steps = (
            rehearsing.notice(proposed, limit)
            if isinstance(proposed, CalendarPublished)
            else rehearsing.rules(proposed, limit)
        )
        if LINES in request.headers.get("accept", ""):
            first = await anext(steps)  # what can be refused is refused before the answer begins
            return Stream(_lines(first, steps), media_type=LINES)
        results = [step async for step in steps if isinstance(step, Rehearsal)]
        return Response(msgspec.json.encode(results[-1]), media_type=JSON)


def asked(content_type: str, body: bytes) -> CalendarPublished | Proposed:
    """What is proposed by a call. Raises :class:`ProblemError`."""
    require_json(content_type)
    try:
        return read(body)
    except Refused as refused:
        wrong = field_problem(refused.error)
        raise ProblemError(422, str(refused), kind="rehearsal-refused", errors=[wrong]) from None


async def _lines(first: Step | Rehearsal, rest: AsyncIterator[Step | Rehearsal]) -> AsyncIterator[bytes]:
    yield msgspec.json.encode(first) + b"\n"
    async for each in rest:
        yield msgspec.json.encode(each) + b"\n"
