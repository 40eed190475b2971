"""One request followed through HTTP and the log, by W3C trace context.

What comes with a ``traceparent`` keeps it, whether tracing is on or not: an HTTP call hands it to its facts, a fact to
its case events, in the envelope and as a Kafka header, and the lines logged on the way carry its ``trace_id``. Spans
are made only where the setting ``otlp`` names a collector; without it OpenTelemetry is not even imported.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import msgspec
import structlog

from services.runtime.settings import Settings

HEADER = "traceparent"
LINKS = 64
"""A batch's span is linked to at most so many of the traces in it."""

_SHAPE = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)
_tracer: Any = None

Kind = Literal["SERVER", "CONSUMER"]


def configure(settings: Settings, service: str) -> None:
    """Send spans to the collector at ``settings.otlp``, if there is one; once a process."""
    global _tracer
    if not settings.otlp:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    resource = Resource.create({"service.name": f"shixian-{service}", "service.namespace": "shixian"})
    provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(settings.otlp_ratio))
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("shixian")


def current() -> str | None:
    """The trace context of what is being done, as a ``traceparent``."""
    return _current.get()


def valid(text: str | None) -> str | None:
    """``text`` if it is a trace context."""
    return text if text and _SHAPE.fullmatch(text) else None


def trace_id(traceparent: str) -> str:
    """The trace that a context belongs to."""
    return traceparent.split("-")[1]


@contextmanager
def span(
    name: str, kind: Kind, parent: str | None = None, links: Iterable[str] = (), **attributes: str | int
) -> Iterator[None]:
    """Around one piece of work: its trace context is :func:`current`, and on every line logged; a span, where on."""
    if _tracer is None:
        with _bound(parent):
            yield
        return
    from opentelemetry import trace

    linked = [trace.Link(context) for one in links if (context := _span_context(one)) is not None]
    above = _span_context(parent) if parent else None
    context = trace.set_span_in_context(trace.NonRecordingSpan(above)) if above else None
    with _tracer.start_as_current_span(
        name, context=context, kind=trace.SpanKind[kind], links=linked, attributes=attributes
    ) as made:
        own = made.get_span_context()
        with _bound(f"00-{own.trace_id:032x}-{own.span_id:016x}-{int(own.trace_flags):02x}"):
            yield


def _span_context(traceparent: str) -> Any:
    from opentelemetry import trace

    if valid(traceparent) is None:
        return None
    _, of, at, flags = traceparent.split("-")
    return trace.SpanContext(int(of, 16), int(at, 16), is_remote=True, trace_flags=trace.TraceFlags(int(flags, 16)))


@contextmanager
def _bound(traceparent: str | None) -> Iterator[None]:
    if traceparent is None:
        yield
        return
    token = _current.set(traceparent)
    try:
        with structlog.contextvars.bound_contextvars(trace_id=trace_id(traceparent)):
            yield
    finally:
        _current.reset(token)


def header(traceparent: str | None) -> tuple[tuple[str, bytes], ...]:
    """The Kafka header of a record with this context."""
    return ((HEADER, traceparent.encode()),) if traceparent else ()


def of_record(record: Any) -> str | None:
    """The trace context that a record's headers carry."""
    for name, value in record.headers or ():
        if name == HEADER:
            return valid(value.decode("ascii", "replace"))
    return None


def contexts(records: Iterable[Any]) -> list[str]:
    """The trace contexts of a batch, without repetition, at most :data:`LINKS`."""
    if _tracer is None:
        return []
    distinct = dict.fromkeys(context for record in records if (context := of_record(record)) is not None)
    return list(distinct)[:LINKS]


class _Names(msgspec.Struct):
    id: str = ""
    source: str = ""
    traceparent: str | None = None


_names = msgspec.json.Decoder(_Names)


def envelope(value: bytes) -> str | None:
    """The trace context in an event's envelope."""
    return _names.decode(value).traceparent if b'"traceparent"' in value else None


def identity(record: Any) -> Mapping[str, str]:
    """What a log line about one record names: the request, the event, the trace, as far as they can be read."""
    fields = {"request_id": (record.key or b"").decode("utf-8", "backslashreplace")}
    try:
        names = _names.decode(record.value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        names = _Names()
    fields |= {"event_id": names.id, "event_source": names.source}
    context = valid(names.traceparent) or of_record(record)
    return {name: text for name, text in fields.items() if text} | ({"trace_id": trace_id(context)} if context else {})
