"""A load for the whole system, made from a seed: facts of many requests and organs as several senders post them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec

from services.statute.calendars import shipped
from tests.chaos import garbage
from tests.chaos.office import registered
from tests.chaos.requests import SOURCE, Facts, duty_facts, organ_facts, request
from tests.support import raw

LAST_DAY = date(2024, 6, 20)
"""No request of a history was submitted after this."""
_OPEN_AT_ONCE = 60

Call = list[bytes]
"""The facts of one HTTP call, each as JSON."""


@dataclass
class History:
    """What is posted, by whom, and what is put straight onto the topic."""

    reference: Call
    """Organs and calendars that are known before the load begins."""
    late_reference: list[Call]
    """Those that become known while it runs."""
    posters: list[list[Call]]
    """Each sender's calls, in their order."""
    refused: list[Call]
    """Calls that intake has to refuse whole; some of their facts would be good by themselves."""
    garbage: list[tuple[bytes | None, bytes]] = field(default_factory=list)
    """Key and value of what goes straight onto the fact topic."""

    @property
    def facts(self) -> int:
        """How many facts the senders post."""
        return sum(len(call) for poster in self.posters for call in poster)


def _organ(code: str, parent: str | None = None) -> dict[str, Any]:
    data = {"code": code, "name": {"zh": f"机关{code}", "en": f"Organ {code}"}, "calendar": "CN", "statute": "CN"}
    data |= {"timezone": "Asia/Shanghai"} | ({"parent": parent} if parent else {})
    return raw("organ-registered", code, data, id=f"organ-{code}", source=SOURCE)


def _calendar(year: int, version: int, days_off: Sequence[str]) -> dict[str, Any]:
    # The whole year and some days more, each notice with those of the one before: what drops days has to be confirmed.
    known = shipped("CN")
    off, on = ({str(d) for d in days if known.belongs.get(d, d.year) == year} for days in (known.off, known.on))
    data = {"calendar": "CN", "year": year, "days_off": sorted(off | set(days_off)), "working_days": sorted(on)}
    data |= {"notice": f"notice {year}/{version}", "published_on": f"{year - 1}-11-0{version}"}
    return raw("calendar-published", "CN", data, id=f"calendar-{year}-{version}", source=SOURCE)


def _mixed(rng: random.Random, histories: Iterator[Facts]) -> Iterator[dict[str, Any]]:
    """The facts of many histories as they go on side by side; each history's own facts keep their order."""
    running: list[Facts] = []
    while True:
        while len(running) < _OPEN_AT_ONCE and (fresh := next(histories, None)) is not None:
            if fresh:
                running.append(list(fresh))
        if not running:
            return
        at = rng.randrange(len(running))
        yield running[at].pop(0)
        if not running[at]:
            running[at] = running[-1]
            running.pop()


def _calls(rng: random.Random, facts: Iterator[dict[str, Any]], most: int) -> Iterator[Call]:
    call: Call = []
    size = rng.randint(1, most)
    for fact in facts:
        call.append(msgspec.json.encode(fact))
        if len(call) == size:
            yield call
            call, size = [], rng.randint(1, most)
    if call:
        yield call


def _refused(rng: random.Random, count: int) -> Iterator[Call]:
    """Calls with at least one fact that breaks the contract."""
    for number in range(count):
        good = [msgspec.json.encode(f) for f in request(rng, 10**9 + number, "nobody", LAST_DAY)][:3]
        bad = msgspec.json.decode(rng.choice(good))
        match rng.randrange(4):
            case 0:
                bad["data"]["name"] = "somebody"
            case 1:
                bad["sequence"] = 1
            case 2:
                del bad["data"]
            case _:
                bad["specversion"] = "2.0"
        call = [*good, msgspec.json.encode(bad)]
        rng.shuffle(call)
        yield call


def generate(seed: int, facts: int, *, posters: int = 3, organs: int = 12, largest_call: int = 0) -> History:
    """A history with at least ``facts`` facts posted, the same for the same arguments."""
    rng = random.Random(seed)
    codes = [f"organ-{n}" for n in range(organs)]
    late = set(codes[organs * 3 // 4 :])
    known = [_organ(code, codes[0] if code != codes[0] else None) for code in codes if code not in late]
    calendars = [_calendar(2023, 1, ["2023-03-08"]), _calendar(2022, 1, ["2022-03-08", "2022-09-13"])]
    inside = [fact for code in codes if code not in late for fact in registered(code, SOURCE)]
    later = [
        [msgspec.json.encode(fact) for fact in (_organ(code, codes[0]), *registered(code, SOURCE))]
        for code in sorted(late)
    ]
    later += [
        [msgspec.json.encode(_calendar(2024, n, ["2024-05-06", "2024-06-11", "2024-06-12"][: n + 1]))] for n in (1, 2)
    ]
    rng.shuffle(later)
    most = largest_call or max(4, min(400, facts // (posters * 40)))
    sent: list[list[Call]] = []
    for poster in range(posters):
        share = random.Random(f"{seed}/{poster}")
        calls: list[Call] = []
        count, number = 0, 0
        while count < facts / posters:
            # In portions, since how many facts a request has is only known once it is made.
            histories = [
                organ_facts(share, share.choice(codes[poster::posters]), number + n, LAST_DAY)
                if (drawn := share.random()) < 0.02
                else duty_facts(share, share.choice(codes), (number + n) * posters + poster, LAST_DAY)
                if drawn < 0.03
                else request(share, (number + n) * posters + poster, share.choice(codes), LAST_DAY)
                for n in range(400 if facts > 4000 else 40)
            ]
            number += len(histories)
            portion = list(_calls(share, _mixed(share, iter(histories)), most))
            calls += portion
            count += sum(map(len, portion))
        sent.append(calls)
    return History(
        reference=[msgspec.json.encode(f) for f in known + inside + calendars],
        late_reference=later,
        posters=sent,
        refused=list(_refused(rng, max(4, facts // 2000))),
        garbage=list(garbage.records(rng, max(40, facts // 100))),
    )
