"""A review that orders a new answer, and that answer, entered at the desk."""

from typing import Any

import msgspec
import pytest

from services.desk import forms
from services.events.envelope import type_of
from services.events.vocabulary import Within


def fact(name: str, id_: str, **data: Any) -> dict[str, Any]:
    return {"type": type_of(name), "source": "s", "id": id_, "recordedtime": "2025-05-12", "data": data}


WITHIN = {"amount": 10, "unit": "working-day"}
DECIDED = fact("review-decided", "d", review="r/1", decided_on="2025-05-12", result="corrected", answer_within=WITHIN)
FIRST = fact("answer-issued", "a", outcome="refused-other", answered_on="2025-03-20", service="posted")


def request(*facts: dict[str, Any]) -> dict[str, Any]:
    return {"id": "r", "facts": list(facts), "rejected": [], "reviews": [{"review": "r/1", "decided_on": "2025-05-12"}]}


def test_a_decision_orders_a_new_answer_within_a_limit() -> None:
    given = {"review": "r/1", "decided_on": "2025-05-12", "result": "corrected"}
    assert "answer_within" not in forms.data_of("review-decided", given), "not every decision orders one"
    limited = given | {"answer_within": "10", "limit_unit": "working-day"}
    data = forms.data_of("review-decided", limited)
    assert data["answer_within"] == WITHIN and msgspec.convert(WITHIN, Within).unit == "working-day"
    for wrong, field in (({"answer_within": "ten"}, "answer_within"), ({"limit_unit": "decade"}, "limit_unit")):
        with pytest.raises(forms.Unfit) as unfit:
            forms.data_of("review-decided", limited | wrong)
        assert unfit.value.field == field
    assert forms.data_of("review-decided", forms.filled(data)) == data, "a correction begins with what was said"


def test_the_new_answer_names_the_review_that_ordered_it_until_it_is_given() -> None:
    today = "2025-05-20"
    assert forms.defaults("answer-issued", request(FIRST), today)["after_review"] == ""
    assert forms.defaults("answer-issued", request(FIRST, DECIDED), today)["after_review"] == "r/1"
    again = fact("answer-issued", "b", outcome="granted", answered_on=today, service="posted", after_review="r/1")
    assert forms.defaults("answer-issued", request(FIRST, DECIDED, again), today)["after_review"] == ""
    upheld = {"amends": {"source": "s", "id": "d"}, "data": {"review": "r/1", "decided_on": today, "result": "upheld"}}
    corrected = request(FIRST, DECIDED, fact("fact-corrected", "c", **upheld))
    assert forms.defaults("answer-issued", corrected, today)["after_review"] == "", "it ordered nothing after all"
