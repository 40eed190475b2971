"""Requests made from intake's OpenAPI document by schemathesis, which nobody here wrote: no 5xx, nothing undocumented.

``SHIXIAN_FUZZ_EXAMPLES`` says how many for each operation; ``make fuzz`` asks for more.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings

from services.access.principal import Principal
from services.intake import api, imports
from services.intake.reading import Reading, Taken
from services.intake.repeats import Repeats
from services.intake.unpacking import Room
from services.runtime.health import Health
from services.runtime.offload import Offload
from services.runtime.web import create_app, new_registry
from services.words.catalogue import Said

EXAMPLES = int(os.environ.get("SHIXIAN_FUZZ_EXAMPLES", "40"))
CONFIG = {
    # Every field of every fact with every kind of wrong value: 27,000 calls, two minutes, `make fuzz`.
    "phases": {"coverage": {"enabled": "SHIXIAN_FUZZ_EXAMPLES" in os.environ}},
    # A schema can't say all of the contract (a date within reason, a map's own keys): such bodies are refused as well.
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ["2xx", "400", "409", "413", "415", "422"]},
        "negative_data_rejection": {"expected-statuses": ["400", "409", "413", "415", "422"]},
    },
}


class Log:
    """A writer that keeps nothing, and references that all exist."""

    async def write(self, taken: Sequence[Taken], by: Principal) -> None:
        pass

    async def refuse_unknown(self, reading: Reading, *, partial: bool = False) -> Mapping[int, Sequence[Said]]:
        assert not reading.malformed
        return {}


def application() -> Any:
    log: Any = Log()
    door = api.Door(log, log, api.Counts(new_registry()), Repeats(), Room(), 1024 * 1024)
    made = [*api.handlers(door), *imports.handlers(door, Offload())]
    return create_app(
        "intake",
        made,
        Health(),
        new_registry(),
        schemas={**api.fact_schemas(), **imports.schemas()},
        max_body=1024 * 1024,
    )


schema = schemathesis.openapi.from_asgi(
    "/schema/openapi.json", application(), config=schemathesis.Config.from_dict(CONFIG)
)


@schema.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), derandomize=True)
def test_nothing_that_the_document_says_breaks_intake(case: Any) -> None:
    case.call_and_validate()
