"""An answer that a review orders has its own limit; what was counted, breached and done before it stays as it was."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.stats.cells import Cell, Number, RequestRow, contributions, value
from services.statute import assessment
from services.statute.calendars import shipped
from services.statute.explain import explain
from services.statute.state import Fact, RequestState
from services.statute.status import status
from services.tracker.core.decide import summary
from tests.law import fact, received, view
from tests.unit.test_office_steps import own_ladder


def filed(on: str, review: str = "v") -> Fact:
    return fact("review-filed", review=review, organ="x", kind="reconsideration", filed_on=on)


def ordered(on: str, amount: int, unit: str = "working-day", review: str = "v", result: str = "corrected") -> Fact:
    within = SimpleNamespace(amount=amount, unit=unit)
    values = {"decided_on": on, "delivered_on": on, "result": result, "answer_within": within}
    return fact("review-decided", review=review, **values)


def answer(on: str, outcome: str = "refused-internal-affairs", after: str | None = None) -> Fact:
    return fact("answer-issued", outcome=outcome, answered_on=on, after_review=after)


def breaches(found: RequestState) -> tuple[date | None, date | None]:
    return found.breached_from, found.overdue_from


FIRST = [received("2024-03-01"), answer("2024-03-10"), filed("2024-03-20"), ordered("2024-05-10", 15)]
"""Answered in time; another answer is due by 30 May."""


@pytest.mark.parametrize(
    ("more", "today", "stands"),
    [
        ([], "2024-05-15", "open"),
        ([], "2024-07-01", "overdue"),
        ([answer("2024-05-20", "granted", "v")], "2024-07-01", "answered"),
        ([answer("2024-07-01", "granted", "v")], "2024-07-02", "answered"),
    ],
)
def test_the_first_answer_stays_in_time_whatever_comes_of_the_ordered_one(
    more: list[Fact], today: str, stands: str
) -> None:
    found = view([*FIRST, *more], today)
    assert (found.timeliness, found.closed_on, found.outcome) == (
        "in-time",
        date(2024, 3, 10),
        "refused-internal-affairs",
    )
    assert status(found, date.fromisoformat(today)) == stands


def test_the_breach_of_an_order_lasts_until_the_ordered_answer() -> None:
    def lasts(facts: Sequence[Fact], today: str) -> list[tuple[Any, Any]]:
        return [(line.first, line.last) for line in lines(facts, today) if line.kind == "overdue"]

    assert lasts(FIRST, "2024-07-01") == [(date(2024, 5, 31), None)]
    again = [*FIRST, answer("2024-07-01", "granted", "v")]
    assert lasts(again, "2024-07-02") == [(date(2024, 5, 31), date(2024, 7, 1))]


def lines(facts: Sequence[Fact], today: str) -> Any:
    day, calendar = date.fromisoformat(today), shipped("CN")
    return explain(assessment.assess(assessment.read(facts), "CN", calendar, day), calendar, day)


def test_an_answer_within_the_order_is_in_time_though_the_laws_limit_would_have_passed() -> None:
    facts = [received("2024-03-01"), filed("2024-03-10"), ordered("2024-03-20", 30, "calendar-day")]
    assert breaches(view(facts, "2024-04-09")) == (None, None)
    found = view([*facts, answer("2024-04-10", after="v")], "2024-04-11")
    assert (found.timeliness, found.state, breaches(found)) == ("in-time", "answered", (None, None))
    late = view([*facts, answer("2024-04-22", after="v")], "2024-04-23")
    assert (late.timeliness, breaches(late)) == ("late", (None, date(2024, 4, 20)))


def test_an_answer_on_the_day_of_the_orders_receipt_fulfils_it() -> None:
    facts = [received("2024-03-01"), filed("2024-04-20"), ordered("2024-05-10", 15), answer("2024-05-10", "granted")]
    found = view(facts, "2024-06-30")
    assert (found.state, found.timeliness, breaches(found)) == ("answered", "late", (None, date(2024, 3, 30)))


def test_a_second_order_takes_no_breach_back() -> None:
    missed = [*FIRST, answer("2024-07-01", "granted", "v")]
    again = [*missed, filed("2024-07-20", "w"), ordered("2024-08-10", 15, review="w")]
    found = view(again, "2024-08-12")
    assert (found.due_on, found.ordered_by, found.overdue_from) == (date(2024, 8, 30), "w", date(2024, 5, 31))
    assert found.clocks[0].overdue_from is None, "the second one has its time still"
    assert status(found, date(2024, 8, 12)) == "open"
    unanswered = view([*FIRST, filed("2024-07-20", "w"), ordered("2024-08-10", 15, review="w")], "2024-08-12")
    assert unanswered.overdue_from == date(2024, 5, 31)
    in_its_time = [*FIRST, filed("2024-05-12", "w"), ordered("2024-05-20", 15, review="w")]
    assert view(in_its_time, "2024-06-03").overdue_from is None, "the first was not missed when the second came"


def test_a_breach_of_the_law_stays_beside_that_of_an_order() -> None:
    facts = [received("2022-11-01"), answer("2023-01-10"), filed("2023-01-20"), ordered("2023-03-01", 10)]
    assert breaches(view(facts, "2023-03-02")) == (None, date(2022, 11, 30))
    found = view(facts, "2023-05-01")
    assert (found.timeliness, breaches(found)) == ("late", (date(2022, 11, 30), date(2023, 3, 16)))
    told = summary(found)
    assert told is not None and (told.breached_from, told.overdue_from) == breaches(found)


def test_an_upheld_answer_with_an_order_is_told() -> None:
    facts = [*FIRST[:3], ordered("2024-05-10", 15, result="upheld")]
    found = view(facts, "2024-05-15")
    assert (found.due_on, [r.code for r in found.remarks]) == (date(2024, 5, 30), ["upheld-orders"])


def test_no_line_takes_an_order_for_a_change_of_law_or_of_calendar() -> None:
    law = [received("2018-03-01"), filed("2019-04-10"), ordered("2019-06-03", 15)]
    assert not {line.kind for line in lines(law, "2019-06-10")} & {"other-version", "calendar-change"}
    calendar = [received("2019-12-01"), answer("2019-12-20"), filed("2020-01-10"), ordered("2020-03-02", 15)]
    assert not {line.kind for line in lines(calendar, "2020-03-10")} & {"other-version", "calendar-change"}


def counted(facts: Sequence[Fact], today: str) -> Mapping[Cell, Number]:
    return contributions(RequestRow("r", 1, summary(view(facts, today))))


@pytest.mark.parametrize("first", [FIRST[:2], [received("2022-11-01"), answer("2023-01-10")]])
def test_an_order_moves_no_number_of_a_request_that_was_answered(first: list[Fact]) -> None:
    before = counted(first, "2024-03-15")
    assert any(cell.kind == "closed" for cell in before)
    facts = [*first, filed("2024-03-20"), ordered("2024-05-10", 15)]
    for today in ("2024-05-15", "2024-07-01", "2027-01-04"):
        assert counted(facts, today) == before, today
    assert counted([*facts, answer("2024-07-01", "granted", "v")], "2024-07-02") == before


def test_silence_stays_a_breach_of_its_year_when_an_order_is_missed_too() -> None:
    facts = [received("2022-11-01"), filed("2023-01-20"), ordered("2023-03-01", 10)]
    pending = {cell: n for cell, n in counted(facts, "2023-05-01").items() if cell.kind == "breached"}
    assert [cell.year for cell in pending] == [2022]
    late = counted([*facts, answer("2023-05-10", after="v")], "2023-05-11")
    assert {(c.kind, c.year) for c in late if c.kind.startswith("breached")} == {
        ("breached", 2022),
        ("breached-ended", 2023),
    }
    assert [value(c, "timeliness") for c in late if c.kind == "closed"] == ["late"]


def given(name: str, unit: str, on: str, step: str = "sign", done: str | None = None) -> list[Fact]:
    facts = [fact("assignment-opened", assignment=name, unit=unit, step=step, assigned_on=on, due_on=None)]
    return facts + ([fact("assignment-completed", assignment=name, completed_on=done)] if done else [])


def test_an_order_takes_back_no_late_step_and_no_card() -> None:
    late = [received("2022-03-01"), *given("a", "u1", "2022-03-15", done="2022-04-02"), answer("2022-04-02")]
    before = view(late, "2022-12-01")
    assert [s.overdue_from for s in before.steps] == [date(2022, 3, 29)]
    assert {(r.limit, r.level) for r in before.rungs} >= {("step", "yellow")}
    again = [*late, filed("2022-12-10"), ordered("2023-01-10", 15)]
    pending = view(again, "2023-01-12")
    assert (pending.steps, pending.rungs) == (before.steps, before.rungs)
    work = [*again, *given("b", "u2", "2023-01-12"), answer("2023-01-20", "granted", "v")]
    done = view(work, "2023-02-01")
    assert done.steps[0] == before.steps[0] and done.rungs == before.rungs
    assert [(s.unit, s.state, s.done_on, s.due_on) for s in done.steps[1:]] == [
        ("", "ended", date(2023, 1, 20), date(2023, 2, 2))
    ], "the work on the ordered answer has a round of its own"
    assert [h.unit for h in done.steps[1].holdings] == ["u2"]
    assert not [r.code for r in done.remarks if r.code == "assignment-after-end"]


def ordered_twice(second: str, *between: Fact) -> list[Fact]:
    """Answered in time, a new answer ordered on 10 March 2025 within ten working days, and on another day once more."""
    return [
        *(received("2025-01-06"), answer("2025-01-20"), filed("2025-02-10"), ordered("2025-03-10", 10)),
        *(*between, filed("2025-04-01", "w"), ordered(second, 10, review="w")),
    ]


def test_a_second_order_takes_back_no_work_on_the_first_one() -> None:
    work = [*given("b", "u1", "2025-03-11", "opinion", "2025-03-20"), *given("c", "u2", "2025-03-12", "sign")]
    work.append(answer("2025-03-26", "granted", "v"))
    first = view(ordered_twice("2025-05-12", *work)[:-2], "2025-04-01")
    assert [(s.about, s.state, s.due_on, s.overdue_from) for s in first.steps] == [
        ("b", "completed", date(2025, 3, 18), date(2025, 3, 19)),
        ("c", "ended", date(2025, 3, 21), date(2025, 3, 22)),
    ]
    assert first.rungs, "what was late had cards"
    both = view([*ordered_twice("2025-05-12", *work), *given("d", "u1", "2025-05-13", "sign")], "2025-05-14")
    assert (both.steps[:2], both.rungs) == (first.steps, first.rungs)
    assert [(s.about, s.state, s.due_on) for s in both.steps[2:]] == [("d", "assigned", date(2025, 5, 23))]
    assert not [r.code for r in both.remarks if r.code == "assignment-after-end"]


def test_the_work_on_an_order_that_was_not_kept_ends_with_the_next_one() -> None:
    found = view(ordered_twice("2025-05-12", *given("b", "u1", "2025-03-11", "sign")), "2025-05-20")
    assert [(s.state, s.done_on) for s in found.steps] == [("ended", date(2025, 5, 12))]


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[None]:
    with own_ladder(tmp_path):
        yield


def test_a_missed_order_has_cards_of_its_own_beside_those_of_the_laws_limit(bureau: None) -> None:
    def cards(facts: Sequence[Fact], today: str) -> list[tuple[str, str, date]]:
        return [(r.level, r.about, r.on) for r in view(facts, today).rungs]

    late = [received("2024-03-01"), answer("2024-04-02"), filed("2024-04-20"), ordered("2024-05-10", 15)]
    own = [("yellow", "", date(2024, 4, 1))]
    assert cards(late[:2], "2024-05-01") == cards(late, "2024-05-20") == own
    assert cards(late, "2024-06-20") == [*own, ("yellow", "v", date(2024, 5, 31)), ("red", "v", date(2024, 6, 6))]
    assert cards([*late, answer("2024-05-29", "granted", "v")], "2024-06-20") == own
    silent = [received("2024-03-01"), filed("2024-04-20"), ordered("2024-05-10", 15)]
    assert cards(silent, "2024-05-20") == [*own, ("red", "", date(2024, 4, 8))]
    unmissed = [received("2024-03-01"), filed("2024-03-10"), ordered("2024-03-20", 15)]
    assert cards(unmissed, "2024-04-09") == [], "the order came before the law's limit had passed"


def test_each_missed_order_has_cards_of_its_own(bureau: None) -> None:
    found = view(ordered_twice("2025-05-12"), "2025-06-20").rungs
    assert [(r.level, r.about, r.on) for r in found if r.level != "warning"] == [
        ("yellow", "v", date(2025, 3, 25)),
        ("red", "v", date(2025, 3, 31)),
        ("yellow", "w", date(2025, 5, 27)),
        ("red", "w", date(2025, 6, 3)),
    ]
