"""Cases answered from JSON: the contract's form, inline calendars, refusals that name the field."""

import inspect
import json
from datetime import date
from importlib.resources import files
from typing import Any

import msgspec
import pytest

from services.events.facts import ReceivedData
from services.events.refusals import Refused
from services.tracker.core import preview, scenarios
from services.tracker.core.account import account
from services.tracker.core.preview import answer, answers
from services.tracker.core.preview_shape import Previewed
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.scenarios import judged
from tests.law_cases import NOW, WORLD, make, played

RECEIVED = {"organ": "o", "channel": "in-person", "applicant": "business", "submitted_on": "2025-03-03"}


def question(*facts: tuple[str, dict[str, Any]], **more: Any) -> bytes:
    given = [{"type": name, "data": data} for name, data in (("request-received", RECEIVED), *facts)]
    return json.dumps({"statute": "CN", "facts": given, "as_of": "2025-03-10", **more}).encode()


def ask(*facts: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer(question(*facts, **more)))
    return found


def test_a_bare_case_has_the_contracts_fields_and_no_others() -> None:
    found = ask()
    assert list(found) == [
        "due_on",
        "status",
        "provisional",
        "received_on",
        "timeliness",
        "closing",
        "outcome",
        "due_on_other",
        "latest_due_on",
        "remarks",
        "clocks",
        "readings",
        "explanation",
    ]
    assert list(found["clocks"][0]) == ["limit", "start", "due_on", "provisional", "about"]
    assert (found["due_on"], found["status"], found["provisional"]) == ("2025-03-31", "open", False)
    assert found["explanation"][0]["kind"] == "statute"


@pytest.mark.parametrize(
    ("as_of", "status"), [("2025-03-30", "open"), ("2025-03-31", "due-today"), ("2025-04-01", "overdue")]
)
def test_the_status_is_that_of_the_day(as_of: str, status: str) -> None:
    assert ask(as_of=as_of)["status"] == status


def test_what_has_not_happened_by_the_day_does_not_count_yet() -> None:
    end = ("answer-issued", {"outcome": "granted", "answered_on": "2025-03-20", "service": "posted"})
    assert ask(end)["status"] == "open"
    assert ask(end, as_of="2025-03-20")["status"] == "answered"


def test_short_and_full_type_names_and_any_order_of_facts_are_the_same() -> None:
    opened = {"consultation": "c", "party": "third-party", "sent_on": "2025-03-04"}
    closed = {"consultation": "c", "closed_on": "2025-03-10", "reply": "agreed"}
    short = ask(("consultation-opened", opened), ("consultation-closed", closed), as_of="2025-03-12")
    full = ask(
        ("org.shixian.consultation-closed.v1", closed),
        ("org.shixian.consultation-opened.v1", opened),
        as_of="2025-03-12",
    )
    assert short["due_on"] == full["due_on"] == "2025-04-07"


def test_a_stopped_clock_has_no_date() -> None:
    opened = {"consultation": "c", "party": "third-party", "sent_on": "2025-03-04"}
    found = ask(("consultation-opened", opened))
    assert (found["due_on"], found["status"]) == (None, "stopped")


def test_a_calendar_given_with_the_case_replaces_the_statutes_own() -> None:
    assert ask(calendar={})["due_on"] == "2025-03-31"
    assert ask(calendar={"days_off": ["2025-03-10"]})["due_on"] == "2025-04-01"
    assert ask(calendar={"working_days": ["2025-03-08"]})["due_on"] == "2025-03-28"
    assert ask(calendar={"weekend": ["friday", "saturday"]})["due_on"] == "2025-03-31"
    assert ask(calendar={"weekend": []})["due_on"] == "2025-03-23"


def test_a_version_can_be_forced_and_the_request_may_name_its_own() -> None:
    assert ask(statute="CN-2008")["due_on"] == "2025-03-24"
    own = dict(RECEIVED, statute="CN-LICENSING")
    line = {"statute": "CN", "facts": [{"type": "request-received", "data": own}], "as_of": "2025-03-10"}
    assert "行政许可法" in json.loads(answer(json.dumps(line).encode()))["explanation"][0]["text"]["zh"]


BAD: list[tuple[bytes, str]] = [
    (b"", "$:"),
    (b"{", "$:"),
    (b"[]", "$:"),
    (b"\xff", "$:"),
    (question(as_of="2025-02-30"), "$.as_of:"),
    (question(as_of=None), "$.as_of:"),
    (question(as_of="1900-01-01"), "$.as_of:"),
    (question(statute="XX"), "$.statute:"),
    (question(statute=7), "$.statute:"),
    (question(colour=1), "$.colour:"),
    (question(("answer-issued", {})), "$.facts[1].data.outcome:"),
    (question(("fee-paid", {"paid_on": "2025-13-01"})), "$.facts[1].data.paid_on:"),
    (question(("fee-paid", {"paid_on": "1850-01-01"})), "$.facts[1].data.paid_on:"),
    (question(("fee-paid", {"paid_on": "2025-03-05", "by": "x"})), "$.facts[1].data.by:"),
    (question(("tally-recorded", {})), "$.facts[1].type:"),
    (question(("extension-granted", {"decided_on": "2025-03-05", "notified_on": "2025-03-05", "amount": 0})), "$.fac"),
    (question(calendar={"weekend": ["someday"]}), "$.calendar.weekend[0]:"),
    (question(calendar={"days_off": ["2025-02-30"]}), "$.calendar.days_off[0]:"),
    (question(calendar={"days_of": []}), "$.calendar.days_of:"),
    (question(calendar=7), "$.calendar:"),
    (b'{"statute":"CN","facts":[],"as_of":"2025-03-10"}', "$.facts:"),
    (
        b'{"statute":"CN","facts":[{"type":"fee-paid","data":{"paid_on":"2025-03-05"}}],"as_of":"2025-03-10"}',
        "$.facts:",
    ),
]


@pytest.mark.parametrize(("line", "field"), BAD)
def test_a_refusal_names_the_field(line: bytes, field: str) -> None:
    with pytest.raises(Refused) as caught:
        answer(line)
    assert str(caught.value).startswith(field)


def test_a_requests_own_statute_is_named_where_it_is_the_one_that_is_wrong() -> None:
    own = dict(RECEIVED, statute="CN-2031")
    line = {"statute": "CN", "facts": [{"type": "request-received", "data": own}], "as_of": "2025-03-10"}
    with pytest.raises(Refused, match=r"^\$\.facts\[0\]\.data\.statute: is 'CN-2031'; expected one of AU, BR, CN,"):
        answer(json.dumps(line).encode())


def test_a_day_before_any_version_is_refused_by_the_statute() -> None:
    line = {
        "statute": "CN",
        "facts": [{"type": "request-received", "data": dict(RECEIVED, submitted_on="2001-01-01")}],
        "as_of": "2025-03-10",
    }
    with pytest.raises(Refused, match=r"^\$\.statute: no version of CN in force on 2001-01-01"):
        answer(json.dumps(line).encode())


def test_a_bad_line_gives_an_error_and_the_next_is_answered() -> None:
    found = [json.loads(line) for line in answers([question(), b"nonsense\n", b"\n", question(statute="UK")])]
    assert ["error" in line for line in found] == [False, True, False]


def test_the_cases_own_account_is_the_previews() -> None:
    on = date(2025, 3, 3)
    case = played([make("request-received", 0, on, **dict(RECEIVED, submitted_on=on))])
    told = account(case, WORLD, NOW.date())
    assert [x for x in told if x["kind"] != "flag"] == ask(as_of=NOW.date().isoformat())["explanation"]
    assert account(case, ReferenceData(), NOW.date()) == []


def test_a_remembered_case_differs_in_all_that_bears_on_a_date() -> None:
    """A field of the request that moves its dates must be part of what a bare case is remembered by."""
    bearing = set(inspect.signature(preview._bare.__wrapped__).parameters) - {"as_of"}
    # A case that names an item is no bare one.
    assert set(ReceivedData.__struct_fields__) - bearing == {"organ", "applicant", "follows", "item"}


def test_an_ordinary_letter_is_not_answered_from_the_memory_of_a_signed_one() -> None:
    letter = {**RECEIVED, "channel": "post", "received_on": "2025-03-05", "confirmed_on": "2025-03-10"}
    due = [
        json.loads(answer(question_of({**letter, "mail": mail})))["due_on"] for mail in ("signed", "ordinary", "signed")
    ]
    assert due == ["2025-04-02", "2025-04-08", "2025-04-02"]


def question_of(data: dict[str, Any]) -> bytes:
    given = [{"type": "request-received", "data": data}]
    return json.dumps({"statute": "CN", "facts": given, "as_of": "2025-03-10"}).encode()


def test_an_answer_has_the_form_that_the_document_says() -> None:
    texts = [file for file in (files("services.statute") / "scenarios").iterdir() if file.name.endswith(".toml")]
    made = [judged(one).plain() for file in texts for one in scenarios.read(file.name, file.read_text("utf-8"))]
    assert len(made) > 100
    fields = {each.encode_name for each in msgspec.structs.fields(Previewed)}
    seen = set[str]()
    for each in made:
        plain = msgspec.json.decode(msgspec.json.encode(each))
        assert set(plain) <= fields
        seen |= set(plain)
        for key, there in msgspec.to_builtins(msgspec.convert(plain, Previewed, strict=False)).items():
            if key not in ("steps", "cards", "duties"):  # theirs leave defaults out
                assert there == plain[key], key
    assert seen == fields
