"""Intake over HTTP: facts in, an answer only when the log has them."""

import collections
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import structlog
from litestar import Request, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody, Schema
from litestar.types import ControllerRouterHandler
from prometheus_client import CollectorRegistry, Counter

from services.events.codec import FACT_TYPES, type_name
from services.events.facts import Fact
from services.events.schema import components, short_name
from services.intake import reading
from services.intake.references import References
from services.intake.writing import Writer
from services.runtime.problems import ProblemError, described
from services.runtime.retry import LogUnavailable
from services.runtime.web import RETRY_AFTER
from services.words.catalogue import Said

log = structlog.get_logger(__name__)


class EventStatus(msgspec.Struct, frozen=True):
    """One event of a call."""

    source: str
    id: str
    status: Literal["accepted"] = "accepted"
    remarks: Sequence[Said] | msgspec.UnsetType = msgspec.UNSET
    """What looks wrong about a calendar's notice."""


class Receipt(msgspec.Struct, frozen=True):
    """The log has these events."""

    accepted: int
    events: list[EventStatus]


class Counts:
    """``shixian_intake_events_total``: what became of the events that were sent."""

    RESULTS = ("accepted", "refused", "unwritten")

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "shixian_intake_events",
            "Events sent to intake: accepted (in the log), refused (not what the contract says), unwritten (good, but "
            "sent with refused ones, or while the log was away).",
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
                reading.STRUCTURED: OpenAPIMediaType(schema=one),
                reading.BATCH: OpenAPIMediaType(schema=many),
                reading.PLAIN: OpenAPIMediaType(schema=Schema(any_of=[one, many])),
            },
        )


def fact_schemas() -> dict[str, Any]:
    """The schemas that the operation refers to: a fact as a sender may send it."""
    top, parts = components(Fact, "#/components/schemas/{name}")
    for part in parts.values():
        if "specversion" in part.get("properties", {}):
            part["properties"] = {k: v for k, v in part["properties"].items() if not v.get("readOnly")}
    return {"Fact": top, **parts}


def handlers(writer: Writer, references: References, counts: Counts) -> list[ControllerRouterHandler]:
    """The routes of the service."""

    @post(
        "/v1/events",
        status_code=202,
        operation_class=PostEvents,
        operation_id="postEvents",
        tags=["events"],
        responses={
            400: described("The body is not JSON, or a `ce-` header is not UTF-8; nothing was written."),
            408: described("The body came too slowly; nothing was written."),
            413: described("The body is too large, or has too many events; nothing was written."),
            415: described("The content type is none that a fact can be in; nothing was written."),
            422: described(
                "At least one event is not what the contract says, or names a law, a calendar or a parent that does "
                "not exist; nothing was written."
            ),
            503: described("The log can't be reached, does not answer, or has no room. Send the same call again."),
        },
    )
    async def post_events(request: Request[Any, Any, Any]) -> Receipt:
        """Send facts to the log, one or a batch, all or nothing.

        202 says that the log has every fact of the call, on all replicas in sync. One bad fact refuses the whole call
        and nothing is written: `errors` names each by its `index` from 0. Any call may be repeated safely: a fact's
        `source` and `id` name it for ever, and the same fact counts once.
        """
        found = await reading.read(request.scope["headers"], await request.body())
        types = [type_name(fact) for fact in found.facts]
        remarks: Mapping[int, Sequence[Said]] = {}
        try:
            if not found.malformed:
                remarks = await references.refuse_unknown(found)
                types = [type_name(fact) for fact in found.facts]
            if not found.errors:
                await writer.write(found.facts)
        except LogUnavailable as error:
            counts.add(found.refused, "refused")
            counts.add(types, "unwritten")
            log.warning("facts_not_written", events=len(types), reason=str(error))
            raise ProblemError(
                503,
                f"the log can't be reached ({error}); send the same call again",
                kind="log-away",
                headers={"Retry-After": RETRY_AFTER},
            ) from error
        if found.errors:
            counts.add(found.refused, "refused")
            counts.add(types, "unwritten")
            raise _refusal(found)
        counts.add(types, "accepted")
        told = [EventStatus(f.source, f.id, remarks=remarks.get(id(f)) or msgspec.UNSET) for f in found.facts]
        return Receipt(len(types), told)

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


def _refusal(found: reading.Reading) -> ProblemError:
    refused, total = len(found.refused), len(found.refused) + len(found.facts)
    named = f"; the first {len(found.errors)} are named" if refused > len(found.errors) else ""
    if found.malformed:
        return ProblemError(400, "the body is not JSON; nothing was written", kind="not-json", errors=found.errors)
    return ProblemError(
        422,
        f"{refused} of {total} events refused, nothing was written{named}",
        title="Events refused",
        kind="events-refused",
        errors=found.errors,
    )
