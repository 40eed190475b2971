"""A case that waits for its organ, and what the clock makes of it once the organ is known."""

from datetime import UTC, datetime

from services.events.cases import FactRecorded
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from services.tracker.core.reference_data import ReferenceData
from tests.support import ORGAN, fact, received

NOW = datetime(2024, 6, 28, 4, tzinfo=UTC)


def test_a_request_not_yet_received_in_law_no_longer_waits_for_an_organ_that_is_known() -> None:
    posted = received("r/1", "2023-03-01", "online")  # online: received in law once it is confirmed
    request = fact("request-received", "r/1", posted["data"])
    case, _ = decide(Case(subject="r/1"), request, ReferenceData(), NOW, {})
    assert (case.view.state, case.view.waiting_for) == ("waiting", "organ-registered gz-psb")
    world = ReferenceData([fact("organ-registered", "gz-psb", ORGAN)])
    after, events, _ = tick(case, world, NOW)
    assert (after.view.state, after.view.waiting_for, after.sequence) == ("unconfirmed", "", 2)
    assert [type(e) for e in events] == [FactRecorded]
    assert events[0].data.request is not None
    assert events[0].data.request.state == "unconfirmed"
    assert tick(after, world, NOW)[1] == []


def test_a_request_taken_back_before_its_organ_is_known_gets_its_statute_later() -> None:
    request = fact("request-received", "r/1", received("r/1", "2023-03-01")["data"], id="q1")
    amends = {"source": "urn:shixian:test", "id": "q1"}
    case, _ = decide(Case(subject="r/1"), request, ReferenceData(), NOW, {})
    taken_back = fact("fact-retracted", "r/1", {"amends": amends, "reason": "by mistake"})
    case, _ = decide(case, taken_back, ReferenceData(), NOW, {})
    assert (case.view.state, case.view.statute) == ("retracted", "unknown")
    after, events, _ = tick(case, ReferenceData([fact("organ-registered", "gz-psb", ORGAN)]), NOW)
    assert (after.view.state, after.view.statute, after.view.waiting_for) == ("retracted", "CN", "")
    assert len(events) == 1
