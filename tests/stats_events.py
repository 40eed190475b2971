"""Case events for the tests of the stats, made directly: each with the request as it stands after it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from services.events import case_data as d
from services.events import cases as c
from services.events.case_data import RequestSummary
from services.events.cases import CaseEvent
from services.events.facts import ReviewDecidedData, ReviewFiledData, TallyData
from services.events.vocabulary import Ref

START = datetime(2013, 1, 1, tzinfo=UTC)


def summary(**given: Any) -> RequestSummary:
    """An open request of the organ ``a``, received on 2013-03-01; ``given`` changes it."""
    base: dict[str, Any] = {
        "organ": "a",
        "channel": "online",
        "applicant": "natural-person",
        "statute": "CN-2008",
        "submitted_on": date(2013, 3, 1),
        "state": "open",
        "received_on": date(2013, 3, 1),
        "due_on": date(2013, 3, 22),
    }
    return RequestSummary(**(base | given))


def answered(outcome: str | None = "granted", on: date = date(2013, 3, 20), **given: Any) -> RequestSummary:
    """The same, answered in time."""
    end = {"state": "answered", "answered_on": on, "closed_on": on, "outcome": outcome, "timeliness": "in-time"}
    return summary(**(end | {"working_days": 13} | given))


def _event(shape: Any, data: Any, subject: str, sequence: int) -> Any:
    return shape(
        specversion="1.0",
        id=f"{subject}-{sequence}",
        source="urn:shixian:tracker",
        subject=subject,
        sequence=sequence,
        time=START,
        recordedtime=START + timedelta(minutes=sequence),
        data=data,
    )


def recorded(subject: str, sequence: int, request: RequestSummary | None) -> CaseEvent:
    """An event that says nothing but how the request stands."""
    event: CaseEvent = _event(c.FactRecorded, d.RecordedData(request=request), subject, sequence)
    return event


def filed(
    subject: str, sequence: int, review: str = "v1", on: date = date(2013, 6, 1), request: Any = None, **given: Any
) -> CaseEvent:
    """A review counts as filed."""
    base: dict[str, Any] = {"organ": "a", "kind": "reconsideration", "filed_on": on}
    data = d.ReviewOpenedData(filed=ReviewFiledData(review=review, **(base | given)), request=request)
    event: CaseEvent = _event(c.ReviewOpened, data, subject, sequence)
    return event


def decided(
    subject: str,
    sequence: int,
    on: date | None,
    review: str = "v1",
    result: str = "upheld",
    filed_on: date = date(2013, 6, 1),
    request: Any = None,
) -> CaseEvent:
    """A review is decided; with no day its filing was taken back."""
    was = ReviewFiledData(review=review, organ="a", kind="reconsideration", filed_on=filed_on)
    outcome: Any = ReviewDecidedData(review=review, decided_on=on, result=result) if on else None  # type: ignore[arg-type]  # a result of the contract
    data = d.ReviewClosedData(filed=was, decided=outcome, request=request)
    event: CaseEvent = _event(c.ReviewClosed, data, subject, sequence)
    return event


def tally(
    subject: str,
    sequence: int,
    count: str | int | None,
    measure: Any = "page-views",
    id: str = "t1",
    on: date = date(2013, 12, 31),
    request: Any = None,
) -> CaseEvent:
    """A tally as it counts now; None: retracted."""
    counted = None if count is None else TallyData(organ=subject, on=on, measure=measure, count=Decimal(count))
    data = d.TallyCountedData(tally=Ref("urn:shixian:test", id), counted=counted, request=request)
    event: CaseEvent = _event(c.TallyCounted, data, subject, sequence)
    return event
