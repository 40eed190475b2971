"""Facts and decisions of a request as one timeline: what was entered, by whom, and what followed from it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

AMENDING = ("fact-corrected", "fact-retracted")


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


def timeline(facts: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]) -> list[Moment]:
    """The entries in the order in which they became known."""
    facts = list(facts)
    known = {(fact["source"], fact["id"]) for fact in facts}
    amended: dict[tuple[str, str], str] = {}
    for fact in facts:
        if (name := name_of(fact)) in AMENDING:
            ref = fact["data"]["amends"]["source"], fact["data"]["amends"]["id"]
            amended[ref] = name if amended.get(ref) != "fact-retracted" else "fact-retracted"
    led: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
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


def name_of(fact: Mapping[str, Any]) -> str:
    """The contract's name of a fact."""
    return str(fact["type"]).split(".")[2]
