"""One request followed by its trace: from the HTTP call to the case event, and to a collector where there is one."""

import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from services.runtime import tracing
from tests.support import ORGAN, ServiceProcess, eventually, raw, received, service

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CONTEXT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Any]]]:
    """An OTLP collector: its address, and the spans that came, each with its service's name."""
    spans: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
            for resource in sent.resource_spans:
                name = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
                spans.extend((name, span) for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what comes is in ``spans``."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    server.server_close()


def settings(kafka: str, postgres: str, **more: str) -> dict[str, str]:
    return {
        "SHIXIAN_KAFKA": kafka,
        "SHIXIAN_POSTGRES": postgres,
        "SHIXIAN_TOPIC_PREFIX": f"t{uuid.uuid4().hex[:8]}.",
        "SHIXIAN_PARTITIONS": "1",
        **more,
    }


def post(intake: ServiceProcess, *facts: dict[str, Any]) -> None:
    headers = {"content-type": "application/cloudevents-batch+json", "traceparent": CONTEXT}
    answer = intake.http.post("/v1/events", json=list(facts), headers=headers)
    assert answer.status_code == 202, answer.text


async def first(kafka: str, topic: str) -> Any:
    """The first record of a topic of one partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        return await consumer.getone()
    finally:
        await consumer.stop()


async def test_without_a_collector_the_context_is_passed_on_as_it_came(kafka: str, postgres: str) -> None:
    env = settings(kafka, postgres)
    with service("intake", env) as intake, service("tracker", env) as tracker:
        intake.wait_ready()
        tracker.wait_ready()
        own = f"00-{'a' * 32}-{'b' * 16}-00"
        post(intake, raw("organ-registered", "gz-psb", ORGAN), received("T-1", "2024-03-04", "in-person"))
        post(intake, received("T-2", "2024-03-04", "in-person") | {"traceparent": own})
        eventually(lambda: tracker.get("/v1/requests/T-2"))
        for topic in ("facts", "cases"):
            record = await first(kafka, f"{env['SHIXIAN_TOPIC_PREFIX']}{topic}")
            assert tracing.of_record(record) == CONTEXT
            assert msgspec.json.decode(record.value)["traceparent"] == CONTEXT
        history = tracker.get("/v1/requests/T-2/history")
        events = history["events"] if isinstance(history, dict) else history
        assert {event["traceparent"] for event in events} == {own}  # a sender's own context stays


def test_with_a_collector_the_call_and_the_batch_are_spans_of_the_trace(
    kafka: str, postgres: str, collector: tuple[str, list[Any]]
) -> None:
    address, spans = collector
    env = settings(kafka, postgres, SHIXIAN_OTLP=address)
    with service("intake", env) as intake, service("tracker", env) as tracker:
        intake.wait_ready()
        tracker.wait_ready()
        post(intake, raw("organ-registered", "gz-psb", ORGAN), received("T-1", "2024-03-04", "in-person"))
        eventually(lambda: tracker.get("/v1/requests/T-1"))

        def seen() -> tuple[Any, Any]:
            calls = [s for name, s in spans if name == "shixian-intake" and s.trace_id.hex() == TRACE]
            batches = [s for name, s in spans if name == "shixian-tracker" and s.links]
            return calls[0], batches[0]

        call, batch = eventually(seen, 40)
    assert call.parent_span_id.hex() == SPAN
    assert call.name == "HTTP POST"
    assert (batch.links[0].trace_id.hex(), batch.links[0].span_id) == (TRACE, call.span_id)


def test_off_means_that_opentelemetry_is_not_even_imported() -> None:
    code = "import sys, services.intake.app, services.tracker.app; sys.exit('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


@pytest.mark.parametrize("text", ["", "00-0-0-00", f"00-{'0' * 32}-{SPAN}-01", f"{CONTEXT}-more", CONTEXT.upper()])
def test_what_is_no_trace_context_is_passed_over(text: str) -> None:
    assert tracing.valid(text) is None


def test_a_log_line_about_a_record_names_the_request_the_event_and_the_trace() -> None:
    fact = received("T-9", "2024-03-04") | {"id": "e1", "traceparent": CONTEXT}
    record = SimpleNamespace(key=b"T-9", value=msgspec.json.encode(fact), headers=())
    assert tracing.identity(record) == {
        "request_id": "T-9",
        "event_id": "e1",
        "event_source": "urn:shixian:test",
        "trace_id": TRACE,
    }
    unreadable = SimpleNamespace(key=b"T-9\xff", value=b"{", headers=(("traceparent", CONTEXT.encode()),))
    assert tracing.identity(unreadable) == {"request_id": "T-9\\xff", "trace_id": TRACE}
    hostile = SimpleNamespace(key=None, value=b'{"a":' + b"[" * 5000, headers=None)
    assert tracing.identity(hostile) == {}


async def test_what_the_log_says_of_a_dead_letter_can_be_followed(
    kafka: str, postgres: str, capfd: pytest.CaptureFixture[str]
) -> None:
    env = settings(kafka, postgres)
    bad = received("T-bad", "2024-02-30", "in-person") | {"id": "e-bad"}
    with service("tracker", env) as tracker:
        tracker.wait_ready()
        producer = AIOKafkaProducer(bootstrap_servers=kafka)
        await producer.start()
        sent = [("traceparent", CONTEXT.encode())]
        await producer.send_and_wait(
            f"{env['SHIXIAN_TOPIC_PREFIX']}facts", msgspec.json.encode(bad), b"T-bad", headers=sent
        )
        await producer.stop()
        eventually(lambda: tracker.get("/v1/rejections")["dead_letters"] or None)
        eventually(lambda: tracker.http.get("/readyz").status_code == 200 or None)
    lines = [msgspec.json.decode(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    (told,) = (line for line in lines if line["event"] == "dead_letters")
    assert (told["request_id"], told["event_id"], told["trace_id"]) == ("T-bad", "e-bad", TRACE)
