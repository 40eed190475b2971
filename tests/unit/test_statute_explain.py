"""The account of a date: what it names, that its days add up, and both dates where a notice or the law changed."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from services.statute.account import Line
from services.statute.assessment import assess, read
from services.statute.calendars import shipped
from services.statute.explain import explain
from services.statute.state import Fact
from tests.law import clarified, consulted, extended, fact, received

CN = shipped("CN")


def account_lines(facts: Sequence[Fact], today: str = "2030-01-01", each_day: bool = False) -> list[Line]:
    day = date.fromisoformat(today)
    return explain(assess(read(facts), "CN", CN, day), CN, day, each_day=each_day)


def of(lines: list[Line], kind: str, limit: str = "answer") -> list[Line]:
    return [line for line in lines if line.kind == kind and line.limit == limit]


def test_a_request_of_2020_01_10_shows_the_date_before_the_notice_of_2020_01_27_and_after_it() -> None:
    lines = account_lines([received("2020-01-10")])
    (change,) = of(lines, "calendar-change")
    assert (str(change.first), str(change.last)) == ("2020-02-12", "2020-02-14")
    assert "2020-01-27" in change.en
    assert "2020-02-12" in change.zh
    assert str(of(lines, "due")[0].last) == "2020-02-14"


def test_the_labour_days_of_2019_too_and_not_what_came_in_after_the_notice() -> None:
    (change,) = of(account_lines([received("2019-03-20"), extended("2019-04-10", 15)]), "calendar-change")
    assert (str(change.first), str(change.last)) == ("2019-05-03", "2019-05-05")
    assert of(account_lines([received("2019-03-25"), extended("2019-04-10", 15)]), "calendar-change") == []
    assert of(account_lines([received("2020-02-03")]), "calendar-change") == []


@pytest.mark.parametrize("each_day", [False, True])
def test_the_days_of_the_account_are_all_days_and_the_counted_ones_are_the_limit(each_day: bool) -> None:
    facts = [received("2025-01-20"), *consulted("2025-02-05", "2025-02-12"), extended("2025-02-20", 7)]
    lines = [x for x in account_lines(facts, each_day=each_day) if x.limit == "answer"]
    days = [x for x in lines if x.kind in ("counted", "make-up", "weekend", "holiday", "left-out")]
    assert sum(x.days for x in days) == 27
    expected = date(2025, 1, 21)
    for line in days:
        assert line.first == expected
        assert line.last is not None
        expected = line.last + timedelta(days=1)
    assert of(lines, "due")[0].last == expected - timedelta(days=1)
    assert [str(x.first) for x in lines if x.kind == "make-up"] == ["2025-01-26"]
    if each_day:
        assert all(x.first == x.last for x in days)


def test_every_line_of_a_rule_names_its_article_and_both_languages() -> None:
    facts = [
        received("2025-03-03"),
        *clarified("2025-03-06", "2025-03-20", "2025-03-14"),
        *consulted("2025-03-18", "2025-03-25"),
        extended("2025-04-01", 10),
        fact("answer-issued", answered_on="2025-04-10"),
    ]
    lines = account_lines(facts)
    assert all(line.zh and line.en for line in lines)
    for kind in ("statute", "receipt", "limit", "restart", "left-out", "extension", "due", "setting"):
        assert of(lines, kind)
        assert all(line.basis.en for line in of(lines, kind))
    assert [x.limit for x in lines if x.kind == "due"] == [
        "answer",
        "clarification-notice",
        "clarification-reply",
        "consultation",
        "reconsideration",
        "litigation",
    ]


def test_holidays_are_named_in_both_languages() -> None:
    (holiday,) = of(account_lines([received("2025-03-20")]), "holiday")[:1]
    assert (str(holiday.first), str(holiday.last)) == ("2025-04-04", "2025-04-06")
    assert "清明节" in holiday.zh
    assert "Tomb-Sweeping Day" in holiday.en


def test_what_stands_still_has_an_open_end_and_no_last_day() -> None:
    lines = account_lines([received("2025-03-03"), *consulted("2025-03-10", None)], "2025-03-20")
    assert of(lines, "due") == []
    (stopped,) = of(lines, "stopped")
    assert (str(stopped.first), stopped.last) == ("2025-03-11", None)


def test_both_versions_at_the_change_of_law() -> None:
    (other,) = of(account_lines([received("2019-05-14")]), "other-version")
    assert str(other.last) == "2019-06-12"


def test_an_unconfirmed_rule_says_so() -> None:
    lines = account_lines([received("2025-03-03"), fact("fee-notified", notified_on="2025-03-10")], "2025-03-11")
    assert of(lines, "limit", "fee-payment")[0].basis.unsure


def test_a_date_beyond_the_published_calendar_says_that_it_is_provisional() -> None:
    on = (CN.published_through - timedelta(days=5)).isoformat()
    (line,) = of(account_lines([received(on)], on), "due")
    assert "provisional" in line.en
    assert "暂定" in line.zh


def test_a_line_as_the_interfaces_give_it() -> None:
    plain = account_lines([received("2025-03-03")])[0].plain()
    assert list(plain) == ["limit", "kind", "from", "to", "days", "text", "article", "basis"]
    assert set(plain["text"]) == {"zh", "en"}


@pytest.mark.parametrize(
    ("service", "counts"), [("posted", "posting"), ("handed", "signed for"), ("electronic", "sending")]
)
def test_what_counts_as_answering_is_said_by_the_way_of_service(service: str, counts: str) -> None:
    (line,) = of(
        account_lines([received("2025-03-03"), fact("answer-issued", answered_on="2025-03-20", service=service)]), "end"
    )
    assert counts in line.en
    assert "235号" in line.basis.en
