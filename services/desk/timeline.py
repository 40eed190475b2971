"""Facts and decisions of a request as one timeline: what was entered, by whom, and what followed from it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

AMENDING = ("fact-corrected", "fact-retracted")
WITHOUT_EFFECT = frozenset({"correction-refused", "amendment-too-deep"})
"""Why an amendment can't be applied. Other reasons are about its name, under which it holds all the same."""

Named = tuple[str, str]
"""A fact by source and id."""


class Moment(NamedTuple):
    """One entry: a fact with the events that it led to, or (``fact`` None) an event of the clock's own."""

    at: str
    """When it was written to the log, or decided."""
    fact: Mapping[str, Any] | None
    name: str
    """The contract's name of the fact."""
    events: list[Mapping[str, Any]]
    amended: str = ""
    """``fact-corrected`` or ``fact-retracted``, where that was done to it."""


def timeline(
    facts: Iterable[Mapping[str, Any]],
    events: Iterable[Mapping[str, Any]],
    rejected: Iterable[Mapping[str, Any]] = (),
) -> list[Moment]:
    """The entries in the order in which they became known; ``rejected``: what the tracker says was, and why."""
    facts = list(facts)
    known = {(fact["source"], fact["id"]) for fact in facts}
    amended: dict[Named, str] = {}
    for fact in in_effect(facts, rejected):
        # What was taken back is that, whatever was corrected in it.
        if amended.get(aim := _aim(fact)) != "fact-retracted":
            amended[aim] = name_of(fact)
    led: dict[Named, list[Mapping[str, Any]]] = {}
    found: list[Moment] = []
    for event in events:
        cause = event["data"].get("cause") or {}
        ref = cause.get("source", ""), cause.get("id", "")
        if ref in known:
            led.setdefault(ref, []).append(event)
        else:
            found.append(Moment(event.get("recordedtime") or event.get("time") or "", None, "", [event]))
    for fact in facts:
        ref = fact["source"], fact["id"]
        at = fact.get("recordedtime") or fact.get("time") or ""
        found.append(Moment(at, fact, name_of(fact), led.get(ref, []), amended.get(ref, "")))
    return sorted(found, key=lambda one: one.at)


def in_effect(
    facts: Iterable[Mapping[str, Any]], rejected: Iterable[Mapping[str, Any]] = ()
) -> list[Mapping[str, Any]]:
    """The corrections and retractions among a request's facts that change something, in the order of the facts: neither
    refused nor taken back. Those that amend one another in a ring hang below no fact and do nothing."""
    facts = list(facts)
    refused = {(one["source"], one["id"]) for one in rejected if one["code"] in WITHOUT_EFFECT}
    by_ref = {(fact["source"], fact["id"]): fact for fact in facts}
    below: dict[Named, list[Named]] = {}
    for ref, fact in by_ref.items():
        if name_of(fact) in AMENDING:
            below.setdefault(_aim(fact), []).append(ref)
    order = [ref for ref in below if ref not in by_ref or name_of(by_ref[ref]) not in AMENDING]
    for ref in order:
        order += below.get(ref, ())
    holding: set[Named] = set()
    for ref in reversed(order):
        fact_of_ref = by_ref.get(ref)
        if fact_of_ref is None or name_of(fact_of_ref) not in AMENDING or ref in refused:
            continue
        if not any(one in holding and name_of(by_ref[one]) == "fact-retracted" for one in below.get(ref, ())):
            holding.add(ref)
    return [fact for ref, fact in by_ref.items() if ref in holding]


def _aim(fact: Mapping[str, Any]) -> Named:
    amends = fact["data"]["amends"]
    return amends["source"], amends["id"]


def name_of(fact: Mapping[str, Any]) -> str:
    """The contract's name of a fact."""
    return str(fact["type"]).split(".")[2]
