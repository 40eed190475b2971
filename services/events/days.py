"""The dates on which, by a fact, something happened; a planned date (to respond by, deferred until) is none. Pure.

Facts are in the past tense, so such a date lies at most a day ahead of the day on which it is posted. That is judged
once, when it is posted, and never again: what the log has was judged by then.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache

from services.events.facts import CalendarPublished, Data, Fact, FactCorrected
from services.events.refusals import FieldError, Values

PLANNED = frozenset({"respond_by", "until", "due_on", "days_off", "working_days"})
"""The dates that lie ahead when they are reported."""


@cache
def _names(shape: type[Data]) -> tuple[str, ...]:
    fields = (name for name, kind in shape.__annotations__.items() if kind in (date, date | None))
    return tuple(name for name in fields if name not in PLANNED)


def happened(fact: Fact) -> Iterator[tuple[str, date]]:
    """Each such date of a fact with its field; of a correction those in the replacement."""
    for name in _names(fact.data.__class__):
        day = getattr(fact.data, name)
        if day is not None:
            yield f"$.data.{name}", day
    if isinstance(fact, FactCorrected):
        for name, value in fact.data.data.items():
            if (name.endswith("_on") or name == "on") and name not in PLANNED and isinstance(value, str):
                try:
                    yield f"$.data.data.{name}", date.fromisoformat(value)
                except ValueError:
                    continue  # what is no date is refused once the amended fact is known


def ahead(fact: Fact, today: date) -> FieldError | None:
    """What lies later than the day after ``today``, if anything: the first of it."""
    return next(each_ahead(fact, today), None)


def each_ahead(fact: Fact, today: date) -> Iterator[FieldError]:
    """All that lies later than the day after ``today``."""
    for field, day in happened(fact):
        if (wrong := to_come(field, day, today)) is not None:
            yield wrong


def to_come(field: str, day: date, today: date) -> FieldError | None:
    """What is wrong with a day of the past, if it lies later than the day after ``today``."""
    last = today + timedelta(days=1)
    if day <= last:
        return None
    expected = f"a day on which it happened, up to {last}"
    values: Values = {"day": str(day), "last": str(last)}
    return FieldError(field, f"is {day}, later than tomorrow", expected, "day-to-come", values)


def each_before(fact: Fact, first: date, statute: str) -> Iterator[FieldError]:
    """All that lies before ``first``, the day from which ``statute`` and its predecessors hold."""
    if isinstance(fact, CalendarPublished):
        return
    for field, day in happened(fact):
        if day < first:
            problem = f"is {day}, before {statute} and its predecessors were in force"
            values: Values = {"day": str(day), "first": str(first)}
            yield FieldError(field, problem, f"a day from {first} on", "day-before-law", values)
