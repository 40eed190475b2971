"""Facts about another organ's request: rejected with a code, in whatever order they come; what the case says stays."""

import itertools
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from services.events.facts import RequestFact
from services.tracker.core.case import Case, look
from services.tracker.core.foreign import part
from tests.law_cases import WORLD, make

DAY = date(2025, 3, 3)
RECEIVED: dict[str, Any] = {"organ": "o", "channel": "in-person", "applicant": "business", "submitted_on": DAY}
ANSWER = {"outcome": "granted", "answered_on": date(2025, 3, 10), "service": "handed"}


def by(fact: RequestFact, *organs: str) -> RequestFact:
    return replace(fact, postedby="token:x", postedfor=" ".join(organs))


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
