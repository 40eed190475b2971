"""Intake over HTTP: facts in, an answer only when the log has them."""

import collections
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
import structlog
from litestar import Request, get, post
from litestar.openapi.spec import Example, OpenAPIMediaType, Operation, Reference, RequestBody, Schema
from litestar.openapi.spec import Parameter as OpenAPIParameter
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler
from prometheus_client import CollectorRegistry, Counter

from services.events.codec import FACT_TYPES, type_name
from services.events.examples import example
from services.events.facts import Fact
from services.events.schema import components, short_name
from services.intake import reading
from services.intake.entitled import require_own
from services.intake.references import References
from services.intake.repeats import Repeats, Sifted
from services.intake.turns import Turns
from services.intake.unpacking import Call, Room, unpacked
from services.intake.writing import Writer
from services.runtime.guard import caller
from services.runtime.problems import FieldProblem, ProblemError, described
from services.runtime.retry import LogUnavailable
from services.runtime.web import RETRY_AFTER
from services.words.catalogue import Said

log = structlog.get_logger(__name__)


class EventStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one event of a call."""

    source: str
    """Empty where it can't be read."""
    id: str
    status: Literal["accepted", "duplicate", "conflict", "refused"]
    """``accepted``: the log has it; ``duplicate``: it had it before; ``conflict``: its source and id name another
    event; ``refused``: it is not what the contract says."""
    index: int | None = None
    """The event's position in the call, from 0; where not all of a call was taken."""
    error: FieldProblem | None = None
    """What is wrong with it."""
    remarks: Sequence[Said] | msgspec.UnsetType = msgspec.UNSET
    """What looks wrong about a calendar's notice."""


class Receipt(msgspec.Struct, frozen=True):
    """The log has the events that are accepted or duplicates."""

    accepted: int
    """How many the log has, those that it had before among them."""
    events: list[EventStatus]
    """An entry for each event, in the order of the call."""


class Counts:
    """``shixian_intake_events_total``: what became of the events that were sent."""

    RESULTS = ("accepted", "duplicate", "conflict", "refused", "unwritten")

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "shixian_intake_events",
            "Events sent to intake: accepted (in the log), duplicate (in the log, and sent before), conflict (their id "
            "names another event), refused (not what the contract says), unwritten (good, but sent with refused ones, "
            "or while the log was away).",
            ["type", "result"],
            registry=registry,
        )
        for type_ in (*map(short_name, FACT_TYPES), "unknown"):
            for result in self.RESULTS:
                self._events.labels(type_, result)

    def add(self, types: Sequence[str], result: str) -> None:
        """Count events by their full type names; what is not the type of a fact counts as ``unknown``."""
        for type_, number in collections.Counter(types).items():
            self._events.labels(short_name(type_) if type_ in FACT_TYPES else "unknown", result).inc(number)


@dataclass
class PostEvents(Operation):
    """The operation with the body that the handler reads by itself, for OpenAPI."""

    def __post_init__(self) -> None:
        one = Reference(ref="#/components/schemas/Fact")
        many = Schema(type="array", items=one, max_items=reading.MAX_EVENTS)  # type: ignore[arg-type]  # any of OpenAPI's types
        self.request_body = RequestBody(
            required=True,
            description="One CloudEvent in structured mode, or a batch of them. Binary mode is understood as well: "
            f"`{reading.PLAIN}` with the attributes in `ce-` headers and the data as the body.",
            content={
                reading.STRUCTURED: OpenAPIMediaType(schema=one, examples=_examples(many=False)),
                reading.BATCH: OpenAPIMediaType(schema=many, examples=_examples(many=True)),
                reading.PLAIN: OpenAPIMediaType(schema=Schema(any_of=[one, many]), examples=_examples(many=False)),
            },
        )
        self.parameters = [*(self.parameters or ()), *_headers()]


def _examples(*, many: bool) -> dict[str, Example | Reference]:
    """An example of each type of fact, or all of them in one call."""
    facts = {short_name(type_): example("facts", short_name(type_)) for type_ in FACT_TYPES}
    if many:
        return {"batch": Example(summary="A batch", value=list(facts.values()))}
    return {name: Example(summary=name, value=fact) for name, fact in facts.items()}


def _headers() -> list[OpenAPIParameter | Reference]:
    """The attributes of a binary-mode event, and how a body may be packed."""
    text = Schema(type="string")  # type: ignore[arg-type]  # any of OpenAPI's types
    about = {
        "ce-specversion": "Binary mode: `1.0`.",
        "ce-id": "Binary mode: with `ce-source` it names the event for ever.",
        "ce-source": "Binary mode: who says it.",
        "ce-type": "Binary mode: the fact's type, e.g. `org.shixian.fee-paid.v1`.",
        "ce-subject": "Binary mode: the request's id or the organ's code, percent-encoded UTF-8.",
        "ce-time": "Binary mode: the legal instant, where there is one.",
        "content-encoding": "`gzip`, or none.",
    }
    return [
        OpenAPIParameter(name=name, param_in="header", schema=text, description=said, required=False)
        for name, said in about.items()
    ]


def fact_schemas() -> dict[str, Any]:
    """The schemas that the operation refers to: a fact as a sender may send it."""
    top, parts = components(Fact, "#/components/schemas/{name}")
    for part in parts.values():
        if "specversion" in part.get("properties", {}):
            part["properties"] = {k: v for k, v in part["properties"].items() if not v.get("readOnly")}
    return {"Fact": top, **parts}


Partial = Annotated[
    Literal["yes", "no"],
    QueryParameter(
        name="partial",
        description="`yes`: the good events of a batch are taken and the others named; else a call is taken whole or "
        "not at all.",
    ),
]


@dataclass(frozen=True)
class Door:
    """What a call meets."""

    writer: Writer
    references: References
    counts: Counts
    repeats: Repeats
    room: Room
    max_body: int
    turns: Turns = field(default_factory=Turns)

    async def take(self, request: Request[Any, Any, Any], *, partial: bool) -> Receipt:
        """A call's events to the log. Raises :class:`ProblemError`."""
        headers = request.scope["headers"]
        with Call(self.room) as call:
            body = await unpacked(headers, await request.body(), self.max_body, call)
            async with self.turns.turn(len(body)):
                events = await reading.read(headers, body, most=reading.MAX_EVENTS if partial else reading.MAX_ERRORS)
                return await self.write(events, partial=partial)

    async def write(self, call: reading.Reading, *, partial: bool) -> Receipt:
        """The good events of a call to the log, if that is what was asked for. Raises :class:`ProblemError`."""
        require_own(call, caller())
        again = Sifted()
        remarks: Mapping[int, Sequence[Said]] = {}
        try:
            if not call.malformed:
                remarks = await self.references.refuse_unknown(call, partial=partial)
                again = await self.repeats.sift(call, caller())
            if not call.errors or (partial and not call.malformed):
                await self.writer.write(call.taken, caller())
        except LogUnavailable as error:
            self.counts.add(call.refused, "refused")
            self.counts.add([type_name(fact) for fact in call.facts], "unwritten")
            log.warning("facts_not_written", events=len(call.facts), reason=str(error))
            raise ProblemError(
                503,
                f"the log can't be reached ({error}); send the same call again",
                kind="log-away",
                headers={"Retry-After": RETRY_AFTER},
            ) from error
        good = [*call.taken, *again.twice]
        for kind, names in (
            ("conflict", [n.type for n in call.names if n.index in again.conflicts]),
            ("refused", [n.type for n in call.names if n.index not in again.conflicts]),
        ):
            self.counts.add(names, kind)
        if call.errors and not (partial and good and not call.malformed):
            self.counts.add([type_name(each.fact) for each in good], "unwritten")
            raise _refusal(call, again)
        self.repeats.remember(call.taken, caller())
        for kind, seen in (("duplicate", True), ("accepted", False)):
            self.counts.add([type_name(t.fact) for t in good if (t.index in again.duplicates) is seen], kind)
        return Receipt(len(good), _results(call, again, good, remarks))


def handlers(door: Door) -> list[ControllerRouterHandler]:
    """The routes of the service."""

    @post(
        "/v1/events",
        status_code=202,
        operation_class=PostEvents,
        operation_id="postEvents",
        tags=["events"],
        responses={
            400: described("The body is not JSON or no gzip, or a `ce-` header is not UTF-8; nothing was written."),
            403: described("A fact names another organ than those that the caller may speak for; nothing was written."),
            408: described("The body came too slowly; nothing was written."),
            409: described("The source and id of an event name another event already; nothing was written."),
            413: described("The body is too large, or has too many events; nothing was written."),
            415: described("The content type or encoding is none that a fact can be in; nothing was written."),
            422: described(
                "At least one event is not what the contract says, or names a law, a calendar or a parent that does "
                "not exist; nothing was written."
            ),
            503: described(
                "The log can't be reached, does not answer, or has no room, or too much is being sent at once. Send "
                "the same call again."
            ),
        },
    )
    async def post_events(request: Request[Any, Any, Any], partial: Partial = "no") -> Receipt:
        """Send facts to the log, one or a batch, all or nothing.

        202 says that the log has every fact of the call, on all replicas in sync. One bad fact refuses the whole call
        and nothing is written: `errors` names each by its `index` from 0. With `partial=yes` the good ones are written
        and `events` has a result for each. Any call may be repeated safely: a fact's `source` and `id` name it for
        ever, and the same fact counts once.
        """
        return await door.take(request, partial=partial == "yes")

    @get("/", include_in_schema=False)
    async def root() -> dict[str, str]:
        """What is here."""
        return {
            "service": "Shixian intake · 时限 接收服务",
            "facts": "POST /v1/events",
            "description": "/schema",
            "ready": "/readyz",
            "metrics": "/metrics",
        }

    return [post_events, root]


def _results(
    call: reading.Reading, again: Sifted, good: list[reading.Taken], remarks: Mapping[int, Sequence[Said]]
) -> list[EventStatus]:
    """What became of each event, in the order of the call."""
    whole = not call.names
    results: list[tuple[int, EventStatus]] = []
    for each in good:
        status: Literal["accepted", "duplicate"] = "duplicate" if each.index in again.duplicates else "accepted"
        index = each.index or 0
        shown = None if whole else index
        own = remarks.get(id(each.fact)) or msgspec.UNSET
        result = EventStatus(source=each.fact.source, id=each.fact.id, status=status, index=shown, remarks=own)
        results.append((index, result))
    for named, error in zip(call.names, call.errors, strict=True):
        wrong: Literal["conflict", "refused"] = "conflict" if named.index in again.conflicts else "refused"
        index = named.index or 0
        results.append((index, EventStatus(source=named.source, id=named.id, status=wrong, index=index, error=error)))
    return [result for _, result in sorted(results, key=lambda each: each[0])]


def _refusal(call: reading.Reading, again: Sifted) -> ProblemError:
    refused, total = len(call.refused), len(call.refused) + len(call.taken) + len(again.twice)
    errors = call.errors[: reading.MAX_ERRORS]
    named = f"; the first {len(errors)} are named" if refused > len(errors) else ""
    if call.malformed:
        return ProblemError(400, "the body is not JSON; nothing was written", kind="not-json", errors=errors)
    # What is no fact must be mended before it can be said what its id stands for.
    conflict = len(again.conflicts) == refused
    return ProblemError(
        409 if conflict else 422,
        f"{refused} of {total} events refused, nothing was written{named}",
        title="Id taken" if conflict else "Events refused",
        kind="id-conflict" if conflict else "events-refused",
        errors=errors,
    )
