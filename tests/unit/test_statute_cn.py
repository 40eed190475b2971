"""The two Chinese regulations, fact by fact: each row a history and what the law makes of it."""

from datetime import date

import pytest

from services.statute import assessment
from services.statute.decisions import changes
from services.statute.versions import profiles
from services.words.remark import FactRef
from tests.law import FAR, clarified, consulted, due, extended, fact, received, timer, view

SIMPLE = [
    # received, statute version, due, why
    ("2013-01-10", "CN-2008", "2013-01-31"),
    ("2019-05-14", "CN-2008", "2019-06-04"),
    ("2019-05-15", "CN-2019", "2019-06-13"),
    ("2020-01-10", "CN-2019", "2020-02-14"),
    ("2021-12-02", "CN-2019", "2021-12-30"),
    ("2021-11-24", "CN-2019", "2021-12-22"),
    ("2025-01-18", "CN-2019", "2025-02-20"),
    ("2025-01-17", "CN-2019", "2025-02-20"),
]


@pytest.mark.parametrize(("on", "version", "last"), SIMPLE)
def test_a_request_and_nothing_else(on: str, version: str, last: str) -> None:
    found = view([received(on)])
    assert (found.statute, str(found.due_on)) == (version, last)


def test_a_request_pending_when_the_law_changed_shows_both_dates() -> None:
    found = view([received("2019-05-14")], "2019-05-20")
    assert (found.statute, str(found.due_on)) == ("CN-2008", "2019-06-04")
    assert (found.statute_other, str(found.due_on_other)) == ("CN-2019", "2019-06-12")
    answered = fact("answer-issued", answered_on="2019-05-14")
    assert view([received("2019-05-06"), answered]).statute_other == ""
    assert view([received("2019-01-07")]).statute_other == ""
    assert view([received("2019-05-15")]).statute_other == ""


def test_the_transition_can_be_read_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    old = profiles()["CN-2008"]
    other = old.with_settings({"transition": "pending-takes-new"}, "法〔2004〕96号纪要")
    monkeypatch.setattr(assessment, "profile_for", lambda statute, day: other)
    found = view([received("2019-05-14")], "2019-05-20")
    assert (found.statute, str(found.due_on)) == ("CN-2019", "2019-06-12")
    assert (found.statute_other, str(found.due_on_other)) == ("CN-2008", "2019-06-04")


R = "2025-03-03"
"""A Monday; the answer is due on 2025-03-31."""


def test_a_clarification_stops_the_clock_and_starts_it_anew_in_full() -> None:
    facts = [received(R), *clarified("2025-03-06", "2025-03-20")]
    stopped = view(facts, "2025-03-10")
    assert (stopped.state, stopped.due_on, str(stopped.last_due_on)) == ("stopped", None, "2025-03-31")
    assert str(stopped.stopped_since) == "2025-03-06"
    assert str(timer(stopped, "clarification-reply").due_on) == "2025-03-20"
    facts.append(fact("clarification-received", received_on="2025-03-14"))
    resumed = view(facts, "2025-03-14")
    assert (resumed.state, str(resumed.due_on)) == ("open", "2025-04-14")
    assert str(timer(resumed, "answer").start) == "2025-03-14"


def test_without_a_correction_the_request_lapses_by_the_clock_on_the_day_after() -> None:
    facts = [received(R), *clarified("2025-03-06", "2025-03-20")]
    assert view(facts, "2025-03-20").state == "stopped"
    assert str(view(facts, "2025-03-20").wake_on) == "2025-03-21"
    lapsed = view(facts, "2025-03-21")
    assert (lapsed.state, lapsed.closing, lapsed.outcome) == ("closed", "abandoned", "clarification-lapsed")
    assert str(lapsed.closed_on) == "2025-03-21"
    late = fact("clarification-received", received_on="2025-03-24")
    again = view([*facts, late])
    assert (again.outcome, str(again.closed_on)) == ("clarification-lapsed", "2025-03-21")
    assert any("after the date in the notice" in flag for flag in again.flags)
    excused = view([*facts, late], "2025-03-24", "CN-2019", late_correction="reopens")
    assert (excused.state, str(excused.due_on)) == ("open", "2025-04-22")


def test_an_answer_or_withdrawal_before_the_lapse_stands() -> None:
    facts = [received(R), *clarified("2025-03-06", "2025-03-20"), fact("request-withdrawn", withdrawn_on="2025-03-18")]
    found = view(facts)
    assert (found.closing, str(found.closed_on), found.outcome) == ("withdrawn", "2025-03-18", "other")


@pytest.mark.parametrize(("setting", "last"), [("keeps-effect", "2025-04-22"), ("loses-effect", "2025-03-31")])
def test_a_late_clarification_notice_is_flagged_and_has_the_effect_that_the_setting_says(
    setting: str, last: str
) -> None:
    facts = [received(R), *clarified("2025-03-17", "2025-03-28", "2025-03-24")]
    found = view(facts, "2025-03-25", "CN-2019", late_clarification_notice=setting)
    assert str(found.due_on) == last
    assert any("after its limit of 2025-03-12" in flag for flag in found.flags)
    assert str(timer(found, "clarification-notice").overdue_from) == "2025-03-13"


@pytest.mark.parametrize(
    ("rounds", "last"), [("one", "2025-04-02"), ("two", "2025-04-11"), ("unlimited", "2025-04-11")]
)
def test_only_so_many_clarification_rounds_count(rounds: str, last: str) -> None:
    twice = [*clarified("2025-03-04", "2025-03-20", "2025-03-05"), *clarified("2025-03-10", "2025-03-20", "2025-03-13")]
    found = view([received(R), *twice], "2025-03-14", "CN-2019", clarification_rounds=rounds)
    assert str(found.due_on) == last
    assert any("notice number 2" in flag for flag in found.flags) == (rounds == "one")


def test_under_the_2007_text_a_clarification_moves_nothing() -> None:
    facts = [received("2013-01-10"), *clarified("2013-01-14", "2013-01-20", "2013-01-18")]
    assert due(facts) == "2013-01-31"


def test_a_fee_notice_stops_the_clock_and_payment_starts_it_anew() -> None:
    facts = [received(R), fact("fee-notified", notified_on="2025-03-10")]
    stopped = view(facts, "2025-03-12")
    assert (stopped.state, str(timer(stopped, "fee-payment").due_on)) == ("stopped", "2025-04-08")
    assert due([*facts, fact("fee-paid", paid_on="2025-03-17")]) == "2025-04-15"
    assert view(facts, "2025-04-08").state == "stopped"
    lapsed = view(facts, "2025-04-09")
    assert (lapsed.closing, lapsed.outcome, str(lapsed.closed_on)) == ("abandoned", "fee-lapsed", "2025-04-09")


def test_of_two_stops_that_set_the_limit_anew_the_later_end_counts() -> None:
    fee = [fact("fee-notified", notified_on="2025-03-10"), fact("fee-paid", paid_on="2025-03-20")]
    inside = clarified("2025-03-11", "2025-03-30", "2025-03-14")
    across = clarified("2025-03-11", "2025-03-30", "2025-03-24")
    assert due([received(R), *fee, *inside]) == due([received(R), *fee]) == "2025-04-18"
    assert due([received(R), *fee, *across]) == due([received(R), *across]) == "2025-04-22"


@pytest.mark.parametrize(
    ("boundary", "last"),
    [("first-counts", "2025-04-08"), ("both-excluded", "2025-04-09"), ("both-count", "2025-04-07")],
)
def test_the_boundary_days_of_a_consultation_follow_the_setting(boundary: str, last: str) -> None:
    facts = [received(R), *consulted("2025-03-10", "2025-03-17")]
    assert due(facts, FAR, "CN-2019", excluded_boundary=boundary) == last


def test_consultations_at_the_same_time_are_left_out_once() -> None:
    both = [*consulted("2025-03-10", "2025-03-17"), *consulted("2025-03-12", "2025-03-19", "c2", "other-organ")]
    assert due([received(R), *both]) == due([received(R), *consulted("2025-03-10", "2025-03-19")]) == "2025-04-10"


def test_other_organs_time_counted_until_2019_and_is_left_out_since() -> None:
    facts = consulted("2013-01-14", "2013-01-18", party="other-organ")
    assert due([received("2013-01-10"), *facts]) == "2013-01-31"
    facts = consulted("2025-03-10", "2025-03-17", party="other-organ")
    assert due([received(R), *facts]) == "2025-04-08"


def test_another_organs_silence_is_consent_and_ends_the_stop_by_the_clock() -> None:
    facts = [received(R), *consulted("2025-03-10", None, party="other-organ")]
    assert view(facts, "2025-03-31").state == "stopped"
    after = view(facts, "2025-04-01")
    assert (after.state, str(after.due_on)) == ("open", "2025-04-22")
    assert timer(after, "consultation").silence == "deemed-consent"
    third = [received(R), *consulted("2025-03-10", None)]
    decides = view(third, "2025-06-01")
    assert (decides.state, str(decides.due_on)) == ("open", "2025-04-22")
    assert timer(decides, "consultation").silence == ""


@pytest.mark.parametrize(("cap", "last"), [("closing", "2025-05-12"), ("limit", "2025-04-22")])
def test_whether_an_exclusion_may_exceed_the_other_partys_limit_is_a_setting(cap: str, last: str) -> None:
    facts = [received(R), *consulted("2025-03-10", "2025-04-17")]
    assert due(facts, FAR, "CN-2019", exclusion_cap=cap) == last


def test_an_extension_adds_to_the_limit_and_is_cut_to_the_cap() -> None:
    assert due([received(R), extended("2025-03-31", 20)]) == "2025-04-28"
    found = view([received(R), extended("2025-03-31", 25)])
    assert str(found.due_on) == "2025-04-28"
    assert any("beyond the cap of 20" in flag for flag in found.flags)


def test_a_second_extension_and_one_after_the_limit_do_nothing_and_are_flagged() -> None:
    second = view([received(R), extended("2025-03-10", 5), extended("2025-03-11", 5)])
    assert (str(second.due_on), second.extended) == ("2025-04-08", 5)
    assert any("extension number 2" in flag for flag in second.flags)
    late = view([received(R), extended("2025-04-01", 20)], "2025-04-10")
    assert (str(late.due_on), str(late.overdue_from)) == ("2025-03-31", "2025-04-01")
    assert any("it cures nothing" in flag for flag in late.flags)


def test_what_breaks_the_law_is_rejected_where_the_profile_says_so() -> None:
    facts = [received(R), extended("2025-03-10", 25)]
    found = view(facts, FAR, "CN-2019", unlawful_facts="reject")
    assert str(found.due_on) == "2025-03-31"
    assert [r.fact for r in found.refused] == [FactRef(facts[1].source, facts[1].id)]


def test_a_deferral_for_volume_sets_the_date_under_the_2019_text_only() -> None:
    facts = [received(R), fact("volume-deferred", notified_on="2025-03-10", until="2025-06-30")]
    assert due(facts) == "2025-06-30"
    assert due([*facts, *consulted("2025-06-03", "2025-06-10")]) == "2025-07-07"
    old = view([received("2013-01-10"), fact("volume-deferred", notified_on="2013-01-15", until="2013-06-30")])
    assert str(old.due_on) == "2013-01-31"
    assert any("knows no deferral" in flag for flag in old.flags)


@pytest.mark.parametrize(
    ("channel", "dates", "version", "receipt"),
    [
        ("in-person", {}, "CN-2019", "2025-03-03"),
        ("post", {"received_on": "2025-03-06"}, "CN-2019", "2025-03-06"),
        ("post", {"confirmed_on": "2025-03-07"}, "CN-2019", "2025-03-07"),
        ("online", {"confirmed_on": "2025-03-05"}, "CN-2019", "2025-03-05"),
        ("email", {"received_on": "2025-03-03", "confirmed_on": "2025-03-05"}, "CN-2019", "2025-03-05"),
        ("email", {"received_on": "2025-03-03", "confirmed_on": "2025-03-05"}, "CN-2008", "2025-03-03"),
        ("fax", {}, "CN-2019", "None"),
    ],
)
def test_the_day_of_receipt_follows_the_channel(
    channel: str, dates: dict[str, str], version: str, receipt: str
) -> None:
    found = view([received(R, channel=channel, **dates)], statute=version)
    assert str(found.received_on) == receipt
    assert (found.state == "unconfirmed") == (receipt == "None")


def test_submission_and_confirmation_apart_give_a_warning_with_the_other_date() -> None:
    answer = fact("answer-issued", answered_on="2021-12-28")
    found = view([received("2021-11-24", channel="online", confirmed_on="2021-12-02"), answer])
    assert (str(found.due_on), found.timeliness, found.working_days) == ("2021-12-30", "in-time", 18)
    assert found.flags == (
        "submitted on 2021-11-24, confirmed on 2021-12-02, 8 days later; "
        "counted from the submission the limit would end on 2021-12-22",
    )


def test_the_remedies_follow_the_answer_the_silence_and_the_reconsideration() -> None:
    answered = view([received("2025-03-03"), fact("answer-issued", answered_on="2025-03-31")])
    assert str(timer(answered, "reconsideration").due_on) == "2025-05-30"
    assert str(timer(answered, "litigation").due_on) == "2025-09-30"
    silent = view([received("2025-03-03")], "2025-04-01")
    window = timer(silent, "reconsideration")
    assert (window.about, str(window.start)) == ("silence", "2025-03-31")
    assert "litigation" not in {t.limit for t in silent.clocks}
    filed = fact("review-filed", review="r", organ="o", kind="reconsideration", filed_on="2025-04-08")
    filed.data.first_handling_disputed = False
    decided = fact("review-decided", review="r", decided_on="2025-06-03", result="upheld")
    after = view([received("2025-03-03"), fact("answer-issued", answered_on="2025-03-31"), filed, decided])
    assert str(timer(after, "litigation", "r").due_on) == "2025-06-18"
    assert str(timer(after, "reconsideration").done_on) == "2025-04-08"


def test_a_clock_that_runs_again_says_which_date_it_had_and_what_moved_it() -> None:
    facts = [received(R), *consulted("2025-03-10", "2025-03-17")]
    profile, today = profiles()["CN-2019"], date(2025, 3, 17)
    stopped, resumed = view(facts[:2], "2025-03-10"), view(facts, "2025-03-17")
    first = changes(view([received(R)], "2025-03-04"), stopped, profile, date(2025, 3, 10))
    assert [(d.name, d.values["limit"]) for d in first] == [
        ("clock-stopped", "answer"),
        ("due-date-set", "consultation"),
    ]
    found = changes(stopped, resumed, profile, today)
    assert [d.name for d in found] == ["clock-resumed", "due-date-set"]
    assert found[1].values["old_due_on"] == date(2025, 3, 31)
    assert found[1].values["article"] == "条例(2019) 第三十三条第三款"


def test_licensing_is_twenty_working_days_and_ten() -> None:
    assert due([received(R)], statute="CN-LICENSING") == "2025-03-31"
    assert due([received(R), extended("2025-03-20", 20)], statute="CN-LICENSING") == "2025-04-15"
