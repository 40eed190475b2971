"""Where two rules of a law meet: an item's limit and the law's extension, a weekend and an applicant's last day, a date
that somebody set and a notice that is still to come."""

from datetime import date
from types import SimpleNamespace

import pytest

from services.statute import assessment
from services.statute.calendars import shipped
from services.statute.explain import explain
from services.statute.office.items import item_of
from services.statute.readings import bearing
from services.statute.state import Fact, RequestState
from services.statute.versions import profile_for, profiles
from tests.law import clarified, consulted, extended, fact, received, timer, view


@pytest.mark.parametrize(
    ("amount", "unit", "due"),
    [
        (1, "month", "2024-04-16"),
        (6, "week", "2024-04-26"),
        (20, "working-day", "2024-04-15"),
        (30, "calendar-day", ""),
    ],
)
def test_an_extension_of_a_licence_is_of_working_days_whatever_the_items_limit_is_in(
    amount: int, unit: str, due: str
) -> None:
    limit = SimpleNamespace(amount=amount, unit=unit)
    item = item_of(SimpleNamespace(code="i", limit=limit, committed=None, special_steps=()))
    timeline = assessment.read([received("2024-03-01"), extended("2024-03-20", 10)])
    timeline.item = item
    calendar, profile = shipped("CN"), profile_for("CN-LICENSING", date(2024, 3, 1))
    found = assessment.assess_under(timeline, profile, calendar, date(2024, 3, 21)).state
    without = assessment.read([received("2024-03-01")])
    without.item = item
    plain = assessment.assess_under(without, profile, calendar, date(2024, 3, 21)).state
    assert plain.due_on is not None and found.due_on == calendar.add(plain.due_on, 10)
    assert not due or found.due_on == date.fromisoformat(due)


def australian(paid: str) -> RequestState:
    facts = [received("2024-04-22"), fact("fee-notified", notified_on="2024-05-02"), fact("fee-paid", paid_on=paid)]
    calendar = shipped(profiles()["AU"].calendar)
    return assessment.assess(assessment.read(facts), "AU", calendar, date(2024, 6, 10)).state


def test_the_last_day_for_a_fee_that_is_a_saturday_rolls_to_the_monday() -> None:
    assert australian("2024-06-03").state == "open"
    late = australian("2024-06-04")
    assert (late.state, late.outcome) == ("closed", "fee-lapsed")


def test_a_stop_of_2012_has_no_date_under_the_law_of_2019() -> None:
    facts = [received("2012-03-01"), *consulted("2012-03-05", None)]
    for today in ("2012-03-10", "2012-06-10", "2019-05-14"):
        assert view(facts, today).statute_other == "", today


def test_dates_that_a_notice_still_to_come_can_move_are_provisional_all_of_them() -> None:
    found = view([received("2026-12-28"), *clarified("2026-12-30", "2027-02-06")], "2026-12-31")
    assert timer(found, "clarification-reply").provisional
    assert timer(view([received("2026-12-28")], "2026-12-29"), "clarification-notice").provisional
    settled = view([received("2024-03-04"), *clarified("2024-03-06", "2024-03-15")], "2024-03-07")
    assert not timer(settled, "clarification-reply").provisional
    assert not timer(view([received("2024-03-04")], "2024-03-05"), "clarification-notice").provisional


@pytest.mark.parametrize(
    ("statute", "facts"),
    [
        ("IN", [fact("fee-notified", notified_on="2024-01-10")]),
        ("AU", [fact("fee-notified", notified_on="2024-06-10")]),
        ("US", clarified("2024-03-06", "2024-03-20")),
    ],
)
def test_which_day_a_stop_leaves_out_is_an_open_reading_wherever_it_stops_a_clock(
    statute: str, facts: list[Fact]
) -> None:
    profile = profiles()[statute].on(date(2024, 6, 1))
    asked = bearing(assessment.read([received("2024-01-02"), *facts]), profile)
    assert asked.count("excluded-boundary") == 1


def test_temporary_law_that_moved_the_date_is_in_the_account() -> None:
    def kinds(on: str, today: str) -> list[str]:
        day, calendar = date.fromisoformat(today), shipped(profiles()["SCT"].calendar)
        assessed = assessment.assess(assessment.read([received(on)]), "SCT", calendar, day)
        found = [line for line in explain(assessed, calendar, day) if line.kind == "temporary"]
        assert all("Coronavirus" in line.basis.en and "60" in line.en and "60" in line.zh for line in found)
        return [line.kind for line in found]

    assert kinds("2020-03-20", "2020-05-21") == ["temporary"]
    assert kinds("2019-03-20", "2019-04-01") == kinds("2021-03-22", "2021-04-01") == []


def test_a_lapse_says_in_both_languages_what_was_not_done() -> None:
    facts = [received("2024-03-04"), *clarified("2024-03-06", "2024-03-15")]
    calendar, day = shipped("CN"), date(2024, 3, 20)
    lines = explain(assessment.assess(assessment.read(facts), "CN", calendar, day), calendar, day)
    (end,) = (line for line in lines if line.kind == "end")
    assert (end.zh, end.en) == ("视为放弃，不再处理（逾期不补正）", "closed by the clock: not clarified in time")
