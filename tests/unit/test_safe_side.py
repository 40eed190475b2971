"""The safe side: open points are read so that nobody breaks the law by relying on a date, and the rest is shown."""

import json
import re
from datetime import date, timedelta
from typing import Any

import pytest

from services.events import facts as f
from services.events.codec import decode_fact
from services.events.refusals import Refused
from services.statute import clock as clocks
from services.statute.calendars import calendar_as_of, shipped
from services.statute.status import status
from services.statute.versions import profiles
from services.tracker.core.attention import without_effect
from services.tracker.core.case import Case
from services.tracker.core.decide import decide
from services.tracker.core.preview import answer
from tests.law import clarified, consulted, due, fact, received, timer, view
from tests.law_cases import NOW, WORLD, make

DAY = timedelta(days=1)
RECEIVED = {"organ": "o", "channel": "in-person", "applicant": "business", "submitted_on": "2025-03-03"}


def ask(*facts: tuple[str, dict[str, Any]], first: dict[str, Any] = RECEIVED, **more: Any) -> dict[str, Any]:
    given = [{"type": name, "data": data} for name, data in (("request-received", first), *facts)]
    line = json.dumps({"statute": "CN", "facts": given, "as_of": "2025-03-10", **more}).encode()
    found: dict[str, Any] = json.loads(answer(line))
    return found


def codes(found: Any) -> list[str]:
    return [each.code for each in found.remarks]


# A day named in a notice.


def test_a_named_day_rolls_and_the_other_reading_closes_the_request() -> None:
    facts = [received("2025-01-15"), *clarified("2025-01-20", "2025-02-01", "2025-02-05")]
    assert due(facts, "2025-02-06") == "2025-03-04"
    assert timer(view(facts, "2025-02-06"), "clarification-reply").due_on == date(2025, 2, 5)
    assert view(facts, "2025-02-06", "CN-2019", named_date="stands").outcome == "clarification-lapsed"


def test_a_deferral_to_a_day_off_does_not_roll() -> None:
    facts = [received("2025-03-03"), fact("volume-deferred", notified_on="2025-03-20", until="2025-05-03")]
    assert due(facts, "2025-03-21") == "2025-05-03"


def test_a_late_correction_with_good_cause_is_taken() -> None:
    facts = [received("2025-03-03"), *clarified("2025-03-06", "2025-03-20")]
    late = fact("clarification-received", received_on="2025-03-28")
    excused = fact("clarification-received", received_on="2025-03-28", excused=True)
    assert view([*facts, late], "2025-04-01").outcome == "clarification-lapsed"
    assert due([*facts, excused], "2025-04-01") == "2025-04-27"


# What a slip of the pen must not do.


def test_a_day_to_respond_by_before_its_own_notice_ends_nothing() -> None:
    found = view([received("2024-03-04"), *clarified("2024-03-06", "2024-03-01")], "2024-05-01")
    assert (found.state, found.outcome, found.due_on) == ("open", "", date(2024, 4, 1))
    assert found.overdue_from == date(2024, 4, 2)
    (said,) = [each for each in found.remarks if each.code == "respond-by-before-notice"]
    assert without_effect(said), "it needs a person"


@pytest.mark.parametrize(
    "early",
    [
        fact("extension-granted", decided_on="2025-02-20", notified_on="2025-02-21", amount=20),
        fact("volume-deferred", notified_on="2025-02-20", until="2025-08-10"),
        fact("fee-notified", notified_on="2025-02-10", amount=100),
        clarified("2025-02-24", "2025-02-28")[0],
        consulted("2025-02-26", None)[0],
    ],
    ids=lambda early: early.name,
)
def test_what_is_dated_before_the_receipt_neither_lengthens_the_limit_nor_ends_the_request(early: Any) -> None:
    found = view([received("2025-03-03"), early], "2025-03-20")
    assert (found.state, found.outcome, found.due_on) == ("open", "", date(2025, 3, 31))
    (said,) = [each for each in found.remarks if each.code == "fact-before-receipt"]
    assert without_effect(said)


def test_a_notice_before_the_receipt_is_not_the_one_that_was_asked_in_time() -> None:
    early, asked = clarified("2025-02-24", "2025-02-28")[0], clarified("2025-03-06", "2025-03-20")[0]
    found = view([received("2025-03-03"), early, asked], "2025-03-10")
    assert timer(found, "clarification-notice").done_on == date(2025, 3, 6)


def test_a_refusal_without_its_ground_opens_no_direct_lawsuit_either() -> None:
    def windows(outcome: str) -> list[str]:
        answer = fact("answer-issued", outcome=outcome, answered_on="2025-03-20", service="handed")
        return [c.limit for c in view([received("2025-03-03"), answer], "2025-03-21").clocks]

    assert "litigation" not in windows("refused")
    assert "litigation" not in windows("refused-third-party")
    assert "litigation" in windows("granted")


def test_an_answer_to_a_request_whose_receipt_is_not_confirmed_says_that_it_has_no_effect() -> None:
    request = received("2025-03-03", channel="online", received_on=None)
    answer = fact("answer-issued", outcome="granted", answered_on="2025-03-25", service="electronic")
    found = view([request, answer], "2025-05-20")
    assert (found.state, found.outcome) == ("unconfirmed", "")
    (said,) = [each for each in found.remarks if each.code == "ended-unconfirmed"]
    assert said.values == {"how": "answered", "on": "2025-03-25"} and without_effect(said)
    confirmed = view([request, answer, fact("receipt-confirmed", confirmed_on="2025-03-04")], "2025-05-20")
    assert (confirmed.state, codes(confirmed)) == ("answered", ["receipt-confirmed-next-day"])


# Silence of those who are asked.


def test_during_a_consultation_no_day_is_due_and_the_latest_is_shown() -> None:
    facts = [received("2025-03-03"), *consulted("2025-03-07", None)]
    during, after = view(facts, "2025-03-20"), view(facts, "2025-04-15")
    assert (during.state, during.due_on, during.latest_due_on) == ("stopped", None, after.due_on)
    assert (after.state, after.latest_due_on) == ("open", None)


def test_a_stop_without_a_limit_is_told_with_its_beginning() -> None:
    found = view([received("2013-03-04"), *consulted("2013-03-08", None)], "2014-03-01")
    assert found.state == "stopped"
    assert [each.values for each in found.remarks if each.code == "stop-without-limit"] == [{"since": "2013-03-09"}]


def test_the_letter_counts_from_its_delivery_even_if_that_is_entered_later() -> None:
    facts = [received("2025-03-03"), *consulted("2025-03-07", None)]
    reached = fact("consultation-reached", consultation="c1", reached_on="2025-03-10")
    assert timer(view([*facts, reached], "2025-12-10"), "consultation").due_on == date(2025, 3, 31)
    assert due([*facts, reached], "2025-12-10") == "2025-04-23"


@pytest.mark.parametrize(("sent", "buys"), [("2025-03-28", True), ("2025-03-31", False)])
def test_a_consultation_that_buys_no_time_says_so(sent: str, buys: bool) -> None:
    found = view([received("2025-03-03"), *consulted(sent, "2025-04-10")], "2025-04-10")
    assert ("buys-no-time" in codes(found)) is not buys
    assert (found.due_on != date(2025, 3, 31)) is buys


def test_a_notice_that_stops_no_clock_says_so() -> None:
    found = view([received("2013-03-04"), *clarified("2013-03-06", "2013-03-20")], "2013-03-10")
    assert "stops-no-clock" in codes(found)


# A breach that a late fact removes.


def test_a_late_fact_that_removes_a_breach_withdraws_it() -> None:
    case = Case(subject="r")
    start = date(2025, 3, 3)
    names: list[str] = []
    facts = [
        make("request-received", 0, start, organ="o", channel="in-person", applicant="business", submitted_on=start),
        make("review-filed", 1, date(2025, 4, 20), review="v", organ="o", kind="complaint", filed_on=date(2025, 4, 20)),
        make("consultation-opened", 2, start, consultation="c", party="third-party", sent_on=date(2025, 3, 25)),
        make("consultation-closed", 3, start, consultation="c", closed_on=date(2025, 4, 18), reply="agreed"),
    ]
    for each in facts:
        case, events = decide(case, each, WORLD, NOW, {})
        names += [type(event).__name__ for event in events]
    assert names.count("RequestOverdue") == names.count("OverdueWithdrawn") == 1
    assert case.view.overdue_from is None


# Remedies.


def answered(outcome: str, on: str = "2024-05-10", **values: Any) -> list[Any]:
    return [received("2024-04-15"), fact("answer-issued", outcome=outcome, answered_on=on, service="posted", **values)]


def windows(facts: list[Any], today: str = "2024-05-16") -> set[str]:
    return {t.limit for t in view(facts, today).clocks} & {"reconsideration", "litigation"}


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("refused-state-secret", {"reconsideration"}),
        ("granted-in-part", {"reconsideration"}),
        ("granted", {"reconsideration", "litigation"}),
        ("does-not-exist", {"reconsideration", "litigation"}),
    ],
)
def test_since_2024_a_refusal_goes_to_reconsideration_first(outcome: str, expected: set[str]) -> None:
    assert windows(answered(outcome)) == expected


def test_before_2024_a_refusal_could_be_sued_at_once() -> None:
    facts = [received("2023-04-13"), fact("answer-issued", outcome="refused-state-secret", answered_on="2023-05-10")]
    assert windows(facts, "2023-05-16") == {"reconsideration", "litigation"}


def test_the_window_counts_from_delivery_and_is_at_the_earliest_without_it() -> None:
    facts = answered("refused-deliberative")
    before = timer(view(facts, "2024-05-16"), "reconsideration")
    later = timer(view([*facts, fact("answer-delivered", delivered_on="2024-05-14")], "2024-05-16"), "reconsideration")
    assert (before.start, before.earliest) == (date(2024, 5, 10), True)
    assert (later.start, later.due_on, later.earliest) == (date(2024, 5, 14), date(2024, 7, 15), False)


def test_after_a_reconsideration_there_is_one_window_for_a_suit() -> None:
    facts = [
        *answered("granted"),
        fact("review-filed", review="v", organ="o", kind="reconsideration", filed_on="2024-06-03"),
        fact("review-decided", review="v", decided_on="2024-07-10", result="upheld"),
        fact("review-decision-delivered", review="v", delivered_on="2024-07-12"),
    ]
    [suit] = [t for t in view(facts, "2024-07-15").clocks if t.limit == "litigation"]
    assert (suit.start, suit.due_on, suit.about) == (date(2024, 7, 12), date(2024, 7, 29), "v")


# A new answer that was ordered.


class Within:
    amount, unit = 20, "working-day"


def test_an_ordered_answer_has_its_own_limit_and_counts_once() -> None:
    facts = [
        received("2025-02-20"),
        fact("answer-issued", outcome="refused-deliberative", answered_on="2025-03-10"),
        fact("review-filed", review="v", organ="o", kind="reconsideration", filed_on="2025-04-01"),
        fact(
            "review-decided",
            review="v",
            decided_on="2025-06-20",
            delivered_on="2025-06-25",
            result="corrected",
            answer_within=Within,
        ),
    ]
    ordered = view(facts, "2025-07-01")
    assert (status(ordered, date(2025, 7, 1)), ordered.due_on) == ("open", date(2025, 7, 23))
    assert (ordered.outcome, ordered.closed_on, ordered.timeliness) == (
        "refused-deliberative",
        date(2025, 3, 10),
        "in-time",
    )
    again = fact("answer-issued", outcome="granted", answered_on="2025-07-15", after_review="v")
    done = view([*facts, again], "2025-07-16")
    assert (done.state, done.outcome, done.closed_on) == ("answered", "refused-deliberative", date(2025, 3, 10))
    assert (done.reanswered_on, done.reanswer_outcome, done.timeliness) == (date(2025, 7, 15), "granted", "in-time")
    assert status(view(facts, "2025-07-24"), date(2025, 7, 24)) == "overdue"


# Receipt.


def test_mail_is_of_post_only() -> None:
    fact = make(
        "request-received", 0, date(2025, 3, 3), **{**RECEIVED, "submitted_on": date(2025, 3, 3)}, mail="signed"
    )
    with pytest.raises(Refused, match=r"data\.mail"):
        decode_fact(json.dumps(json.loads(_encoded(fact))).encode())


def _encoded(event: f.RequestFact) -> bytes:
    from services.events.codec import encode

    return encode(event)


@pytest.mark.parametrize(
    ("submitted", "confirmed", "expected"),
    [("2011-06-01", "2011-06-10", "2011-06-01"), ("2016-06-01", "2016-06-07", "2016-06-07")],
)
def test_an_online_request_counts_from_submission_until_the_letter_of_2015(
    submitted: str, confirmed: str, expected: str
) -> None:
    found = view([received(submitted, channel="online", confirmed_on=confirmed)], confirmed)
    assert found.received_on == date.fromisoformat(expected)


# Nothing is cited before it was issued.

ISSUED = {
    "指导案例26号": date(2014, 1, 26),
    "国办公开办函〔2015〕207号": date(2015, 11, 18),
    "国办函〔2020〕109号": date(2021, 1, 1),
    "民法总则": date(2017, 10, 1),
    "民法典": date(2021, 1, 1),
    "行诉解释": date(2018, 2, 8),
    "行政复议法(2023)": date(2024, 1, 1),
}
YEAR = re.compile(r"(?:〔|\()(\d{4})(?:〕|\))|(?:Act|Code) (\d{4})")


def texts(value: Any, at: date) -> list[tuple[str, date]]:
    """Every article and source of a profile, with the first day on which it can be cited."""
    found: list[tuple[str, date]] = []
    for name in value.__struct_fields__:
        part = getattr(value, name)
        if name in ("article", "source"):
            found += [(text, at) for text in ([part] if isinstance(part, str) else [part.zh, part.en])]
        elif name in ("remedies", "temporary"):
            for each in part:
                found += texts(each, max(at, each.from_))
        elif name != "changes" and hasattr(part, "__struct_fields__"):
            found += texts(part, at)
    return found


@pytest.mark.parametrize("name", sorted(profiles()))
def test_nothing_cites_a_document_before_it_was_issued(name: str) -> None:
    profile = profiles()[name]
    dated = [(profile.in_force.from_, profile), *profile.dated]
    assert len(dated) == len(profile.changes) + 1
    for since, one in dated:
        for text, day in texts(one, since):
            early = [document for document, issued in ISSUED.items() if document in text and day < issued]
            early += [y for found in YEAR.findall(text) for y in found if y and int(y) > day.year]
            assert not early, (name, since, text)


# Counting.


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2023-11-30", "2024-02-29"),
        ("2022-11-30", "2023-02-28"),
        ("2023-11-29", "2024-02-28"),
        ("2023-12-01", "2024-02-29"),
    ],
)
def test_three_months_beginning_with_a_day(first: str, last: str) -> None:
    zero = date.fromisoformat(first) - DAY
    assert clocks.add("month", shipped("UK"), zero, 3, whole_days=True) == date.fromisoformat(last)


def test_the_last_days_of_december_are_provisional_until_the_next_years_notice() -> None:
    now, then = shipped("CN"), calendar_as_of("CN", date(2024, 11, 1))
    assert [then.is_provisional(date(2024, 12, day)) for day in (28, 29, 31)] == [False, True, True]
    assert not now.is_provisional(date(2024, 12, 31))
    assert not shipped("UK").is_provisional(date(2024, 12, 31))


# Temporary law.


@pytest.mark.parametrize(
    ("submitted", "on", "expected"),
    [
        ("2020-03-02", "2020-04-20", "in-time"),
        ("2020-03-02", "2020-04-06", "late"),
        ("2020-03-02", "2020-05-27", "late"),
        ("2020-04-01", "2020-05-26", "in-time"),
    ],
)
def test_a_limit_that_depends_on_the_day_of_the_answer(submitted: str, on: str, expected: str) -> None:
    end = ("answer-issued", {"outcome": "granted", "answered_on": on, "service": "posted"})
    found = ask(end, first={**RECEIVED, "submitted_on": submitted}, statute="SCT", as_of="2020-06-30")
    assert found["timeliness"] == expected


# What is shown beside the date.


def test_the_other_readings_are_shown_one_setting_at_a_time() -> None:
    [same] = [r for r in ask()["readings"] if r["value"] == "same-day"]
    assert (same["setting"], same["due_on"]) == ("start-day", "2025-03-28")
    opened = ("consultation-opened", {"consultation": "c", "party": "third-party", "sent_on": "2025-03-07"})
    closed = ("consultation-closed", {"consultation": "c", "closed_on": "2025-04-20", "reply": "none"})
    found = ask(opened, closed, as_of="2025-04-21")
    by = {(r["setting"], r["value"]): r["due_on"] for r in found["readings"]}
    assert by["exclusion-cap", "closing"] > found["due_on"]


def test_a_notice_among_the_facts_moves_the_date_once_it_is_known() -> None:
    data = {
        "calendar": "CN",
        "year": 2027,
        "days_off": ["2026-12-31", "2027-01-01"],
        "working_days": [],
        "notice": "2027年部分节假日安排",
        "published_on": "2026-12-10",
    }
    first = {**RECEIVED, "submitted_on": "2026-12-03"}
    notice = ("calendar-published", data)
    found = ask(notice, first=first, as_of="2026-12-11")
    assert (found["due_on"], found["provisional"]) == ("2027-01-04", False)
    before = ask(notice, first=first, as_of="2026-12-11", known_on="2026-12-09")
    assert (before["due_on"], before["provisional"]) == ("2026-12-31", True)


def test_a_date_agreed_holds_only_where_the_statute_knows_it() -> None:
    agreed = fact("date-agreed", agreed_on="2025-03-20", until="2025-05-30")
    found = view([received("2025-03-03"), agreed], "2025-03-21")
    assert found.due_on == date(2025, 3, 31)
    assert "agreement-unknown" in codes(found)
