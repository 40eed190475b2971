"""Generated streams of case events: repetition, replay and batching change nothing, and counters equal a recount."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.events.cases import CaseEvent
from services.events.codec import decode_case_event, encode
from services.stats.cells import RequestRow, ReviewRow, TallyRow, add, recount
from services.stats.fold import Fold
from tests.stats_events import decided, filed, recorded, summary, tally

_FIRST = date(2012, 11, 1)
DATES = st.integers(0, (date(2015, 2, 1) - _FIRST).days).map(lambda n: _FIRST + timedelta(n))
OUTCOMES = st.sampled_from(["granted", "unclear", "other", None])
REVIEWS = st.sampled_from(["v1", "v2"])


@st.composite
def summaries(draw: st.DrawFn) -> Any:
    received_on = draw(st.none() | DATES)
    closed_on = draw(st.none() | DATES)
    return summary(
        organ=draw(st.sampled_from(["a", "b"])),
        channel=draw(st.sampled_from(["online", "post"])),
        received_on=received_on,
        closed_on=closed_on,
        state=draw(st.sampled_from(["unconfirmed", "open", "stopped", "answered", "closed", "retracted"])),
        outcome=draw(OUTCOMES),
        timeliness=draw(st.sampled_from(["in-time", "late", None])),
    )


@st.composite
def events_of(draw: st.DrawFn, subject: str) -> list[CaseEvent]:
    """The numbered events of one subject."""
    found: list[CaseEvent] = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        request = draw(st.none() | summaries())
        match draw(st.sampled_from(["recorded", "filed", "decided", "tally"])):
            case "recorded":
                event = recorded(subject, number, request)
            case "filed":
                event = filed(subject, number, draw(REVIEWS), draw(DATES), request)
            case "decided":
                event = decided(subject, number, draw(st.none() | DATES), draw(REVIEWS), request=request)
            case _:
                measure = draw(st.sampled_from(["page-views", "fees-collected", "regulations-in-force"]))
                count = draw(st.none() | st.decimals(0, 10**9, places=4).map(str))
                event = tally(subject, number, count, measure, draw(REVIEWS), draw(DATES), request)
        found.append(event)
    return found


@st.composite
def logs(draw: st.DrawFn) -> list[CaseEvent]:
    """One partition of the case topic: several subjects' events, interleaved, each subject's in order."""
    queues = [draw(events_of(subject)) for subject in ("r1", "r2", "a")[: draw(st.integers(1, 3))]]
    found: list[CaseEvent] = []
    while queues:
        queue = queues[draw(st.integers(0, len(queues) - 1))]
        found.append(queue.pop(0))
        queues = [q for q in queues if q]
    return found


def folded(events: list[CaseEvent]) -> Fold:
    fold = Fold()
    for event in events:
        fold.apply(event)
    return fold


def state(fold: Fold) -> Any:
    key = repr
    return fold.cells, sorted(fold.rows(), key=key), sorted(fold.changes, key=key)


@given(logs())
def test_the_counters_equal_a_recount_and_the_sum_of_their_changes(events: list[CaseEvent]) -> None:
    fold = folded(events)
    assert recount(fold.rows()) == fold.cells
    summed: dict[Any, Any] = {}
    for change in fold.changes:
        add(summed, {change.cell: change.delta})
    assert summed == fold.cells


@given(logs(), st.data())
def test_repeating_any_stretch_of_the_log_changes_nothing(events: list[CaseEvent], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(events)))
    last = data.draw(st.integers(first, len(events)))
    again = [*events[:last], *events[first:last], *events[last:]]
    assert state(folded(again)) == state(folded(events))


@given(logs())
def test_replaying_the_whole_log_changes_nothing(events: list[CaseEvent]) -> None:
    once = folded(events)
    before = state(once)
    for event in events:
        assert not once.apply(event)
    assert state(once) == before
    assert once.repeated == len(events)


@given(logs(), st.data())
def test_batches_add_up_to_the_whole(events: list[CaseEvent], data: st.DataObject) -> None:
    """As the database folds: each batch in a fold made of the rows before it, its cells added to the counters."""
    rows: tuple[list[RequestRow], list[ReviewRow], list[TallyRow]] = ([], [], [])
    counters: dict[Any, Any] = {}
    rest = events
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        batch = Fold(*rows)
        for event in rest[:size]:
            batch.apply(event)
        add(counters, batch.cells)
        rows = (
            list(batch.requests.values()),
            [r for r in batch.reviews.values() if r],
            [t for t in batch.tallies.values() if t],
        )
        rest = rest[size:]
    whole = folded(events)
    assert counters == whole.cells
    assert sorted([*rows[0], *rows[1], *rows[2]], key=repr) == sorted(whole.rows(), key=repr)


@given(logs())
def test_events_read_back_from_the_log_fold_the_same(events: list[CaseEvent]) -> None:
    assert state(folded([decode_case_event(encode(e)) for e in events])) == state(folded(events))


@given(logs())
def test_no_count_of_requests_or_reviews_is_negative(events: list[CaseEvent]) -> None:
    for end in range(len(events) + 1):
        assert all(number > 0 for number in folded(events[:end]).cells.values())
