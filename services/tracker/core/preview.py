"""What would be due: cases given whole, one JSON object each, answered without any service or store.

``{"statute", "facts": [{"type", "data"}], "calendar"?, "as_of", "known_on"?}`` gives ``{"due_on", "status",
"provisional", ... "explanation"}`` (:meth:`services.statute.due.Due.plain`); published calendars may stand among the
facts. A case is answered from memory if the same was asked before; the bare case (a request and nothing else) also if
it differs in what bears on no date.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Raw, Struct

from services.events import plain
from services.events.codec import FACT_TYPES, day_out_of_range
from services.events.envelope import PREFIX, VERSION
from services.events.facts import CalendarData, Data, ReceivedData
from services.events.office_facts import ItemData
from services.events.refusals import FieldError, Refused, Values, explain
from services.events.vocabulary import FIRST_DAY, LAST_DAY, Code
from services.statute import rules
from services.statute.account import Line
from services.statute.assessment import assess, read
from services.statute.calendar import Calendar, Notice
from services.statute.calendar_file import Inline
from services.statute.calendars import calendar_as_of, inline, shipped
from services.statute.due import Due, due
from services.statute.errors import BadData, NoRequest, NoVersion, OutOfRange, UnknownStatute
from services.statute.office.items import item_of
from services.statute.state import Fact
from services.statute.timeline import MEANINGS
from services.statute.versions import statute_ids, versions
from services.tracker.core.contradictions import settle
from services.tracker.core.limit import CASE_FACTS

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


class Question(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A case: its facts in any order, the statute, the calendar if it isn't the statute's own, and the day to judge."""

    statute: Code
    facts: tuple[Given, ...]
    as_of: date
    calendar: Inline | None = None
    item: ItemData | None = None
    """The service item that the request is for, as it is registered."""
    known_on: date | None = None
    """Count with the calendar as it was known on that day; left out: as it is known now."""


_SHAPES: dict[str, type[Data]] = {
    name: {f.name: f.type for f in msgspec.structs.fields(FACT_TYPES[f"{PREFIX}{name}{VERSION}"])}["data"]
    for name in MEANINGS
}
NOTICE = "calendar-published"
"""The one fact of a case that is not about the request: a calendar's year, as it was published."""
Published = Callable[[str, date | None], Calendar]
"""A calendar by its id with what is published for it, as it was known on a day (None: as it is known now)."""
_NAMES = {name: name for name in MEANINGS} | {f"{PREFIX}{name}{VERSION}": name for name in MEANINGS}
_DATES = {
    shape: tuple(f.name for f in msgspec.structs.fields(shape) if f.type in (date, date | None))
    for shape in _SHAPES.values()
}
_questions = msgspec.json.Decoder(Question)
_notices = msgspec.json.Decoder(CalendarData)
_data: dict[str, msgspec.json.Decoder[Any]] = {n: msgspec.json.Decoder(s) for n, s in _SHAPES.items()}


def answer(line: bytes, *, each_day: bool = False, published: Published | None = None) -> bytes:
    """The answer to one case, both as JSON; ``each_day``: explained day by day; ``published``: where calendars come
    from, if not from those that ship.

    Raises :class:`Refused`, which names the field.
    """
    question = asked(line)
    facts = facts_of(question)
    try:
        plain = question.calendar is None and question.known_on is None and published is None and question.item is None
        if not each_day and plain and len(question.facts) == 1:
            data = facts[0].data
            if isinstance(data, ReceivedData) and data.item is None:
                return _bare(
                    data.statute or question.statute,
                    data.channel,
                    data.submitted_on,
                    data.received_on,
                    data.confirmed_on,
                    data.mail,
                    question.as_of,
                )
        return msgspec.json.encode(judged(question, facts, each_day=each_day, published=published).plain())
    except BadData as error:
        raise Refused(
            FieldError(f"$.{error.file}.{error.key}", error.reason, "a calendar", "calendar-invalid")
        ) from None
    except OutOfRange as error:
        raise Refused(FieldError("$.facts", str(error), "dates inside the calendars", "day-not-covered")) from None
    except NoVersion as error:
        field, _ = _named(question, facts)
        wanted = "a statute that was in force on the day of receipt"
        raise Refused(FieldError(field, str(error), wanted, "statute-not-in-force")) from None
    except UnknownStatute:
        field, statute = _named(question, facts)
        wanted = f"one of {', '.join(statute_ids())}"
        wrong = FieldError(field, f"is {statute!r}", wanted, "statute-unknown", {"value": statute})
        raise Refused(wrong) from None
    except NoRequest as error:
        raise Refused(FieldError("$.facts", str(error), "a request-received at least", "case-unclear")) from None


def _named(question: Question, facts: Sequence[Fact]) -> tuple[str, str]:
    """The statute of a case, and the field that names it: a request's own, else its item's, else the case's."""
    for place, fact in enumerate(facts):
        if isinstance(fact.data, ReceivedData) and fact.data.statute:
            return f"$.facts[{place}].data.statute", fact.data.statute
    if question.item is not None:
        return "$.item.statute", question.item.statute
    return "$.statute", question.statute


def asked(line: bytes) -> Question:
    """A case from its JSON. Raises :class:`Refused`, which names the field."""
    question: Question = _decoded(_questions, line, Question, "$")
    return question


def facts_of(question: Question) -> list[Fact]:
    """The facts of a case as the law reads them. Raises :class:`Refused`, which names the field."""
    if not question.facts:
        raise Refused(FieldError("$.facts", "no facts", "a request-received at least", "facts-missing"))
    if len(question.facts) > FACTS:
        count = len(question.facts)
        values: Values = {"count": count, "most": FACTS}
        raise Refused(FieldError("$.facts", f"are {count}", f"at most {FACTS}", "too-many-facts", values))
    _within("$.as_of", question.as_of)
    _within("$.known_on", question.known_on)
    facts = [_fact(place, given) for place, given in enumerate(question.facts) if not _is_notice(given)]
    there = None if question.item is None else question.item.code
    for place, fact in enumerate(facts):
        if isinstance(fact.data, ReceivedData) and fact.data.item not in (None, there):
            problem = f"is {fact.data.item!r}, which the case does not give"
            wanted = "the item whole, under $.item"
            raise Refused(FieldError(f"$.facts[{place}].data.item", problem, wanted, "item-not-given"))
    return facts


def _is_notice(given: Given) -> bool:
    return given.type in (NOTICE, f"{PREFIX}{NOTICE}{VERSION}")


def notices_of(question: Question, calendar_id: str) -> list[Notice]:
    """What is published for a calendar by the facts of a case, as far as it was known on the case's day.

    Raises :class:`Refused`, which names the field.
    """
    notices = []
    for place, given in enumerate(question.facts):
        if not _is_notice(given):
            continue
        at = f"$.facts[{place}].data"
        data: CalendarData = _decoded(_notices, given.data, CalendarData, at)
        for field in ("days_off", "working_days"):
            for day in getattr(data, field):
                _within(f"{at}.{field}", day)
        known = question.known_on is None or data.published_on <= question.known_on
        if known and data.calendar == calendar_id:
            days = frozenset(data.days_off), frozenset(data.working_days)
            notices.append(Notice(data.year, *days, data.notice, data.published_on, place))
    return notices


def judged(
    question: Question,
    facts: Sequence[Fact],
    read_as: Mapping[str, str] = MappingProxyType({}),
    *,
    calendar: Calendar | None = None,
    each_day: bool = False,
    published: Published | None = None,
) -> Due:
    """The answer to a case; ``read_as`` are settings read another way than the statute's file does, ``calendar`` one
    to count with that the case does not name; ``published`` gives calendars with what was posted for them.

    Raises :class:`~services.statute.errors.StatuteError`."""
    _, statute = _named(question, facts)
    if question.calendar is not None:
        calendar = _inline(question.calendar)
    elif calendar is None:
        named = versions(statute)[-1].calendar
        calendar = (published or _shipped)(named, question.known_on)
    if question.calendar is None and (notices := notices_of(question, calendar.id)):
        calendar = calendar.with_notices(notices, f"{calendar.version} + {len(notices)} notices of the case")
    item = None if question.item is None else item_of(question.item)

    def received_on(bearing: Sequence[Fact]) -> date | None:
        return assess(read(bearing), statute, calendar, question.as_of, read_as).state.received_on

    # The order in which they are given stands for that of the log.
    settled = settle(facts, received_on)
    answer = due(statute, settled.facts, question.as_of, calendar, each_day=each_day, read_as=read_as, item=item)
    return replace(answer, remarks=(*answer.remarks, *settled.without)) if settled.without else answer


def _shipped(calendar_id: str, known_on: date | None) -> Calendar:
    return shipped(calendar_id) if known_on is None else calendar_as_of(calendar_id, known_on)


_inline = lru_cache(maxsize=8)(inline)


def answers(lines: Iterable[bytes]) -> Iterator[bytes]:
    """An answer a line; a bad line gives ``{"error"}`` and the next one is answered all the same."""
    for line in lines:
        if not line.isspace():
            try:
                yield _again(line) if len(line) <= SHORT else answer(line)
            except Refused as refused:
                yield msgspec.json.encode({"error": str(refused)})


_again = lru_cache(maxsize=REMEMBERED)(answer)
rules.remembered(_again.cache_clear)


@lru_cache(maxsize=2 * REMEMBERED)
def _line(line: Line) -> Raw:
    return Raw(msgspec.json.encode(line.plain()))


@lru_cache(maxsize=REMEMBERED)
def _bare(
    statute: str,
    channel: Any,
    submitted_on: date,
    received_on: date | None,
    confirmed_on: date | None,
    mail: Any,
    as_of: date,
) -> bytes:
    data = ReceivedData(
        organ="-",
        channel=channel,
        applicant="natural-person",
        submitted_on=submitted_on,
        received_on=received_on,
        confirmed_on=confirmed_on,
        mail=mail,
    )
    # Bare cases share most of their lines, those of a day's limit, of a version, of a calendar: each is encoded once.
    return msgspec.json.encode(due(statute, [Fact("request-received", "", "fact 1", data)], as_of).plain(_line))


rules.remembered(_bare.cache_clear)


def _decoded(decoder: msgspec.json.Decoder[Any], raw: bytes | Raw, shape: Any, at: str) -> Any:
    try:
        return plain.decode(decoder, raw)
    except msgspec.ValidationError as error:
        wrong = explain(error, raw, {}, shape)
        raise Refused(msgspec.structs.replace(wrong, field=wrong.field.replace("$", at, 1))) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(FieldError(at, str(error)[:200], "one JSON object", "not-json")) from None


def _fact(place: int, given: Given) -> Fact:
    name = _NAMES.get(given.type)
    if name is None:
        problem = f"{given.type[:100]!r} is not a fact about a request's time"
        wanted = f"one of {', '.join(sorted([*MEANINGS, NOTICE]))}"
        raise Refused(FieldError(f"$.facts[{place}].type", problem, wanted, "type-unknown"))
    at = f"$.facts[{place}].data"
    data: Any = _decoded(_data[name], given.data, _SHAPES[name], at)
    for field in _DATES[data.__class__]:
        day = getattr(data, field)
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            _within(f"{at}.{field}", day)
    return Fact(name, "", f"fact {place + 1}", data)


def _within(field: str, day: date | None) -> None:
    if day is not None and not FIRST_DAY <= day <= LAST_DAY:
        raise Refused(day_out_of_range(field, day))
