"""What the n-th fact of one case costs beside the first, and a batch of one subject beside an ordinary one: ``make
bench-nth``.

The pure path is measured, :func:`services.tracker.core.apply.run`: all that a worker does with a fact but to read
and write it. The best of several repeats counts. It runs against an older release as well, for the figures before
(``PYTHONPATH``; an argument makes the batches of one subject smaller).
"""

import inspect
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from services.events import facts as f
from services.events.codec import FACT_TYPES
from services.events.envelope import type_of
from services.events.vocabulary import Label, Ref
from services.tracker.core import apply
from services.tracker.core.case import Case
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import Shelf
from services.tracker.core.view import look

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = date(2025, 3, 3)
SOURCE = "urn:bench"
BATCH = 2000
LIMIT = 250
NTH = (1, 10, 100, LIMIT)
REVIEWS = (1, 100, 1000, 20_000)
WORLD = ReferenceData(
    [
        f.OrganRegistered(
            specversion="1.0",
            id="o",
            source=SOURCE,
            subject="o",
            data=f.OrganData(
                code="o", name=Label(zh="机关", en="Organ"), timezone="Asia/Shanghai", calendar="CN", statute="CN"
            ),
        )
    ]
)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def make(name: str, number: int, subject: str = "r", **values: Any) -> Any:
    shape: Any = FACT_TYPES[type_of(name)]
    data = shape.__annotations__["data"](**values)
    return shape(specversion="1.0", id=f"{name}/{number}", source=SOURCE, subject=subject, data=data)


def received(number: int, subject: str = "r") -> Any:
    values = {"organ": "o", "channel": "in-person", "applicant": "business"}
    return make("request-received", number, subject, submitted_on=DAY, **values)


def consulted(number: int) -> Any:
    sent = DAY + timedelta(days=number % 5)
    return make("consultation-opened", number, consultation=f"c{number}", party="third-party", sent_on=sent)


PLAIN = {"organ": "o", "channel": "post", "applicant": "business", "submitted_on": "2025-03-04"}


def corrected(number: int) -> Any:
    """Another correction of the receipt."""
    return make("fact-corrected", number, amends=Ref(SOURCE, "request-received/0"), data=PLAIN)


def chained(number: int) -> Any:
    """A correction of the correction before, which says the same."""
    if number == 1:
        return corrected(1)
    data = {"amends": {"source": SOURCE, "id": "request-received/0"}, "data": PLAIN}
    return make("fact-corrected", number, amends=Ref(SOURCE, f"fact-corrected/{number - 1}"), data=data)


def retracted(number: int) -> Any:
    """A retraction of the retraction before."""
    before = "request-received/0" if number == 1 else f"fact-retracted/{number - 1}"
    return make("fact-retracted", number, amends=Ref(SOURCE, before), reason="by mistake")


KINDS: dict[str, Callable[[int], Any]] = {
    "request-received again": received,
    "consultation-opened": consulted,
    "fact-corrected, of one fact": corrected,
    "fact-corrected, a chain": chained,
    "fact-retracted, a chain": retracted,
}


def reviewed(number: int) -> Any:
    return make("review-filed", number, "o", review=f"v{number}", organ="o", kind="reconsideration", filed_on=DAY)


def run(facts: Sequence[Any], cases: dict[str, Case], facts_of_a_case: int = 0) -> Any:
    """Step 4 of a batch; an older release knows no limit of facts."""
    if facts_of_a_case and "limit" in inspect.signature(apply.run).parameters:
        from services.tracker.core.limit import Limit

        return apply.run(facts, Shelf(cases.values()), WORLD, NOW, Limit(facts_of_a_case))
    return apply.run(facts, Shelf(cases.values()), WORLD, NOW)


def grown(subject: str, facts: Sequence[Any]) -> Case:
    """A case with these facts, as if each had been decided."""
    case = Case(subject=subject, facts=tuple(facts), sequence=len(facts), as_of=DAY)
    return replace(case, view=look(case, WORLD, DAY).view)


def best(call: Callable[[], Any], repeats: int, times: int = 1) -> float:
    """Seconds of one call, the best of so many repeats of so many calls each."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(times):
            call()
        found.append((time.process_time() - start) / times)
    return min(found)


def nth_fact(kind: Callable[[int], Any], nth: Sequence[int]) -> list[float]:
    seconds = []
    for n in nth:
        # The first fact of a case is its receipt.
        facts = [received(0), *(kind(i) for i in range(1, n))]
        fact = facts.pop()
        case = grown("r", facts) if facts else Case(subject="r")
        seconds.append(best(lambda c=case, x=fact: run([x], {"r": c}), 5, max(1, 200 // n)))  # type: ignore[misc]  # a default binds the loop's value
    return seconds


def nth_review(nth: Sequence[int]) -> list[float]:
    """Each is kept apart, and a batch loads those that it names: before a new one there is the head alone."""
    seconds = []
    for n in nth:
        head = grown("o", ())
        shelf = Shelf([head])
        for number in range(1, n):
            shelf.keep(reviewed(number), replace(head, sequence=number), number, WORLD)
        head = shelf.case("o")
        fact = reviewed(n)
        seconds.append(best(lambda c=head, x=fact: run([x], {"o": c}), 5, 100))  # type: ignore[misc]  # a default binds the loop's value
    return seconds


def table(title: str, nth: Sequence[int], rows: dict[str, list[float]]) -> list[float]:
    say(f"\n{title:32}" + "".join(f"{f'n = {n}':>14}" for n in nth) + f"{'last / first':>14}")
    for name, seconds in rows.items():
        cells = "".join(f"{1e6 * x:>11,.0f} µs" for x in seconds)
        say(f"{name:32}{cells}{seconds[-1] / seconds[0]:>14.1f}")
    return [seconds[-1] / seconds[0] for seconds in rows.values()]


def main() -> int:
    ordinary = [received(0, f"r{i}") for i in range(BATCH)]
    usual = best(lambda: run(ordinary, {}), 3)
    facts = table("the n-th fact of one case", NTH, {name: nth_fact(kind, NTH) for name, kind in KINDS.items()})
    reviews = table("the n-th review of one organ", REVIEWS, {"review-filed": nth_review(REVIEWS)})
    count = int(sys.argv[1]) if len(sys.argv) > 1 else BATCH
    say(f"\na batch of {BATCH} receipts of as many requests: {1e3 * usual:.0f} ms; {count} facts of one subject:")
    batches = []
    for name, kind in KINDS.items():
        batch = [received(0), *(kind(i) for i in range(1, count))]
        seconds = best(lambda b=batch: run(b, {}), 2 if count == BATCH else 1)  # type: ignore[misc]  # a default binds the loop's value
        batches.append(seconds / usual)
        say(f"{name:32}{1e3 * seconds:>11,.0f} ms{batches[-1]:>14.1f}")
    say(
        f"\nratios: fact {LIMIT} / the first {max(facts):.1f}, review {REVIEWS[-1]} / the first {max(reviews):.1f}, "
        f"{count} of one subject / {BATCH} ordinary {max(batches):.1f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
