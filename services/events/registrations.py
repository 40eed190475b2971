"""Whether a fact names a law, a calendar and a parent that exist; asked by intake, and by all who read the log. Pure.

Intake refuses what is wrong. Whoever reads the log passes over what a bare producer put there: such a registration has
no effect, and the organ stays as it was registered before. Only a wrong parent takes no more with it than itself, since
no date depends on it (docs/decisions/0011).
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from msgspec.structs import replace

from services.events.facts import (
    CalendarPublished,
    CorrectedData,
    Fact,
    FactCorrected,
    OrganRegistered,
    RequestReceived,
    ReviewFiled,
)
from services.events.office_facts import ItemRegistered
from services.events.refusals import FieldError, RefusalCode

Parents = Mapping[str, str | None]
"""Each organ that is registered, with its parent."""


class Check(Protocol):
    """:func:`fault` with the ids that this release knows."""

    def __call__(self, fact: Fact) -> FieldError | None: ...


def checking(statutes: Collection[str], calendars: Collection[str]) -> Check:
    """:func:`fault` for the laws and calendars with these ids."""

    def check(fact: Fact) -> FieldError | None:
        return fault(fact, statutes, calendars)

    return check


def fault(fact: Fact, statutes: Collection[str], calendars: Collection[str]) -> FieldError | None:
    """What is wrong with the law and the calendar that a fact names; None where nothing is."""
    match fact:
        case OrganRegistered(data=data):
            return _unknown("calendar-unknown", "calendar", data.calendar, calendars) or _unknown(
                "statute-unknown", "statute", data.statute, statutes
            )
        case ItemRegistered(data=data):
            return _unknown("statute-unknown", "statute", data.statute, statutes)
        case CalendarPublished(data=data):
            return _unknown("calendar-unknown", "calendar", data.calendar, calendars)
        case RequestReceived(data=data) | ReviewFiled(data=data) if data.statute is not None:
            return _unknown("statute-unknown", "statute", data.statute, statutes)
        case FactCorrected(data=CorrectedData(data={"statute": str(statute)})):
            # What can be corrected and has a statute: a request, and a review.
            return _unknown("statute-unknown", "data.statute", statute, statutes)
        case _:
            return None


def _unknown(code: RefusalCode, field: str, value: str, known: Collection[str]) -> FieldError | None:
    if value in known:
        return None
    expected = f"one of {', '.join(sorted(known))}"
    return FieldError(f"$.data.{field}", f"is {value!r}, which is unknown", expected, code, {"value": value})


JUDGED_FROM = datetime(2026, 11, 25, tzinfo=UTC)
"""From this instant on a calendar's notice that drops days needs to be confirmed."""


def says_the_same(one: Fact, other: Fact) -> bool:
    """Whether two facts of one name are one that was sent twice."""
    return type(one) is type(other) and one.subject == other.subject and one.data == other.data


def as_recorded(fact: Fact, milliseconds: int) -> Fact:
    """A reference fact as its readers take it, given the log's own time for its record (Unix time).

    A notice without ``recordedtime`` did not come by intake and is judged by its readers. What was in the log before
    there was such a judgement stands: it has the log's time for its own.
    """
    if not isinstance(fact, CalendarPublished) or fact.recordedtime is not None:
        return fact
    # Compared as numbers: whoever writes to the log by itself sets any time, also one that is no date.
    if not 0 <= milliseconds < JUDGED_FROM.timestamp() * 1000:
        return fact
    return replace(fact, recordedtime=datetime.fromtimestamp(milliseconds / 1000, UTC))


def wrong_parent(code: str, parent: str | None, parents: Parents) -> FieldError | None:
    """What is wrong with the parent that an organ names, beside the organs that are registered already."""
    if parent is None:
        return None
    if parent == code:
        return FieldError("$.data.parent", "is the organ itself", "another organ, or none", "parent-itself")
    if parent not in parents:
        return FieldError(
            "$.data.parent",
            f"is {parent!r}, which is not registered",
            "an organ that is registered already, or earlier in the same call",
            "parent-unknown",
            {"value": parent},
        )
    if (chain := _chain(parent, parents))[-1] == code:
        circle = " under ".join(chain)
        expected = "an organ that is not under this one"
        return FieldError("$.data.parent", f"makes a circle: {circle}", expected, "parent-circle")
    return None


def _chain(organ: str, parents: Parents, stop: str | None = None) -> list[str]:
    """An organ, its parent, and so on, to the top; each once."""
    chain, seen = [organ], {organ}
    while (above := parents.get(chain[-1])) is not None and above not in seen:
        chain.append(above)
        seen.add(above)
    return chain


def tree(declared: Iterable[tuple[str, str | None]]) -> dict[str, str | None]:
    """Each organ's parent that counts, from what organs declare, in the order of their latest registrations.

    The registration that closes a circle counts without its parent until another of the circle is registered anew. A
    parent that is not registered is kept: it counts as soon as it is.
    """
    parents: dict[str, str | None] = {}
    for code, parent in declared:
        circular = parent is not None and (parent == code or _chain(parent, parents)[-1] == code)
        parents[code] = None if circular else parent
    return parents


def below(organ: str, parents: Mapping[str, str | None]) -> list[str]:
    """``organ`` and all organs under it, by code; organs registered as one another's parents are taken once."""
    under: dict[str, list[str]] = {}
    for code, parent in parents.items():
        if parent is not None:
            under.setdefault(parent, []).append(code)
    reached, left = {organ}, [organ]
    while left:
        for code in under.get(left.pop(), ()):
            if code not in reached:
                reached.add(code)
                left.append(code)
    return sorted(reached)
