"""Facts that can't all be right: told, with the facts that they are about, and gone when one of them is put right."""

from typing import Any

import pytest

from services.statute.state import Fact, RequestState
from services.words.catalogue import text
from tests.law import extended, fact, received, view

R = "2025-03-03"
ANSWER = fact("answer-issued", answered_on="2025-03-20")


def answered(on: str, **values: Any) -> Fact:
    return fact("answer-issued", answered_on=on, **values)


def filed(on: str, **values: Any) -> Fact:
    return fact("review-filed", review="r", organ="o", kind="reconsideration", filed_on=on, **values)


def decided(on: str, result: str = "corrected", **values: Any) -> Fact:
    return fact("review-decided", review="r", decided_on=on, result=result, **values)


def delivered(on: str) -> Fact:
    return fact("answer-delivered", delivered_on=on)


def confirmed(on: str) -> Fact:
    return fact("receipt-confirmed", confirmed_on=on)


CODES = {"dates-reversed", "answer-not-ordered", "confirmed-again", "delivered-before-answer", "delivered-again"} | {
    "reached-again",
    "decision-not-known",
    "handed-apart",
}


def doubts(found: RequestState) -> list[tuple[str, str]]:
    return [(each.code, str(each.values.get("what", ""))) for each in found.remarks if each.code in CODES]


EXTENSION = {"notified_on": "2025-03-10", "amount": 20}
CONSULTATION = {"sent_on": "2025-03-10"}
REVERSED: list[tuple[list[Fact], str]] = [
    ([fact("extension-granted", **EXTENSION, decided_on="2025-03-11")], "notice"),
    ([fact("extension-granted", **EXTENSION, decided_on="2025-03-07", approved_on="2025-03-12")], "notice"),
    ([fact("consultation-opened", **CONSULTATION, reached_on="2025-03-07")], "letter-reached"),
    (
        [
            fact("consultation-opened", **CONSULTATION),
            fact("consultation-reached", consultation="c1", reached_on="2025-03-07"),
        ],
        "letter-reached",
    ),
    (
        [
            fact("consultation-opened", **CONSULTATION, reached_on="2025-03-13"),
            fact("consultation-closed", closed_on="2025-03-12"),
        ],
        "reply",
    ),
    ([ANSWER, filed("2025-02-28")], "review-filed"),
    (
        [
            fact(
                "duty-opened", duty="d", kind="publication", event_on="2025-03-10", about=None, organ="o", statute=None
            ),
            fact("duty-done", duty="d", done_on="2025-03-07"),
        ],
        "duty-done",
    ),
    ([answered("2025-03-20", delivered_on="2025-03-19")], "delivery"),
    ([ANSWER, filed("2025-05-06", served_on="2025-05-05")], "review-served"),
    ([ANSWER, filed("2025-05-06"), decided("2025-05-05")], "review-decided"),
    ([ANSWER, filed("2025-05-06"), decided("2025-07-01", delivered_on="2025-06-30")], "review-delivered"),
    (
        [
            ANSWER,
            filed("2025-05-06"),
            decided("2025-07-01"),
            fact("review-decision-delivered", review="r", delivered_on="2025-06-30"),
        ],
        "review-delivered",
    ),
    ([ANSWER, filed("2025-05-06"), decided("2025-07-01"), answered("2025-06-30", after_review="r")], "answer"),
]


@pytest.mark.parametrize(("facts", "what"), REVERSED)
def test_dates_that_cannot_be_in_this_order_are_told(facts: list[Fact], what: str) -> None:
    found = view([received(R), *facts])
    assert doubts(found) == [("dates-reversed", what)]
    (remark,) = (each for each in found.remarks if each.code == "dates-reversed")
    assert remark.fact is not None and any((f.source, f.id) == (remark.fact.source, remark.fact.id) for f in facts)
    assert str(remark.values["on"]) < str(remark.values["before_on"]) and text(remark)


def test_dates_in_their_order_are_not() -> None:
    facts = [
        received(R),
        confirmed(R),
        extended("2025-03-10", 20),
        fact("consultation-opened", sent_on="2025-03-10", reached_on="2025-03-10"),
        fact("consultation-closed", closed_on="2025-03-12"),
        ANSWER,
        delivered("2025-03-20"),
        filed("2025-05-06", served_on="2025-05-06"),
        decided("2025-07-01", delivered_on="2025-07-01"),
        answered("2025-07-10", after_review="r"),
        delivered("2025-07-11"),
    ]
    assert doubts(view(facts)) == []


@pytest.mark.parametrize(
    "reviews",
    [[], [filed("2025-05-06")], [filed("2025-05-06"), decided("2025-07-01", "upheld")], [decided("2025-07-01")]],
)
def test_a_second_answer_without_a_decision_that_set_the_first_aside_is_told(reviews: list[Fact]) -> None:
    found = view([received(R), ANSWER, *reviews, answered("2025-07-10", after_review="r")])
    assert doubts(found) == [("answer-not-ordered", "")]
    assert str(found.answered_on) == "2025-03-20", "it stands beside the first, as entered"


def test_a_delivery_that_no_answer_precedes_has_no_effect_and_the_first_of_an_answer_counts() -> None:
    early, first, same, later = (delivered(day) for day in ("2025-03-19", "2025-03-21", "2025-03-21", "2025-03-24"))
    assert doubts(view([received(R), early])) == [("delivered-before-answer", "")]
    found = view([received(R), ANSWER, early, first, same, later])
    assert doubts(found) == [("delivered-before-answer", ""), ("delivered-again", "")]
    remark = next(each for each in found.remarks if each.code == "delivered-again")
    assert str(remark.values["first_on"]) == "2025-03-21"
    by_itself = view([received(R), answered("2025-03-20", delivered_on="2025-03-21"), first, later])
    assert doubts(by_itself) == [("delivered-again", "")]


def test_of_confirmations_the_one_that_counts_is_named() -> None:
    online = received("2025-03-03", channel="online")
    found = view([online, confirmed("2025-03-05"), confirmed("2025-03-04"), confirmed("2025-03-04")])
    (remark,) = (each for each in found.remarks if each.code == "confirmed-again")
    assert (str(found.received_on), str(remark.values["on"]), str(remark.values["first_on"])) == (
        "2025-03-04",
        "2025-03-05",
        "2025-03-04",
    )
    named = received("2025-03-03", channel="online", confirmed_on="2025-03-06")
    found = view([named, confirmed("2025-03-04")])
    assert doubts(found) == [("confirmed-again", "")] and str(found.received_on) == "2025-03-06"


def test_an_arrival_of_a_letter_that_nobody_sent_is_told_as_a_reply_to_it_is() -> None:
    found = view([received(R), fact("consultation-reached", consultation="other", reached_on="2025-03-07")])
    assert [each.code for each in found.remarks] == ["consultation-not-opened"]


def test_of_arrivals_of_a_letter_and_of_deliveries_of_a_decision_the_first_counts_and_the_others_are_told() -> None:
    def reached(on: str) -> Fact:
        return fact("consultation-reached", consultation="c1", reached_on=on)

    def came(on: str, review: str = "r") -> Fact:
        return fact("review-decision-delivered", review=review, delivered_on=on)

    opened = fact("consultation-opened", sent_on="2025-03-10")
    assert doubts(view([received(R), opened, reached("2025-03-11"), reached("2025-03-11")])) == []
    assert doubts(view([received(R), opened, reached("2025-03-12"), reached("2025-03-11")])) == [("reached-again", "")]
    named = fact("consultation-opened", sent_on="2025-03-10", reached_on="2025-03-11")
    assert doubts(view([received(R), named, reached("2025-03-12")])) == [("reached-again", "")]
    case = [received(R), ANSWER, filed("2025-05-06")]
    assert doubts(view([*case, decided("2025-07-01"), came("2025-07-02"), came("2025-07-02")])) == []
    assert doubts(view([*case, decided("2025-07-01"), came("2025-07-02"), came("2025-07-03")])) == [
        ("delivered-again", "")
    ]
    said = decided("2025-07-01", delivered_on="2025-07-02")
    assert doubts(view([*case, said, came("2025-07-03")])) == [("delivered-again", "")]
    assert doubts(view([*case, came("2025-07-03")])) == [("decision-not-known", "")]


@pytest.mark.parametrize(
    ("service", "on", "told"),
    [("handed", "2025-03-24", True), ("handed", "2025-03-20", False), ("posted", "2025-03-24", False)],
)
def test_an_answer_that_was_handed_over_and_delivered_another_day_is_told(service: str, on: str, told: bool) -> None:
    for facts in (
        [answered("2025-03-20", service=service, delivered_on=on)],
        [answered("2025-03-20", service=service), delivered(on)],
    ):
        assert doubts(view([received(R), *facts])) == ([("handed-apart", "")] if told else [])


def test_a_deferral_that_a_fresh_limit_leaves_behind_is_told() -> None:
    facts = [
        received("2024-03-01"),
        fact("volume-deferred", notified_on="2024-03-10", until="2024-08-30"),
        fact("fee-notified", notified_on="2024-03-12"),
        fact("fee-paid", paid_on="2024-03-20"),
    ]
    found = view(facts, "2024-03-25")
    assert [r.code for r in found.remarks if r.code == "deferral-void"] == ["deferral-void"]
    assert str(found.due_on) == "2024-04-18"


def test_a_fee_that_moves_nothing_under_the_law_says_so() -> None:
    found = view([received("2020-12-30"), fact("fee-notified", notified_on="2021-01-05")], "2021-01-06")
    assert [r.code for r in found.remarks if r.code == "stops-no-clock"] == ["stops-no-clock"]
