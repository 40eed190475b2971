"""Requests made from the tracker's and stats' OpenAPI documents by schemathesis: no 5xx, and nothing undocumented.

Intake's are made in tests/unit/test_openapi_intake.py. ``SHIXIAN_FUZZ_EXAMPLES`` says how many for each operation;
``make fuzz`` asks for more.
"""

import os
from collections.abc import Iterator

import pytest

from services import samples
from tests.openapi import require_nothing_broken
from tests.support import ServiceProcess, eventually, service

EXAMPLES = int(os.environ.get("SHIXIAN_FUZZ_EXAMPLES", "4"))
CHECKS = {
    # A schema can't say all of the contract (an organ that is registered, dates within a calendar).
    "positive_data_acceptance": {"expected-statuses": ["2xx", "400", "404", "409", "422"]},
    "negative_data_rejection": {"expected-statuses": ["400", "404", "405", "409", "413", "415", "422"]},
}
KNOWN = {"tracker": {"GET /v1/requests", "POST /v1/preview"}, "stats": {"GET /v1/annual"}}
HISTORIES = list(samples.sample())[:40]


@pytest.fixture
def running(kafka: str, postgres: str) -> Iterator[dict[str, ServiceProcess]]:
    env = {
        "SHIXIAN_KAFKA": kafka,
        "SHIXIAN_POSTGRES": postgres,
        "SHIXIAN_TOPIC_PREFIX": f"openapi{os.getpid()}.",
        "SHIXIAN_PARTITIONS": "1",
    }
    with service("intake", env) as intake, service("tracker", env) as tracker, service("stats", env) as stats:
        for one in (intake, tracker, stats):
            one.wait_ready()
        headers = {"content-type": "application/cloudevents-batch+json"}
        body = b"[" + b",".join(HISTORIES) + b"]"
        intake.http.post("/v1/events", content=body, headers=headers).raise_for_status()
        eventually(lambda: stats.http.get("/v1/annual").json()["organs"] or None)
        yield {"tracker": tracker, "stats": stats}


@pytest.mark.timeout(3600)
def test_nothing_that_the_documents_say_breaks_the_services(running: dict[str, ServiceProcess]) -> None:
    for name, one in running.items():
        require_nothing_broken(EXAMPLES, CHECKS, KNOWN[name], url=one.url)
