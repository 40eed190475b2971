"""What case events do to the cells."""

from datetime import date
from decimal import Decimal

from services.events.cases import CaseEvent
from services.stats.cells import Cell, recount
from services.stats.fold import Fold
from tests.stats_events import answered, decided, filed, recorded, summary, tally


def folded(*events: CaseEvent) -> Fold:
    fold = Fold()
    for event in events:
        fold.apply(event)
    assert recount(fold.rows()) == fold.cells
    return fold


RECEIVED = Cell("a", 2013, "received", "online", "natural-person")
GRANTED = Cell("a", 2013, "closed", "granted", "natural-person", "in-time")


def test_a_request_counts_in_the_year_of_its_receipt_and_in_that_of_its_end() -> None:
    late = answered(
        received_on=date(2013, 12, 30), closed_on=date(2014, 1, 3), answered_on=date(2014, 1, 3), timeliness="late"
    )
    fold = folded(recorded("r", 1, summary(received_on=date(2013, 12, 30))), recorded("r", 2, late))
    assert fold.cells == {RECEIVED: 1, Cell("a", 2014, "closed", "granted", "natural-person", "late"): 1}


def test_a_request_not_received_in_law_yet_counts_nowhere() -> None:
    assert folded(recorded("r", 1, summary(state="unconfirmed", received_on=None, due_on=None))).cells == {}


def test_a_retracted_request_counts_nowhere_any_more() -> None:
    fold = folded(recorded("r", 1, answered()), recorded("r", 2, answered(state="retracted")))
    assert fold.cells == {}


def test_a_request_that_is_unknown_again_counts_nowhere() -> None:
    assert folded(recorded("r", 1, answered()), recorded("r", 2, None)).cells == {}


def test_a_reopened_request_is_received_and_not_ended() -> None:
    assert folded(recorded("r", 1, answered()), recorded("r", 2, summary())).cells == {RECEIVED: 1}


def test_a_corrected_outcome_moves_from_one_cell_to_the_other() -> None:
    fold = folded(recorded("r", 1, answered()), recorded("r", 2, answered("unclear")))
    assert fold.cells == {RECEIVED: 1, GRANTED._replace(a="unclear"): 1}


def test_an_end_without_outcome_and_timeliness_is_another_end() -> None:
    fold = folded(recorded("r", 1, answered(state="closed", outcome=None, timeliness=None, answered_on=None)))
    assert fold.cells == {RECEIVED: 1, Cell("a", 2013, "closed", "other", "natural-person"): 1}


def test_a_repeated_event_changes_nothing() -> None:
    fold = folded(recorded("r", 1, summary()), recorded("r", 2, answered()))
    before = (dict(fold.cells), list(fold.changes), fold.rows())
    assert not fold.apply(recorded("r", 1, summary(organ="b")))
    assert not fold.apply(recorded("r", 2, summary()))
    assert (fold.cells, fold.changes, fold.rows()) == before
    assert fold.repeated == 2


def test_an_event_that_leaves_the_request_as_it_was_makes_no_change() -> None:
    fold = folded(recorded("r", 1, summary()))
    assert fold.apply(recorded("r", 2, summary()))
    assert len(fold.changes) == 1
    assert fold.requests["r"].sequence == 2


def test_each_change_names_its_event_and_when_that_was_written() -> None:
    event = recorded("r", 3, summary())
    (change,) = folded(event).changes
    assert (change.cell, change.delta, change.subject, change.sequence) == (RECEIVED, 1, "r", 3)
    assert change.recorded_at == event.recordedtime


REVIEW = Cell("a", 2013, "review", "reconsideration", "pending")


def test_a_review_is_pending_until_it_is_decided() -> None:
    assert folded(filed("r", 1)).cells == {REVIEW: 1}
    assert folded(filed("r", 1), decided("r", 2, date(2013, 12, 31))).cells == {REVIEW._replace(b="upheld"): 1}


def test_a_review_decided_in_a_later_year_stays_pending_in_the_year_of_its_filing() -> None:
    assert folded(filed("r", 1), decided("r", 2, date(2014, 1, 1))).cells == {REVIEW: 1}


def test_a_review_taken_back_counts_nowhere() -> None:
    fold = folded(filed("r", 1), decided("r", 2, None))
    assert fold.cells == {}
    assert folded(decided("r", 1, None)).cells == {}


def test_a_complaint_against_the_first_handling_is_told_apart() -> None:
    fold = folded(filed("a", 1, kind="complaint", first_handling_disputed=True), filed("a", 2, "v2", kind="complaint"))
    assert fold.cells == {
        Cell("a", 2013, "review", "complaint", "pending", "first-handling-disputed"): 1,
        Cell("a", 2013, "review", "complaint", "pending"): 1,
    }


def test_a_review_on_a_request_counts_beside_the_request() -> None:
    fold = folded(recorded("r", 1, answered()), filed("r", 2, request=answered()))
    assert fold.cells == {RECEIVED: 1, GRANTED: 1, REVIEW: 1}


def test_tallies_add_up_and_a_corrected_one_replaces_itself() -> None:
    views = Cell("a", 2013, "tally", "page-views")
    fold = folded(tally("a", 1, 100), tally("a", 2, 20, id="t2"), tally("a", 3, 90))
    assert fold.cells == {views: 110}
    assert fold.apply(tally("a", 4, None))
    assert fold.cells == {views: 20}


def test_decimals_are_kept_exactly() -> None:
    fees = Cell("a", 2013, "tally", "fees-collected")
    fold = folded(tally("a", 1, "0.1", "fees-collected"), tally("a", 2, "0.2", "fees-collected", "t2"))
    assert fold.cells == {fees: Decimal("0.3")}
    fold.apply(tally("a", 3, "0.7", "fees-collected", "t3"))
    assert fold.cells == {fees: 1} and isinstance(fold.cells[fees], int)


def test_a_tally_moved_to_another_year_leaves_the_first() -> None:
    fold = folded(tally("a", 1, 5), tally("a", 2, 5, on=date(2014, 1, 1)))
    assert fold.cells == {Cell("a", 2014, "tally", "page-views"): 5}
