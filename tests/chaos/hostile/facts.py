"""Facts that are meant to hurt: each fits the contract, or nearly, and all of them together are too much. Pure."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from services.events.vocabulary import Ref
from services.statute.calendars import shipped
from tests.support import ORGAN, raw

SOURCE = "urn:shixian:hostile"
DAY = "2024-06-03"
TORN = "hostile-torn"
"""The organ that is registered again and again, each time otherwise."""
RIGHT = {"timezone": "Asia/Shanghai", "calendar": "CN", "statute": "CN"}
CONTRADICTIONS: tuple[Mapping[str, str], ...] = (
    {"statute": "UK", "calendar": "UK", "timezone": "Europe/London"},
    {"statute": "CN", "calendar": "US", "timezone": "America/New_York"},
    {"statute": "CN-LICENSING", "calendar": "CN", "timezone": "Pacific/Kiritimati"},
    {"statute": "DE", "calendar": "IN", "timezone": "Asia/Kolkata"},
)
NOWHERE: tuple[Mapping[str, str], ...] = (
    {"calendar": "NOWHERE"},
    {"statute": "LAW-OF-NOBODY"},
    {"timezone": "Mars/Olympus"},
    {"timezone": "localtime"},
    {"timezone": "Factory"},
    {"parent": "organ-of-nobody"},
)
"""References to what does not exist; each must be refused, or rejected by whoever reads it."""

Call = list[bytes]


@dataclass
class Attack:
    """A kind of hostile facts: what is posted in which calls, and what goes straight onto the log."""

    name: str
    calls: list[Call]
    refused: list[Call] = field(default_factory=list)
    """Calls that intake has to refuse."""
    straight: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    """Topic without its prefix, key, value."""


class _Namer:
    def __init__(self, prefix: str) -> None:
        self._prefix, self._count = prefix, 0

    def __call__(self, name: str, subject: str, data: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        self._count += 1
        return raw(name, subject, data, **{"id": f"{self._prefix}{self._count}", "source": SOURCE, **more})


def calls_of(facts: Sequence[Mapping[str, Any]], most: int) -> list[Call]:
    """Facts in calls of at most ``most``, in their order."""
    encoded = [msgspec.json.encode(fact) for fact in facts]
    return [encoded[at : at + most] for at in range(0, len(encoded), most)]


def organ(code: str, **more: Any) -> dict[str, Any]:
    """An organ; ``more`` says what is different about it."""
    name = {"zh": f"机关{code}", "en": f"Organ {code}"}
    return {**ORGAN, "code": code, "name": name, **more}


def _received(organ: str) -> dict[str, Any]:
    return {"organ": organ, "channel": "in-person", "applicant": "business", "submitted_on": DAY}


def huge(consultations: int) -> Attack:
    """One request, then all its consultations in one call."""
    make = _Namer("huge-")
    first = make("request-received", "hostile/huge", _received("hostile"))
    rest = [
        make("consultation-opened", "hostile/huge", {"consultation": f"c{n}", "party": "third-party", "sent_on": DAY})
        for n in range(consultations)
    ]
    return Attack("huge case", [*calls_of([first], 1), *calls_of(rest, consultations)])


def constant(count: int) -> Attack:
    """An integrator's mistake: every request under one subject."""
    make = _Namer("constant-")
    facts = [make("request-received", "hostile/REQUEST-ID", _received("hostile")) for _ in range(count)]
    return Attack("constant subject", calls_of(facts, 2000))


def amendments(count: int) -> Attack:
    """Corrections of corrections: a chain, a wide fan, a circle, and each of a fact that never comes."""
    make = _Namer("amend-")
    facts: list[dict[str, Any]] = []

    def corrected(subject: str, amends: str, data: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        fact = make("fact-corrected", subject, {"amends": {"source": SOURCE, "id": amends}, "data": dict(data)}, **more)
        facts.append(fact)
        return fact

    for shape in ("chain", "fan", "circle", "never"):
        subject = f"hostile/{shape}"
        base = make("request-received", subject, _received("hostile"))
        facts.append(base)
        last, data = base["id"], base["data"]
        for n in range(count):
            minute = f"2024-06-0{1 + n % 9}T{n // 60 % 24:02}:{n % 60:02}:00Z"
            match shape:
                case "chain":  # each amends the one before it: what it replaces is a correction
                    made = corrected(subject, last, data, time=minute)
                    last, data = made["id"], {"amends": {"source": SOURCE, "id": last}, "data": base["data"]}
                case "fan":
                    corrected(subject, base["id"], {**base["data"], "submitted_on": f"2024-05-{1 + n % 28:02}"})
                case "circle":  # two names, each of which amends the other
                    name, other = f"circle-{n % 2}-{n // 2}", f"circle-{1 - n % 2}-{n // 2}"
                    corrected(subject, other, {"amends": {"source": SOURCE, "id": name}, "data": {}}, id=name)
                case _:
                    corrected(subject, f"never-{n}", base["data"])
    return Attack("corrections", calls_of(facts, 250))


def reviews(count: int) -> Attack:
    """Reviews that an organ posts under its own code, most of them decided in the same call."""
    make = _Namer("review-")
    facts: list[dict[str, Any]] = []
    for n in range(count):
        filed = {"review": f"r{n}", "organ": "hostile", "kind": "complaint", "filed_on": DAY}
        facts.append(make("review-filed", "hostile", filed))
        if n % 4:
            decided = {"review": f"r{n}", "decided_on": DAY, "result": "other"}
            facts.append(make("review-decided", "hostile", decided))
    return Attack("reviews of one organ", calls_of(facts, 250))


def references(requests: int, rounds: int) -> Attack:
    """An organ registered again and again with another law, zone and calendar, and some that do not exist."""
    make = _Namer("reference-")
    facts = [make("request-received", f"hostile/torn/{n}", _received(TORN)) for n in range(requests)]
    again = [make("organ-registered", TORN, organ(TORN, **CONTRADICTIONS[n % 4])) for n in range(rounds)]
    again.append(make("organ-registered", TORN, organ(TORN, **RIGHT)))
    # All of them hold the law's days off and the same more: what drops days would have to be confirmed.
    law = {str(day) for day in shipped("IE").off if day.year == 2024}
    days = sorted(law | {f"2024-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(300)})
    for n in range(rounds):
        data = {"calendar": "IE", "year": 2024, "days_off": days, "working_days": [], "notice": f"notice {n}"}
        again.append(make("calendar-published", "IE", {**data, "published_on": f"2023-11-{1 + n % 28:02}"}))
    refused = [make("organ-registered", f"lost-{n}", organ(f"lost-{n}", **more)) for n, more in enumerate(NOWHERE)]
    bad = [make("organ-registered", f"stray-{n}", organ(f"stray-{n}", **more)) for n, more in enumerate(NOWHERE)]
    return Attack(
        "contradictory references",
        calls_of(facts, 500) + calls_of(again, 10),
        calls_of(refused, 1),
        [("reference", fact["subject"].encode(), msgspec.json.encode(fact)) for fact in bad],
    )


def garbage(seed: int, count: int) -> Attack:
    """Facts under a key that is not theirs, straight onto the fact topic."""
    rng, make = random.Random(f"hostile {seed}"), _Namer("garbage-")
    facts = [make("request-received", f"hostile/stray/{n}", _received("hostile")) for n in range(count)]
    straight = [("facts", rng.randbytes(6), msgspec.json.encode(fact)) for fact in facts]
    return Attack("strange keys", [], [], straight)


@dataclass(frozen=True)
class Sizes:
    """How much of each; the numbers of ``make fuzz``."""

    consultations: int = 1000
    constant: int = 6000
    amendments: int = 700
    reviews: int = 20_000
    torn: int = 300
    rounds: int = 40
    garbage: int = 2000


SHORT = Sizes(consultations=1000, constant=1500, amendments=120, reviews=1500, torn=60, rounds=8, garbage=100)


def attacks(seed: int, sizes: Sizes) -> Iterator[Attack]:
    """All of them."""
    yield huge(sizes.consultations)
    yield constant(sizes.constant)
    yield amendments(sizes.amendments)
    yield reviews(sizes.reviews)
    yield references(sizes.torn, sizes.rounds)
    yield garbage(seed, sizes.garbage)


def ref_of(fact: bytes) -> Ref:
    """What names a fact."""
    named = msgspec.json.decode(fact)
    return Ref(named["source"], named["id"])
