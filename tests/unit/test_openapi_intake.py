"""Requests made from intake's OpenAPI document by schemathesis, which nobody here wrote: no 5xx, nothing undocumented.

``make fuzz`` makes more of them (``openapi_fuzz.py``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.access.principal import Principal
from services.intake import api, imports
from services.intake.reading import Reading, Taken
from services.intake.repeats import Repeats
from services.intake.unpacking import Room
from services.runtime.health import Health
from services.runtime.offload import Offload
from services.runtime.web import create_app, new_registry
from services.words.catalogue import Said
from tests.openapi import require_nothing_broken

EXAMPLES = 40
CHECKS = {
    # A schema can't say all of the contract (a date within reason, a map's own keys): such bodies are refused as well.
    "positive_data_acceptance": {"expected-statuses": ["2xx", "400", "409", "413", "415", "422"]},
    "negative_data_rejection": {"expected-statuses": ["400", "409", "413", "415", "422"]},
}


class Log:
    """A writer that keeps nothing, and references that all exist."""

    days = None

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


def test_nothing_that_the_document_says_breaks_intake() -> None:
    require_nothing_broken(EXAMPLES, CHECKS, {"POST /v1/events", "POST /v1/imports"}, app=application())
