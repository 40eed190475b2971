"""The forms by which a person enters a fact: their fields, what they begin with, and the fact that a filled form says.

The rules are the law's and intake's: a form knows what a fact is made of, and nothing of what it leads to.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple, get_args, get_type_hints
from uuid import uuid4

from services.desk.timeline import in_effect, name_of
from services.events.envelope import type_of
from services.events.vocabulary import (
    Applicant,
    Channel,
    Mail,
    Outcome,
    Party,
    Reply,
    ReviewKind,
    ReviewResult,
    Service,
    Within,
)

SOURCE = "urn:shixian:desk"
_ID = re.compile(r"[0-9a-f]{32}")

Kind = Literal["date", "text", "number", "amount", "choice", "check", "organ", "unit", "step", "within"]
"""``within``: a limit, as a number and, under ``limit_unit``, what it is a number of."""


class Field(NamedTuple):
    """A field of a form, named as the fact's data has it."""

    name: str
    kind: Kind = "date"
    options: tuple[str, ...] = ()
    is_needed: bool = True
    is_today: bool = False
    """Whether it begins with today's date."""


LIMIT_UNIT = "limit_unit"
WITHIN: tuple[str, ...] = get_args(get_type_hints(Within)["unit"])


def _choice(name: str, codes: Any, *, is_needed: bool = True) -> Field:
    return Field(name, "choice", get_args(codes), is_needed)


def _on(name: str, *, is_needed: bool = True) -> Field:
    return Field(name, "date", (), is_needed, is_needed)


FORMS: Mapping[str, tuple[Field, ...]] = {
    "request-received": (
        Field("organ", "organ"),
        _choice("channel", Channel),
        _choice("applicant", Applicant),
        _on("submitted_on"),
        _on("received_on", is_needed=False),
        _on("confirmed_on", is_needed=False),
        _choice("mail", Mail, is_needed=False),
    ),
    "receipt-confirmed": (_on("confirmed_on"),),
    "clarification-requested": (_on("requested_on"), Field("respond_by")),
    "clarification-received": (_on("received_on"), Field("excused", "check", (), False)),
    "consultation-opened": (
        Field("consultation", "text"),
        _choice("party", Party),
        _on("sent_on"),
        _on("reached_on", is_needed=False),
    ),
    "consultation-reached": (Field("consultation", "text"), _on("reached_on")),
    "consultation-closed": (Field("consultation", "text"), _on("closed_on"), _choice("reply", Reply)),
    "extension-granted": (
        _on("decided_on"),
        _on("notified_on"),
        Field("amount", "number"),
        Field("reason", "text", (), False),
        _on("approved_on", is_needed=False),
    ),
    "fee-notified": (_on("notified_on"), Field("amount", "amount")),
    "fee-paid": (_on("paid_on"),),
    "volume-deferred": (_on("notified_on"), Field("until")),
    "date-agreed": (_on("agreed_on"), Field("until")),
    "answer-issued": (
        _choice("outcome", Outcome),
        _on("answered_on"),
        _choice("service", Service),
        _on("delivered_on", is_needed=False),
        Field("after_review", "text", (), False),
    ),
    "answer-delivered": (_on("delivered_on"),),
    "request-withdrawn": (_on("withdrawn_on"),),
    "request-transferred": (_on("transferred_on"), Field("to_organ", "organ")),
    "review-filed": (
        Field("review", "text"),
        Field("organ", "organ"),
        _choice("kind", ReviewKind),
        _on("filed_on"),
        _on("served_on", is_needed=False),
        Field("first_handling_disputed", "check", (), False),
    ),
    "review-decided": (
        Field("review", "text"),
        _on("decided_on"),
        _choice("result", ReviewResult),
        _on("delivered_on", is_needed=False),
        Field("answer_within", "within", WITHIN, False),
    ),
    "review-decision-delivered": (Field("review", "text"), _on("delivered_on")),
    "duty-done": (Field("duty", "text"), _on("done_on")),
    "assignment-opened": (
        Field("unit", "unit"),
        Field("step", "step"),
        _on("assigned_on"),
        _on("due_on", is_needed=False),
        Field("assignment", "text"),
        Field("continues", "text", (), False),
    ),
    "assignment-accepted": (Field("assignment", "text"), _on("accepted_on")),
    "assignment-returned": (Field("assignment", "text"), _on("returned_on"), Field("reason", "text")),
    "assignment-completed": (Field("assignment", "text"), _on("completed_on")),
    "special-step-opened": (Field("step", "text"), _on("opened_on")),
    "special-step-closed": (Field("step", "text"), _on("closed_on")),
    "fact-retracted": (Field("reason", "text"),),
}
"""By the contract's name of the fact. A correction has the form of the fact that it corrects."""
CORRECTION = "fact-corrected"
CORRECTABLE = frozenset(FORMS) - {"fact-retracted"}
"""Facts that can be corrected here; others can only be taken back."""


def defaults(name: str, request: Mapping[str, Any], today: str) -> dict[str, str]:
    """What a form begins with."""
    found = {field.name: today for field in FORMS[name] if field.is_today}
    begin = _BEGIN.get(name)
    return found | begin(request) if begin else found


def _next(kind: str, request: Mapping[str, Any]) -> int:
    """The number of a request's next fact of a kind."""
    return len([fact for fact in request.get("facts", ()) if fact["type"] == type_of(kind)]) + 1


def _standing(request: Mapping[str, Any], kind: str, name: str) -> list[str]:
    """A field of a request's facts of a kind, as corrected, of those that were not taken back; in their order."""
    facts, rejected = list(request.get("facts", ())), request.get("rejected", ())
    back = [one["data"]["amends"] for one in in_effect(facts, rejected) if name_of(one) == "fact-retracted"]
    found = []
    for fact in facts:
        aim = {"source": fact["source"], "id": fact["id"]}
        if (
            name_of(fact) == kind
            and aim not in back
            and (there := current(facts, fact["source"], fact["id"], rejected))
        ):
            found.append(str(there[1].get(name, "")))
    return found


def _still_open(request: Mapping[str, Any], what: str, name: str) -> list[str]:
    """What was opened and not closed since, the latest first; one that was opened again is open again."""
    closed = Counter(_standing(request, f"{what}-closed", name))
    found = []
    for one in _standing(request, f"{what}-opened", name):
        if closed[one]:
            closed[one] -= 1
        else:
            found.append(one)
    return found[::-1]


def _first(found: list[str]) -> str:
    return found[0] if found else ""


def _asked(request: Mapping[str, Any]) -> dict[str, str]:
    """The consultation that an answer is waited for from; where none is, the latest that was not closed, or the latest:
    what is entered late is of that."""
    waits = [one["about"] for one in request.get("waits", ()) if one["limit"] == "consultation"]
    all_ = _standing(request, "consultation-opened", "consultation")
    return {"consultation": _first([*waits, *_still_open(request, "consultation", "consultation"), *all_[::-1]])}


def _held(request: Mapping[str, Any]) -> dict[str, str]:
    """The assignment that somebody has."""
    held = [one["assignment"] for one in request.get("held", ()) if one["state"] in ("assigned", "accepted")]
    return {"assignment": _first(held)}


def _another_review(request: Mapping[str, Any]) -> dict[str, str]:
    number, subject = _next("review-filed", request), request.get("id", "")
    return {"review": f"{subject}/review-{number}", "organ": request.get("organ", "")}


def _pending(request: Mapping[str, Any]) -> dict[str, str]:
    return {"review": _first([one["review"] for one in request.get("reviews", ()) if not one.get("decided_on")])}


def _ordering(request: Mapping[str, Any]) -> dict[str, str]:
    """The review that ordered a new answer, while that has not been given."""
    facts, rejected = request.get("facts", ()), request.get("rejected", ())
    decided = {one["review"] for one in request.get("reviews", ()) if one.get("decided_on")}
    ordering, done = [], set()
    for fact in facts:
        if (kind := name_of(fact)) in ("review-decided", "answer-issued"):
            found = current(facts, fact["source"], fact["id"], rejected)
            data = found[1] if found else {}
            done |= {data.get("after_review")}
            if kind == "review-decided" and data.get("answer_within") and data.get("review") in decided:
                ordering.append(data["review"])
    return {"after_review": _first([review for review in reversed(ordering) if review not in done])}


def _undelivered(request: Mapping[str, Any]) -> dict[str, str]:
    """The review that was decided last and whose decision has not been delivered."""
    reviews = reversed(request.get("reviews", ()))
    return {"review": _first([r["review"] for r in reviews if r.get("decided_on") and not r.get("delivered_on")])}


def _owed(request: Mapping[str, Any]) -> dict[str, str]:
    return {"duty": _first([one["duty"] for one in request.get("duties", ()) if not one.get("done_on")])}


def _special(request: Mapping[str, Any]) -> dict[str, str]:
    """The special step that was opened last of those that are."""
    return {"step": _first(_still_open(request, "special-step", "step"))}


_BEGIN: Mapping[str, Callable[[Mapping[str, Any]], dict[str, str]]] = {
    "consultation-opened": lambda request: {"consultation": str(_next("consultation-opened", request))},
    "consultation-reached": _asked,
    "consultation-closed": _asked,
    "assignment-opened": lambda request: {
        "assignment": f"{request.get('id', '')}/{_next('assignment-opened', request)}"
    },
    "assignment-accepted": _held,
    "assignment-returned": _held,
    "assignment-completed": _held,
    "review-filed": _another_review,
    "review-decided": _pending,
    "review-decision-delivered": _undelivered,
    "answer-issued": _ordering,
    "duty-done": _owed,
    "special-step-closed": _special,
}
"""By the fact, what its form takes from the request."""


class Unfit(ValueError):
    """A field that can't be read; ``field`` names it, ``wanted`` is the word for what was expected."""

    def __init__(self, field: str, wanted: str) -> None:
        super().__init__(field)
        self.field, self.wanted = field, wanted


def data_of(name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """The data that a filled form says. Raises :class:`Unfit`; what the contract asks beyond that intake checks."""
    found: dict[str, Any] = {}
    for field in FORMS[name]:
        text = given.get(field.name, "").strip()
        if field.kind == "check":
            if text:
                found[field.name] = True
        elif text:
            found[field.name] = _value(field, text)
            if field.kind == "within":
                found[field.name] = {"amount": found[field.name], "unit": _unit(given)}
        elif field.is_needed:
            raise Unfit(field.name, "is_needed")
    return found


def _value(field: Field, text: str) -> Any:
    if field.kind in ("number", "within"):
        if not (text.isascii() and text.isdigit() and len(text) < 5):
            raise Unfit(field.name, "is_number")
        return int(text)
    if field.kind == "amount":
        try:
            return Decimal(text)
        except InvalidOperation:
            raise Unfit(field.name, "is_number") from None
    return text


def _unit(given: Mapping[str, str]) -> str:
    unit = given.get(LIMIT_UNIT, "")
    if unit not in WITHIN:
        raise Unfit(LIMIT_UNIT, "is_needed")
    return unit


def filled(data: Mapping[str, Any]) -> dict[str, str]:
    """What a form shows of a fact's data."""
    shown: dict[str, str] = {}
    for name, value in data.items():
        if isinstance(value, Mapping) and value.keys() == {"amount", "unit"}:
            shown |= {name: str(value["amount"]), LIMIT_UNIT: str(value["unit"])}
        else:
            shown[name] = "" if value is None or value is False else "1" if value is True else str(value)
    return shown


def new_id() -> str:
    """What names a fact that is entered here: given with the empty form, so that sending it twice says it once."""
    return uuid4().hex


def is_id(text: str) -> bool:
    """Whether it is one of ours."""
    return _ID.fullmatch(text) is not None


def event(name: str, subject: str, data: Mapping[str, Any], id_: str) -> dict[str, Any]:
    """A fact as intake takes it."""
    return {
        "specversion": "1.0",
        "type": type_of(name),
        "source": SOURCE,
        "id": id_,
        "subject": subject,
        "data": dict(data),
    }


def current(
    facts: Iterable[Mapping[str, Any]], source: str, id_: str, rejected: Iterable[Mapping[str, Any]] = ()
) -> tuple[str, dict[str, Any]] | None:
    """The kind of a fact and its data after the latest correction that has effect; None where the request has no such
    fact. ``rejected``: what the tracker says was, and why."""
    facts = list(facts)
    named = [fact for fact in facts if (fact["source"], fact["id"]) == (source, id_)]
    if not named:
        return None
    latest = [
        fact["data"]["data"]
        for fact in in_effect(facts, rejected)
        if name_of(fact) == CORRECTION and fact["data"]["amends"] == {"source": source, "id": id_}
    ]
    return named[0]["type"].split(".")[2], dict(latest[-1] if latest else named[0]["data"])
