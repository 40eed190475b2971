"""The first response: when the applicant was first told something, and after how many days; from facts to counters."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from services.events.cases import CaseEvent
from services.events.codec import decode_case_event, decode_fact, encode
from services.stats.cells import Cell, recount
from services.stats.fold import Fold
from services.statute.state import Fact
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from services.tracker.core.decide import summary as summary_of
from services.tracker.core.reference_data import ReferenceData
from services.tracker.store import decode_case, encode_case
from tests.law import clarified, consulted, extended, fact, received, view
from tests.stats_events import answered, recorded, summary

R = "2025-03-03"
"""A Monday; the answer is due on 2025-03-31."""
ANSWER = fact("answer-issued", answered_on="2025-03-20")
FEE = fact("fee-notified", notified_on="2025-03-11")
DEFERRED = fact("volume-deferred", notified_on="2025-03-12", until="2025-05-30")

HISTORIES: list[tuple[str, Sequence[Fact], tuple[str | None, int | None]]] = [
    ("nothing said yet", [], (None, None)),
    ("answered at once", [ANSWER], ("2025-03-20", 13)),
    ("asked to clarify", clarified("2025-03-06", "2025-03-20"), ("2025-03-06", 3)),
    (
        "asked to clarify, counted anew, answered",
        [*clarified("2025-03-06", "2025-03-20", "2025-03-14"), ANSWER],
        ("2025-03-06", 3),
    ),
    ("never clarified, lapsed", clarified("2025-03-06", "2025-03-10"), ("2025-03-06", 3)),
    ("told of an extension", [extended("2025-03-27", 20)], ("2025-03-27", 18)),
    ("told of a fee", [FEE, ANSWER], ("2025-03-11", 6)),
    ("told of a deferral, then of an extension", [DEFERRED, extended("2025-03-27", 20)], ("2025-03-12", 7)),
    (
        "others asked in between",
        [*consulted("2025-03-05", "2025-03-11"), extended("2025-03-13", 20)],
        ("2025-03-13", 4),
    ),
    ("others asked, nothing said", consulted("2025-03-05", None), (None, None)),
    ("others asked, answered", [*consulted("2025-03-05", "2025-03-11"), ANSWER], ("2025-03-20", 9)),
    ("told too late for the law", [extended("2025-04-02", 20)], ("2025-04-02", 22)),
    ("withdrawn", [fact("request-withdrawn", withdrawn_on="2025-03-06")], (None, None)),
    ("withdrawn, and a notice after it", [fact("request-withdrawn", withdrawn_on="2025-03-06"), FEE], (None, None)),
    ("told, then withdrawn", [FEE, fact("request-withdrawn", withdrawn_on="2025-03-20")], ("2025-03-11", 6)),
    ("transferred", [fact("request-transferred", transferred_on="2025-03-06", to_organ="p")], (None, None)),
]


@pytest.mark.parametrize(("facts", "expected"), [h[1:] for h in HISTORIES], ids=[h[0] for h in HISTORIES])
def test_what_is_said_to_the_applicant_first_counts(
    facts: Sequence[Fact], expected: tuple[str | None, int | None]
) -> None:
    for order in (1, -1):
        found = view([received(R), *list(facts)[::order]], "2025-04-03")
        first = found.first_response_on
        assert (str(first) if first else None, found.first_working_days) == expected


def test_an_answer_without_a_word_before_it_took_equally_long_to_both_responses() -> None:
    found = view([received(R), *consulted("2025-03-05", "2025-03-11"), ANSWER])
    assert found.first_working_days == found.working_days and found.first_response_on == found.answered_on


NOW = datetime(2025, 3, 10, 4, tzinfo=UTC)


def raw(name: str, subject: str, data: dict[str, Any]) -> Any:
    id = f"{name} {subject}"
    envelope = {"specversion": "1.0", "source": "urn:t", "id": id, "type": f"org.shixian.{name}.v1"}
    return decode_fact(msgspec.json.encode({**envelope, "subject": subject, "data": data}))


def world() -> ReferenceData:
    found = ReferenceData()
    organ = {"code": "a", "name": {"zh": "某局", "en": "A"}, "timezone": "Asia/Shanghai", "calendar": "CN"}
    found.learn(raw("organ-registered", "a", {**organ, "statute": "CN"}), 0)
    found.learn(calendar("one", 2025, []), 1)
    return found


def calendar(id: str, year: int, days_off: list[str]) -> Any:
    data = {"calendar": "CN", "year": year, "days_off": days_off, "working_days": [], "notice": id}
    envelope = {"specversion": "1.0", "source": "urn:t", "id": id, "type": "org.shixian.calendar-published.v1"}
    envelope["recordedtime"] = "2024-11-12T00:00:00Z"  # by intake
    published = {**data, "published_on": "2024-11-12"}
    return decode_fact(msgspec.json.encode({**envelope, "subject": "CN", "data": published}))


def posted(known: ReferenceData) -> tuple[Case, list[CaseEvent]]:
    case, events = Case(subject="r1"), []
    for name, data in (
        ("request-received", {"organ": "a", "channel": "in-person", "applicant": "business", "submitted_on": R}),
        ("clarification-requested", {"requested_on": "2025-03-06", "respond_by": "2025-03-20"}),
    ):
        case, found = decide(case, raw(name, "r1", data), known, NOW, {})
        events += found
    return case, events


def test_case_events_carry_it_and_the_stats_count_it() -> None:
    _, events = posted(world())
    last = events[-1].data.request
    assert last is not None and (str(last.first_response_on), last.first_working_days) == ("2025-03-06", 3)
    assert events[0].data.request is not None and events[0].data.request.first_response_on is None
    assert decode_case_event(encode(events[-1])) == events[-1]
    fold = Fold()
    for event in events:
        fold.apply(event)
    assert fold.cells[Cell("a", 2025, "first", "3", statute="CN-2019")] == 1


def test_a_calendar_that_moves_no_date_but_the_days_until_the_first_response_is_told_of() -> None:
    known = world()
    case, _ = posted(known)
    assert tick(case, known, NOW)[1] == []
    known.learn(calendar("two", 2025, ["2025-03-04"]), 2)
    after, events, _ = tick(case, known, NOW)
    assert after.view.due_on is None and len(events) == 1, "the clock stands still, so there is no date to move"
    request = events[0].data.request
    assert request is not None and request.first_working_days == 2
    assert tick(after, known, NOW)[1] == []


def test_a_case_that_was_stored_before_there_was_the_field_tells_it_at_the_next_look() -> None:
    known = world()
    case, _ = posted(known)
    stored = msgspec.json.decode(encode_case(case))
    for name in ("first_response_on", "first_working_days"):
        del stored["view"][name]
    old = decode_case(msgspec.json.encode(stored))
    after, events, _ = tick(old, known, NOW)
    assert [e.data.request for e in events] == [summary_of(case.view)] and after.view == case.view
    assert tick(after, known, NOW)[1] == []


def test_events_from_before_there_was_the_field_fold_as_ever() -> None:
    event = recorded("r", 1, answered())
    text = encode(event)
    assert b"first_" not in text and decode_case_event(text) == event
    fold = Fold()
    fold.apply(event)
    assert recount(fold.rows()) == fold.cells and not [c for c in fold.cells if c.kind == "first"]


def test_it_counts_in_the_year_in_which_it_was_given_and_not_for_what_counts_nowhere() -> None:
    fold = Fold()
    told = {"first_response_on": date(2014, 1, 2), "first_working_days": 9}
    fold.apply(recorded("r", 1, summary(received_on=date(2013, 12, 20), **told)))
    assert {c: n for c, n in fold.cells.items() if c.kind == "first"} == {
        Cell("a", 2014, "first", "9", statute="CN-2008"): 1
    }
    fold.apply(recorded("r", 2, summary(state="retracted", **told)))
    assert fold.cells == {}
