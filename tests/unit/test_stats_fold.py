"""What case events do to the cells."""

from datetime import date
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from services.events.case_data import RequestSummary
from services.events.cases import CaseEvent
from services.events.vocabulary import Ref
from services.stats.cells import Cell, Number, of_year, recount
from services.stats.fold import Fold, Place
from tests.stats_events import answered, decided, filed, recorded, summary, tally


def folded(*events: CaseEvent) -> Fold:
    fold = Fold()
    for event in events:
        fold.apply(event)
    assert recount(fold.rows()) == fold.cells
    return fold


def under(year: int, kind: str, *places: str, law: str = "CN-2008") -> Cell:
    """A cell of the organ ``a`` under a law."""
    return Cell("a", year, kind, *places)._replace(statute=law)


RECEIVED = under(2013, "received", "online", "natural-person", "03")
CARRIED = under(2013, "carried", "natural-person")
GRANTED = under(2013, "closed", "granted", "natural-person", "in-time")
PACE = under(2013, "pace", "13", "in-time", "03")


def test_a_request_counts_in_the_year_of_its_receipt_and_in_that_of_its_end() -> None:
    late = answered(
        received_on=date(2013, 12, 30), closed_on=date(2014, 1, 3), answered_on=date(2014, 1, 3), timeliness="late"
    )
    fold = folded(recorded("r", 1, summary(received_on=date(2013, 12, 30))), recorded("r", 2, late))
    assert fold.cells == {
        RECEIVED._replace(c="12"): 1,
        CARRIED: 1,
        under(2014, "closed", "granted", "natural-person", "late"): 1,
        under(2014, "pace", "13", "late", "01"): 1,
        under(2014, "carried-ended", "natural-person"): 1,
    }


def test_a_request_not_received_in_law_yet_counts_nowhere() -> None:
    assert folded(recorded("r", 1, summary(state="unconfirmed", received_on=None, due_on=None))).cells == {}


def test_a_retracted_request_counts_nowhere_any_more() -> None:
    fold = folded(recorded("r", 1, answered()), recorded("r", 2, answered(state="retracted")))
    assert fold.cells == {}


def test_a_request_that_is_unknown_again_counts_nowhere() -> None:
    assert folded(recorded("r", 1, answered()), recorded("r", 2, None)).cells == {}


def test_a_reopened_request_is_received_and_not_ended() -> None:
    assert folded(recorded("r", 1, answered()), recorded("r", 2, summary())).cells == {RECEIVED: 1, CARRIED: 1}


def test_a_corrected_outcome_moves_from_one_cell_to_the_other() -> None:
    fold = folded(recorded("r", 1, answered()), recorded("r", 2, answered("unclear")))
    assert fold.cells == {RECEIVED: 1, GRANTED._replace(a="unclear"): 1, PACE: 1}


def test_an_end_without_outcome_and_timeliness_is_another_end() -> None:
    fold = folded(recorded("r", 1, answered(state="closed", outcome=None, timeliness=None, answered_on=None)))
    other = under(2013, "closed", "other", "natural-person")
    assert fold.cells == {RECEIVED: 1, other: 1, PACE._replace(b="unlimited"): 1}


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
    assert [c.cell for c in fold.changes] == [RECEIVED, CARRIED]
    assert fold.requests["r"].sequence == 2


def test_each_change_names_its_event_and_when_that_was_written() -> None:
    event = tally("a", 3, 7)
    fold = Fold()
    fold.apply(event, Place(2, 99))
    (change,) = fold.changes
    assert (change.cell.kind, change.delta, change.subject, change.sequence) == ("tally", 7, "a", 3)
    assert (change.recorded_at, change.place, change.cause) == (event.recordedtime, Place(2, 99), None)


def test_a_change_names_the_fact_behind_its_event() -> None:
    event = recorded("r", 1, summary())
    caused = replace(event, data=replace(event.data, cause=Ref("urn:shixian:test", "f1")))
    assert {c.cause for c in folded(caused).changes} == {Ref("urn:shixian:test", "f1")}


def pending(*requests: RequestSummary) -> dict[int, tuple[Number, Number]]:
    """What each year has carried in and carried out."""
    fold = folded(*(recorded(f"r{n}", 1, r) for n, r in enumerate(requests)))
    found = {}
    for year in range(2012, 2017):
        cells = of_year(fold.cells, {"a"}, year, "a")
        found[year] = tuple(sum(n for c, n in cells.items() if c.kind == k) for k in ("carried-in", "carried-out"))
    return {year: numbers for year, numbers in found.items() if any(numbers)}  # type: ignore[misc]  # two of them


def test_what_is_pending_at_a_year_s_end_is_carried_into_the_next_year() -> None:
    ended: dict[str, Any] = {"state": "closed", "answered_on": None, "outcome": "other", "timeliness": None}
    assert pending(answered()) == {}
    assert pending(summary(received_on=date(2013, 12, 31))) == {2013: (0, 1), 2014: (1, 1), 2015: (1, 1), 2016: (1, 1)}
    assert pending(answered(on=date(2013, 12, 31))) == {}
    assert pending(answered(on=date(2014, 1, 1))) == {2013: (0, 1), 2014: (1, 0)}
    assert pending(answered(closed_on=date(2015, 6, 1), **ended)) == {2013: (0, 1), 2014: (1, 1), 2015: (1, 0)}
    assert pending(summary(received_on=date(2014, 1, 1), state="stopped")) == {
        2014: (0, 1),
        2015: (1, 1),
        2016: (1, 1),
    }


def test_an_end_before_the_receipt_makes_no_negative_carry_over() -> None:
    assert pending(answered(on=date(2012, 6, 1))) == {}


REVIEW = Cell("a", 2013, "review", "reconsideration", "pending")


def test_a_review_is_pending_until_it_is_decided() -> None:
    assert folded(filed("r", 1)).cells == {REVIEW: 1}
    assert folded(filed("r", 1), decided("r", 2, date(2013, 12, 31))).cells == {REVIEW._replace(b="upheld"): 1}


def test_a_review_decided_in_a_later_year_stays_pending_in_the_year_of_its_filing() -> None:
    later = Cell("a", 2014, "review-later", "reconsideration", "upheld")
    assert folded(filed("r", 1), decided("r", 2, date(2014, 1, 1))).cells == {REVIEW: 1, later: 1}


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
    assert fold.cells == {RECEIVED: 1, GRANTED: 1, PACE: 1, REVIEW._replace(statute="CN-2008"): 1}


def test_a_review_goes_with_its_request_to_another_law_and_one_of_an_organ_says_its_own() -> None:
    english = answered(statute="UK")
    fold = folded(filed("r", 1), recorded("r", 2, answered()), recorded("r", 3, english))
    assert {cell.statute for cell in fold.cells} == {"UK"}
    assert fold.cells[REVIEW._replace(statute="UK")] == 1
    fold = folded(filed("a", 1, statute="CN-LICENSING"), decided("a", 2, None), filed("a", 3, "v2", statute="UK"))
    assert fold.cells == {REVIEW._replace(statute="UK"): 1}


def test_what_is_past_its_limit_and_open_is_overdue_at_each_year_s_end_until_it_ends() -> None:
    missed: dict[str, Any] = {"received_on": date(2013, 11, 20), "overdue_from": date(2013, 12, 12)}
    ends = {"late-in-2015": answered(on=date(2015, 2, 1), timeliness="late", **missed), "open": summary(**missed)}
    ends["same-year"] = answered(on=date(2013, 12, 20), timeliness="late", **missed)
    ends["stopped"] = summary(state="stopped", **missed)
    ends["in-time"] = answered(on=date(2015, 2, 1))
    fold = folded(*(recorded(name, 1, request) for name, request in ends.items()))
    overdue = {}
    for year in (2012, 2013, 2014, 2015):
        cells = of_year(fold.cells, {"a"}, year, "a")
        overdue[year] = sum(n for c, n in cells.items() if c.kind == "overdue")
    assert overdue == {2012: 0, 2013: 3, 2014: 3, 2015: 2}


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
