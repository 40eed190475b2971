"""What a fact says happened can have happened by now, and under its law; what is planned is free."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from services.events.codec import decode_fact
from services.events.facts import OrganData
from services.intake.days import Days
from services.runtime.clock import ManualClock
from tests.support import ORGAN, answered, raw, received

NOW = datetime(2026, 3, 1, 17, tzinfo=UTC)
"""In Guangzhou it is 2 March already."""
ORGANS = {"gz-psb": msgspec.convert(ORGAN, OrganData)}


def wrong(fact: dict[str, Any], organs: dict[str, OrganData] = ORGANS) -> str | None:
    decoded = decode_fact(msgspec.json.encode(fact))
    found = Days(ManualClock(NOW), lambda: organs).wrong([decoded])(decoded)
    return f"{found.field}: {found.problem}" if found else None


def corrected(**data: str) -> dict[str, Any]:
    return raw("fact-corrected", "r", {"amends": {"source": "s", "id": "i"}, "data": data})


@pytest.mark.parametrize(
    ("fact", "field"),
    [
        (received("r", "2026-03-03"), None),
        (received("r", "2026-03-04"), "$.data.submitted_on"),
        (answered("r", "2026-03-03"), None),
        (answered("r", "2062-03-03"), "$.data.answered_on"),
        (raw("clarification-requested", "r", {"requested_on": "2026-03-02", "respond_by": "2026-06-01"}), None),
        (raw("volume-deferred", "r", {"notified_on": "2026-03-02", "until": "2027-06-01"}), None),
        (corrected(answered_on="2026-03-04"), "$.data.data.answered_on"),
        (corrected(requested_on="2026-03-02", respond_by="2026-09-01"), None),
        (received("r", "2008-04-30"), "$.data.submitted_on"),
        (received("r", "2008-05-01"), None),
        (answered("r", "2006-04-28"), None),  # it may be about a licence
        (answered("r", "2004-06-30"), "$.data.answered_on"),
        (corrected(answered_on="2004-06-30"), "$.data.data.answered_on"),
    ],
)
def test_a_date_that_cannot_be_is_refused_by_its_field(fact: dict[str, Any], field: str | None) -> None:
    found = wrong(fact)
    assert (found.partition(": ")[0] if found else None) == field


def test_the_predecessors_of_a_version_count_and_another_law_has_days_of_its_own() -> None:
    request = received("r", "2010-01-04")
    request["data"]["statute"] = "CN-2019"
    assert wrong(request) is None
    request["data"]["statute"] = "SCT"
    request["data"]["submitted_on"] = "2004-01-05"
    assert wrong(request) == "$.data.submitted_on: is 2004-01-05, before SCT and its predecessors were in force"
    assert wrong(answered("r", "1990-01-05"), {}) is None
