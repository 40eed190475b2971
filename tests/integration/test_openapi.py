"""Requests made from the tracker's and stats' OpenAPI documents by schemathesis: no 5xx, and nothing undocumented.

Intake's are made in tests/unit/test_openapi_fuzz.py. ``SHIXIAN_FUZZ_EXAMPLES`` says how many for each operation; ``make
fuzz`` asks for more.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.failures import FailureGroup

from services import samples
from tests.support import ServiceProcess, eventually, service

EXAMPLES = int(os.environ.get("SHIXIAN_FUZZ_EXAMPLES", "4"))
CONFIG = {
    # A schema can't say all of the contract (an organ that is registered, dates within a calendar).
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ["2xx", "400", "404", "409", "422"]},
        "negative_data_rejection": {"expected-statuses": ["400", "404", "405", "409", "413", "415", "422"]},
    },
}
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
    found: list[Any] = []
    for one in running.values():
        config = schemathesis.Config.from_dict(CONFIG)
        found += schemathesis.openapi.from_url(f"{one.url}/schema/openapi.json", config=config).get_all_operations()
    assert len(found) > 15
    wrong: list[str] = []
    for operation in (one.ok() for one in found):

        @settings(
            max_examples=EXAMPLES,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
        )
        @given(case=operation.as_strategy())
        def tried(case: Any) -> None:
            case.call_and_validate()

        try:
            tried()
        except FailureGroup as error:
            wrong += [f"{operation.label}: {one}" for one in error.exceptions]
    assert not wrong, "\n\n".join(wrong)
