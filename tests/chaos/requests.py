"""One request's history, made up: what an intake system could see of it, with the mistakes that people make."""

import random
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from services.events.days import PLANNED
from services.events.vocabulary import APPLICANTS, CHANNELS, MEASURES, OUTCOMES
from tests.chaos import office
from tests.support import raw

SOURCE = "urn:shixian:chaos"
_REVIEWS = ("reconsideration", "litigation-direct", "litigation-after-reconsideration", "complaint")
_DECIMAL = "fees-collected"
_SLACK = 4
"""Days by which the receipt of a request may follow its submission."""

Facts = list[dict[str, Any]]


class Namer:
    """Gives facts their ids."""

    def __init__(self, prefix: str) -> None:
        self._prefix, self._count = prefix, 0

    def fact(self, name: str, subject: str, data: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """A fact with the next id."""
        self._count += 1
        return raw(name, subject, data, id=f"{self._prefix}{self._count}", **{"source": SOURCE, **more})


def _steps(rng: random.Random, organ: str, day: date) -> list[tuple[str, dict[str, Any]]]:
    """What happens to a request submitted on ``day``: contract names with their data, in the order of their dates."""

    def later(least: int, most: int) -> str:
        return (day + timedelta(days=rng.randint(least, most))).isoformat()

    received: dict[str, Any] = {
        "organ": organ,
        "channel": rng.choice(CHANNELS),
        "applicant": rng.choice(APPLICANTS),
        "submitted_on": day.isoformat(),
    }
    if rng.random() < 0.5:
        received["received_on"] = later(0, 4)
    if rng.random() < 0.2:
        received["confirmed_on"] = later(0, 3)
    steps: list[tuple[str, dict[str, Any]]] = [("request-received", received)]

    def may(chance: float, name: str, data: Callable[[], dict[str, Any]]) -> bool:
        happens = rng.random() < chance
        if happens:
            steps.append((name, data()))
        return happens

    may(0.3, "receipt-confirmed", lambda: {"confirmed_on": later(0, 5)})
    if may(0.15, "clarification-requested", lambda: {"requested_on": later(2, 9), "respond_by": later(12, 30)}):
        may(0.7, "clarification-received", lambda: {"received_on": later(8, 32)})
    for number in range(rng.choice((0, 0, 0, 0, 1, 1, 2))):
        name = {"consultation": f"c{number}"}
        party, reply = rng.choice(("third-party", "other-organ")), rng.choice(("agreed", "objected", "none"))
        steps.append(("consultation-opened", {**name, "party": party, "sent_on": later(2, 12)}))
        if rng.random() < 0.8:
            steps.append(("consultation-closed", {**name, "closed_on": later(10, 30), "reply": reply}))
    may(0.15, "extension-granted", lambda: {"decided_on": later(8, 12), "notified_on": later(12, 32), "amount": 15})
    may(0.03, "volume-deferred", lambda: {"notified_on": later(5, 15), "until": later(30, 60)})
    if may(0.08, "fee-notified", lambda: {"notified_on": later(3, 14), "amount": rng.randint(1, 90_000) / 100}):
        may(0.7, "fee-paid", lambda: {"paid_on": later(10, 38)})
    service = rng.choice(("posted", "handed", "electronic"))
    outcome = rng.choice(OUTCOMES)
    answered = may(0.82, "answer-issued", lambda: {"outcome": outcome, "answered_on": later(5, 45), "service": service})
    may(0.05, "request-withdrawn", lambda: {"withdrawn_on": later(1, 25)})
    may(0.03, "request-transferred", lambda: {"transferred_on": later(1, 10), "to_organ": "somewhere-else"})
    if answered and rng.random() < 0.1:
        filed: dict[str, Any] = {
            "review": "r1",
            "organ": organ,
            "kind": rng.choice(_REVIEWS),
            "filed_on": later(46, 90),
        }
        filed |= {"first_handling_disputed": True} if rng.random() < 0.3 else {}
        steps.append(("review-filed", filed))
        result = rng.choice(("upheld", "corrected", "other"))
        may(0.7, "review-decided", lambda: {"review": "r1", "decided_on": later(91, 400), "result": result})
    return steps


def _amended(rng: random.Random, data: dict[str, Any], latest: date) -> dict[str, Any]:
    """The data with one thing in it said otherwise; no date in it becomes later than ``latest``."""
    changed = dict(data)
    dates = [k for k, v in data.items() if k.endswith("_on") and isinstance(v, str)]
    if "outcome" in data and rng.random() < 0.5:
        changed["outcome"] = rng.choice(OUTCOMES)
    elif "applicant" in data and rng.random() < 0.5:
        changed["applicant"] = rng.choice(APPLICANTS)
    elif dates:
        key = rng.choice(dates)
        moved = date.fromisoformat(data[key]) + timedelta(days=rng.randint(-4, 6))
        changed[key] = min(moved, latest).isoformat()
    if rng.random() < 0.03:
        changed["nonsense"] = 1  # A replacement that does not fit: rejected, and the case says so.
    return changed


def _amendment(rng: random.Random, namer: Namer, amended: dict[str, Any], latest: date) -> dict[str, Any]:
    data: dict[str, Any] = {"amends": {"source": amended["source"], "id": amended["id"]}}
    more: dict[str, Any] = {}
    if rng.random() < 0.5:  # else the time of recording says which of two corrections is the later one
        more["time"] = f"2024-0{rng.randint(1, 5)}-{rng.randint(10, 28)}T0{rng.randint(0, 9)}:00:00Z"
    if rng.random() < 0.25:
        return namer.fact("fact-retracted", amended["subject"], {**data, "reason": "posted by mistake"}, **more)
    if "amends" in amended["data"]:
        replacement = _amended(rng, amended["data"].get("data", {}), latest)
        replacement = {"amends": amended["data"]["amends"], "data": replacement}
    else:
        replacement = _amended(rng, amended["data"], latest)
    return namer.fact("fact-corrected", amended["subject"], {**data, "data": replacement}, **more)


def _amend(rng: random.Random, namer: Namer, facts: Facts, chance: float, last_day: date) -> None:
    latest = last_day + timedelta(days=_SLACK)
    while rng.random() < chance:
        target = rng.choice(facts)
        facts.append(_amendment(rng, namer, target, latest))
        chance *= 0.6


def _disturb(rng: random.Random, facts: Facts) -> Facts:
    """Late, early and repeated: the same facts in the order in which they arrive."""
    if rng.random() < 0.2:
        rng.shuffle(facts)
    elif rng.random() < 0.2 and len(facts) > 1:
        at = rng.randrange(len(facts) - 1)
        facts[at], facts[at + 1] = facts[at + 1], facts[at]
    for fact in list(facts):
        if rng.random() < 0.06:
            facts.insert(rng.randint(facts.index(fact) + 1, len(facts)), fact)
    return facts


def _happened_by(day: date, data: Mapping[str, Any]) -> bool:
    dates = (v for k, v in data.items() if k.endswith("_on") and k not in PLANNED)
    return all(date.fromisoformat(v) <= day for v in dates)


def request(rng: random.Random, number: int, organ: str, last_day: date) -> Facts:
    """The facts of one request, in the order in which they are posted; some of them more than once.

    What would come after the last day has not happened yet: intake refuses it.
    """
    namer = Namer(f"q{number}-")
    subject = f"{organ}/{number}"
    day = last_day - timedelta(days=int(rng.triangular(0, 4000, 400)))
    steps = _steps(rng, organ, day)
    # With a die of its own: what else happens to a request is the same with and without the work inside the office.
    inner = random.Random(f"{organ}/{number}/{day}")
    item = inner.random() < 0.15
    if item:
        steps[0][1]["item"] = office.item_of(organ)
    for _, filed in (step for step in steps if step[0] == "review-filed"):
        if inner.random() < 0.5:
            filed["served_on"] = filed["filed_on"]
    steps += [
        (name, {k: v.isoformat() if isinstance(v, date) else v for k, v in data.items()})
        for name, data in office.steps(inner, organ, subject, day, item=item)
    ]
    facts = [
        namer.fact(name, subject, data, **({"time": f"{day}T12:00:00+08:00"} if rng.random() < 0.3 else {}))
        for name, data in steps
        if _happened_by(last_day + timedelta(days=_SLACK), data)
    ]
    _amend(rng, namer, facts, 0.12, last_day)
    return _disturb(rng, facts)


def duty_facts(rng: random.Random, organ: str, number: int, last_day: date) -> Facts:
    """A duty of an organ that belongs to no request, with its amendments."""
    namer = Namer(f"d{number}-{organ}-")
    subject = f"{organ}/duty/{number}"
    facts = [namer.fact(name, subject, data) for name, data in office.duty(rng, organ, number, last_day)]
    _amend(rng, namer, facts, 0.2, last_day)
    return _disturb(rng, facts)


def organ_facts(rng: random.Random, organ: str, number: int, last_day: date) -> Facts:
    """An organ's own facts: tallies, reviews that no request is behind, and their amendments."""
    namer = Namer(f"o{number}-{organ}-")
    facts: Facts = []
    for _ in range(rng.randint(2, 6)):
        day = (last_day - timedelta(days=rng.randint(0, 4000))).isoformat()
        measure = rng.choice(MEASURES)
        count = rng.randint(0, 10**6) / 100 if measure == _DECIMAL else rng.randint(0, 5000)
        facts.append(
            namer.fact("tally-recorded", organ, {"organ": organ, "on": day, "measure": measure, "count": count})
        )
    if rng.random() < 0.3:
        review = {"review": f"o{number}", "organ": organ}
        facts.append(
            namer.fact("review-filed", organ, {**review, "kind": rng.choice(_REVIEWS), "filed_on": "2021-03-04"})
        )
        decided = {"review": f"o{number}", "decided_on": "2022-05-06", "result": "other"}
        facts.append(namer.fact("review-decided", organ, decided))
    _amend(rng, namer, facts, 0.3, last_day)
    return _disturb(rng, facts)
