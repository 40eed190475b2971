"""What would be due: cases given whole, one JSON object each, answered without any service or store.

``{"statute", "facts": [{"type", "data"}], "calendar"?, "as_of"}`` gives ``{"due_on", "status", "provisional",
"explanation"}``. A case is answered from memory if the same was asked before; the bare case (a request and nothing
else) also if it differs in what bears on no date.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw, Struct

from services.events.codec import FACT_TYPES
from services.events.envelope import PREFIX, VERSION
from services.events.facts import Data, ReceivedData
from services.events.refusals import FieldError, Refused, explain
from services.events.vocabulary import FIRST_DAY, LAST_DAY, Code
from services.statute.account import Line
from services.statute.calendar import Calendar
from services.statute.calendars import inline
from services.statute.draft import MEANINGS
from services.statute.due import due
from services.statute.errors import BadData, OutOfRange, StatuteError
from services.statute.view import Fact
from services.tracker.limit import CASE_FACTS

FACTS = CASE_FACTS
"""Facts of a case: as many as a case of the tracker may have. No request under any statute comes near."""
REMEMBERED = 8192
"""Answers kept; one takes about four kilobytes."""
SHORT = 1024
"""Bytes of a case up to which its answer is kept under its very text."""


class Given(Struct, frozen=True, forbid_unknown_fields=True):
    """A fact of a case: its name, short or as CloudEvents type, and its data."""

    type: str
    data: Raw


class Days(Struct, frozen=True, forbid_unknown_fields=True):
    """A calendar given with the case; the weekend is Saturday and Sunday where it isn't said."""

    weekend: tuple[str, ...] = ("saturday", "sunday")
    days_off: tuple[date, ...] = ()
    working_days: tuple[date, ...] = ()


class Question(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A case: its facts in any order, the statute, the calendar if it isn't the statute's own, and the day to judge."""

    statute: Code
    facts: tuple[Given, ...]
    as_of: date
    calendar: Days | None = None


_SHAPES: dict[str, type[Data]] = {
    name: {f.name: f.type for f in msgspec.structs.fields(FACT_TYPES[f"{PREFIX}{name}{VERSION}"])}["data"]
    for name in MEANINGS
}
_NAMES = {name: name for name in MEANINGS} | {f"{PREFIX}{name}{VERSION}": name for name in MEANINGS}
_DATES = {
    shape: tuple(f.name for f in msgspec.structs.fields(shape) if f.type in (date, date | None))
    for shape in _SHAPES.values()
}
_questions = msgspec.json.Decoder(Question)
_data: dict[str, msgspec.json.Decoder[Any]] = {n: msgspec.json.Decoder(s) for n, s in _SHAPES.items()}


def answer(line: bytes, *, each_day: bool = False) -> bytes:
    """The answer to one case, both as JSON; ``each_day``: explained day by day.

    Raises :class:`Refused`, which names the field.
    """
    question = _decoded(_questions, line, Question, "$")
    if not question.facts:
        raise Refused(FieldError("$.facts", "no facts", "a request-received at least"))
    if len(question.facts) > FACTS:
        raise Refused(FieldError("$.facts", f"are {len(question.facts)}", f"at most {FACTS}"))
    _within("$.as_of", question.as_of)
    facts = [_fact(place, given) for place, given in enumerate(question.facts)]
    try:
        if not each_day and len(facts) == 1 and question.calendar is None and isinstance(facts[0].data, ReceivedData):
            data = facts[0].data
            return _bare(
                data.statute or question.statute,
                data.channel,
                data.submitted_on,
                data.received_on,
                data.confirmed_on,
                question.as_of,
            )
        calendar = _calendar(question.calendar) if question.calendar else None
        first = next((f.data.statute for f in facts if isinstance(f.data, ReceivedData)), None)
        return msgspec.json.encode(
            due(first or question.statute, facts, question.as_of, calendar, each_day=each_day).plain()
        )
    except BadData as error:
        raise Refused(FieldError(f"$.{error.file}.{error.key}", error.reason, "a calendar")) from None
    except OutOfRange as error:
        raise Refused(FieldError("$.facts", str(error), "dates inside the calendars")) from None
    except StatuteError as error:
        field = "$.statute" if "statute" in str(error) or "version" in str(error) else "$.facts"
        raise Refused(FieldError(field, str(error), "a statute that is known and a request-received")) from None


def answers(lines: Iterable[bytes]) -> Iterator[bytes]:
    """An answer a line; a bad line gives ``{"error"}`` and the next one is answered all the same."""
    for line in lines:
        if not line.isspace():
            try:
                yield _again(line) if len(line) <= SHORT else answer(line)
            except Refused as refused:
                yield msgspec.json.encode({"error": str(refused)})


_again = lru_cache(maxsize=REMEMBERED)(answer)


@lru_cache(maxsize=2 * REMEMBERED)
def _line(line: Line) -> Raw:
    return Raw(msgspec.json.encode(line.plain()))


@lru_cache(maxsize=REMEMBERED)
def _bare(
    statute: str, channel: Any, submitted_on: date, received_on: date | None, confirmed_on: date | None, as_of: date
) -> bytes:
    data = ReceivedData(
        organ="-",
        channel=channel,
        applicant="natural-person",
        submitted_on=submitted_on,
        received_on=received_on,
        confirmed_on=confirmed_on,
    )
    # Bare cases share most of their lines, those of a day's limit, of a version, of a calendar: each is encoded once.
    return msgspec.json.encode(due(statute, [Fact("request-received", "", "fact 1", data)], as_of).plain(_line))


@lru_cache(maxsize=8)
def _calendar(days: Days) -> Calendar:
    for name in ("days_off", "working_days"):
        for day in getattr(days, name):
            _within(f"$.calendar.{name}", day)
    return inline({"weekend": list(days.weekend), "days_off": days.days_off, "working_days": days.working_days})


def _decoded(decoder: msgspec.json.Decoder[Any], raw: bytes | Raw, shape: Any, at: str) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        found = explain(error, raw, {}, shape)
        raise Refused(FieldError(found.field.replace("$", at, 1), found.problem, found.expected)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(FieldError(at, str(error)[:200], "one JSON object")) from None


def _fact(place: int, given: Given) -> Fact:
    name = _NAMES.get(given.type)
    if name is None:
        problem = f"{given.type[:100]!r} is no fact about a request's time"
        raise Refused(FieldError(f"$.facts[{place}].type", problem, f"one of {', '.join(sorted(MEANINGS))}"))
    at = f"$.facts[{place}].data"
    data: Any = _decoded(_data[name], given.data, _SHAPES[name], at)
    for field in _DATES[data.__class__]:
        day = getattr(data, field)
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            _within(f"{at}.{field}", day)
    return Fact(name, "", f"fact {place + 1}", data)


def _within(field: str, day: date | None) -> None:
    if day is not None and not FIRST_DAY <= day <= LAST_DAY:
        raise Refused(FieldError(field, f"is {day}", f"a date from {FIRST_DAY} to {LAST_DAY}"))
