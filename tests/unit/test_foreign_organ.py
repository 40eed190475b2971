"""Facts about another organ's request: rejected with a code, in whatever order they come; what the case says stays."""

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.events import posted_for
from services.events.facts import RequestFact, TallyData, TallyRecorded
from services.events.vocabulary import Ref
from services.tracker.core.apply import Outcome, run
from services.tracker.core.case import Case
from services.tracker.core.foreign import MOST_FOREIGN, part
from services.tracker.core.limit import Limit
from services.tracker.core.strands import Shelf
from services.tracker.core.trail import handed_on
from services.tracker.core.view import look
from tests.law_cases import WORLD, make

DAY = date(2025, 3, 3)
RECEIVED: dict[str, Any] = {"organ": "o", "channel": "in-person", "applicant": "business", "submitted_on": DAY}
ANSWER = {"outcome": "granted", "answered_on": date(2025, 3, 10), "service": "handed"}


def by(fact: RequestFact, *organs: str) -> RequestFact:
    return replace(fact, postedby="token:x", postedfor=posted_for.written(organs))


def view(*facts: RequestFact) -> Any:
    return look(Case(subject=facts[0].subject, facts=facts), WORLD, date(2025, 3, 20)).view


def codes(*facts: RequestFact) -> list[str]:
    return [remark.code for remark in view(*facts).refused]


def test_a_fact_of_the_organ_itself_and_one_of_the_log_s_keepers_count() -> None:
    received, answer = make("request-received", 0, DAY, **RECEIVED), make("answer-issued", 1, DAY, **ANSWER)
    for facts in (
        (received, answer),
        (by(received, "o"), by(answer, "o")),
        (by(received, "a", "o"), by(answer, "o", "b")),
    ):
        assert codes(*facts) == [] and view(*facts).state == "answered"


def test_an_answer_by_another_organ_answers_nothing_in_whatever_order_it_comes() -> None:
    received, answer = make("request-received", 0, DAY, **RECEIVED), make("answer-issued", 1, DAY, **ANSWER)
    for facts in itertools.permutations((by(received, "o"), by(answer, "other"))):
        found = view(*facts)
        assert [r.code for r in found.refused] == ["foreign-organ"] and found.state != "answered"
        assert found.refused[0].fact is not None and found.refused[0].fact.id == answer.id
        assert found.refused[0].values == {"account": "token:x"}


def amending(fact: RequestFact, kind: str, **data: Any) -> RequestFact:
    target = fact.ref
    whole = {"data": data} if kind == "fact-corrected" else {"reason": "wrong"}
    made: RequestFact = make(kind, 9, DAY, amends=target, **whole)
    return made


@pytest.mark.parametrize("kind", ["fact-corrected", "fact-retracted"])
def test_nobody_takes_over_a_request_by_amending_its_receipt(kind: str) -> None:
    received = by(make("request-received", 0, DAY, **RECEIVED), "o")
    data = {**RECEIVED, "organ": "other", "submitted_on": "2025-03-03"}
    amendment = by(amending(received, kind, **data), "other")
    own = by(make("request-received", 1, DAY, **RECEIVED | {"organ": "other"}), "other")
    found = view(received, amendment, own)
    assert found.organ == "o" and [r.code for r in found.refused] == ["foreign-organ", "foreign-organ"]


def test_a_correction_by_the_organ_hands_the_request_over() -> None:
    received = by(make("request-received", 0, DAY, **RECEIVED), "o")
    data = {**RECEIVED, "organ": "other", "submitted_on": "2025-03-03"}
    corrected = by(amending(received, "fact-corrected", **data), "o")
    answer = by(make("answer-issued", 1, DAY, **ANSWER), "other")
    kept, told = part((received, corrected, answer), received.subject, ())
    assert kept == (received, corrected, answer) and told == ()


def test_under_an_organ_s_own_code_it_is_the_organ_s() -> None:
    filed = {"review": "r1", "organ": "o", "kind": "reconsideration", "filed_on": DAY}
    decided = {"review": "r1", "decided_on": date(2025, 4, 1), "result": "upheld"}
    facts = (by(make("review-filed", 0, DAY, **filed), "o"), by(make("review-decided", 1, DAY, **decided), "other"))
    kept, told = part(facts, "o", {"o"})
    assert kept == facts[:1] and [r.code for r in told] == ["foreign-organ"]
    assert part(facts[1:], "unknown", ())[1] == (), "whose it is can't be told yet"


def ran(*facts: RequestFact, limit: int = 250) -> tuple[Case, Outcome]:
    shelf = Shelf()
    outcome = run(facts, shelf, WORLD, datetime(2025, 3, 20, tzinfo=UTC), Limit(limit))
    return shelf.case(facts[0].subject), outcome


@pytest.mark.parametrize("same_content", [True, False])
def test_a_foreign_fact_keeps_no_name_from_the_organ_in_whatever_order_they_come(same_content: bool) -> None:
    received = by(make("request-received", 0, DAY, **RECEIVED), "o")
    right = by(make("answer-issued", 1, DAY, **ANSWER), "o")
    data = ANSWER if same_content else ANSWER | {"outcome": "does-not-exist"}
    strange = by(make("answer-issued", 1, DAY, **data), "other")
    for facts in itertools.permutations((received, right, strange)):
        case, outcome = ran(*facts)
        assert case.view.state == "answered" and case.view.outcome == "granted", [f.postedfor for f in facts]
        assert "id-conflict" not in [r.code for r in case.view.refused] and not case.conflicts
        assert not outcome.refused
        again, _ = ran(*facts, right, strange, received)
        assert again == case, "what comes again changes nothing"


def test_the_organ_s_own_name_with_two_contents_is_told_though_two_accounts_sent_them() -> None:
    received = by(make("request-received", 0, DAY, **RECEIVED), "o")
    answers: list[Any] = [
        by(make("answer-issued", 1, DAY, **ANSWER | {"outcome": outcome}), *organs)
        for outcome, organs in (("granted", ("o",)), ("does-not-exist", ("a", "o")))
    ]
    for facts in itertools.permutations((received, *answers)):
        first: Any = next(f for f in facts if f is not received)
        case, _ = ran(*facts)
        assert [r.code for r in case.view.refused] == ["id-conflict"] and case.view.outcome == first.data.outcome


def test_nobody_fills_another_organ_s_case() -> None:
    received = by(make("request-received", 0, DAY, **RECEIVED), "o")
    strange = [by(make("fee-notified", n, DAY, notified_on=DAY, amount=n), "other") for n in range(2 * MOST_FOREIGN)]
    answer = by(make("answer-issued", 1, DAY, **ANSWER), "o")
    for facts in ((received, *strange, answer), (*strange, received, answer)):
        case, outcome = ran(*facts, limit=MOST_FOREIGN + 5)
        assert case.view.state == "answered"
        assert len(case.facts) <= MOST_FOREIGN + 7 and len(case.facts) + len(outcome.refused) == len(facts)


def test_a_transfer_by_another_organ_leads_nowhere() -> None:
    received = by(make("request-received", 0, DAY, **RECEIVED), "o")
    moved = {"transferred_on": DAY}
    strange = by(make("request-transferred", 1, DAY, **moved, to_organ="elsewhere"), "other")
    right = by(make("request-transferred", 2, DAY, **moved, to_organ="there"), "o")
    case, _ = ran(received, strange, right)
    gone = handed_on(case)
    assert gone is not None and gone.to_organ == "there"


def test_the_organ_s_tally_can_be_corrected_though_another_took_its_name() -> None:
    counted = TallyData(organ="o", on=DAY, measure="page-views", count=Decimal(5))
    tally = by(TallyRecorded(specversion="1.0", id="t", source="urn:test", subject="o", data=counted), "o")
    squatting = by(
        replace(make("fact-retracted", 1, DAY, amends=Ref("urn:test", "x"), reason="y"), subject="o"), "other"
    )
    squatting = replace(squatting, id=tally.id)
    data = {"organ": "o", "on": "2025-03-03", "measure": "page-views", "count": 7}
    corrected = by(replace(make("fact-corrected", 2, DAY, amends=tally.ref, data=data), subject="o"), "o")
    for facts in itertools.permutations((tally, squatting, corrected)):
        _, outcome = ran(*facts)
        told: list[Any] = [getattr(event.data, "counted", None) for event in outcome.events]
        counts = [one.count for one in told if one is not None]
        assert counts[-1:] == [7], [f.postedfor for f in facts]


@pytest.mark.parametrize("blank", [" ", "\u3000", "\xa0", "%20"])
def test_an_organ_whose_code_has_a_blank_speaks_for_itself_and_for_no_part_of_it(blank: str) -> None:
    organ = f"pub{blank}sec"
    received, answer = (
        make("request-received", 0, DAY, **RECEIVED | {"organ": organ}),
        make("answer-issued", 1, DAY, **ANSWER),
    )
    assert codes(by(received, organ, "b"), by(answer, organ)) == []
    other = make("request-received", 0, DAY, **RECEIVED | {"organ": "sec"})
    assert codes(by(other, "sec"), by(answer, organ)) == ["foreign-organ"]


@given(st.sets(st.text(min_size=1)))
def test_the_organs_that_were_written_are_those_read(organs: set[str]) -> None:
    assert posted_for.organs(posted_for.written(organs)) == organs
