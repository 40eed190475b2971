"""The same as ``test_openapi_intake.py``, and every field of every fact with every kind of wrong value: 27,000 calls.

Two minutes and more, for ``make fuzz``: ``SHIXIAN_FUZZ_EXAMPLES`` says how many more for each operation.
"""

import os
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings

from tests.unit.test_openapi_intake import CHECKS, application

EXAMPLES = int(os.environ["SHIXIAN_FUZZ_EXAMPLES"])
CONFIG = {"phases": {"coverage": {"enabled": True}}, "checks": CHECKS}

schema = schemathesis.openapi.from_asgi(
    "/schema/openapi.json", application(), config=schemathesis.Config.from_dict(CONFIG)
)


@schema.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), derandomize=True)
def test_nothing_that_the_document_says_breaks_intake(case: Any) -> None:
    case.call_and_validate()
