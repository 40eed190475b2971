"""Scenarios of the law: a file that a lawyer can write says what happened and what has to come out of it. Pure.

A file holds ``[[scenario]]`` tables. What is left out under ``[scenario.expected]`` is not compared.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Literal

import msgspec
from msgspec import Struct

from services.events.refusals import Refused
from services.statute.calendars import calendar_as_of, shipped
from services.statute.data_file import Text, convert, parse
from services.statute.due import Due
from services.statute.errors import StatuteError
from services.statute.status import Status
from services.tracker.core import preview


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: its keys, and no other."""


class GivenFact(_Table, frozen=True, kw_only=True):
    """A fact, as ``shixian due --jsonl`` takes it."""

    type: Text
    data: dict[str, Any]


class Clock(_Table, frozen=True, kw_only=True):
    """A time limit that there has to be; ``about`` says which one, where there can be several."""

    limit: Text
    due_on: date | bool | None = None
    about: str | None = None


class StepOf(_Table, frozen=True, kw_only=True):
    """A step inside the office that there has to be."""

    step: Text
    unit: str | None = None
    """Who has it; empty: the office."""
    state: Literal["assigned", "accepted", "returned", "completed", "ended"] | None = None
    due_on: date | bool | None = None
    overdue_from: date | bool | None = None


class CardFor(_Table, frozen=True, kw_only=True):
    """A card that there has to be."""

    card: Literal["yellow", "red"]
    limit: Literal["answer", "committed", "step", "duty"]
    on: date
    unit: str | None = None
    """Who had the step on that day."""


class DutyOf(_Table, frozen=True, kw_only=True):
    """A duty of the organ that there has to be."""

    kind: Text
    due_on: date | bool | None = None
    state: Literal["open", "done", "ended"] | None = None
    overdue_from: date | bool | None = None


class Expected(_Table, frozen=True, kw_only=True):
    """What has to come out."""

    due_on: date | bool | None = None
    """``false``: there must be no due date."""
    received_on: date | bool | None = None
    committed_due_on: date | bool | None = None
    """The last day that the item promises."""
    timeliness: Literal["in-time", "late", ""] | None = None
    """Empty: it must not be answered."""
    provisional: bool | None = None
    status: tuple[Status, ...] = ()
    """One of these."""
    outcome: str | None = None
    clocks: tuple[Clock, ...] = ()
    no_clocks: tuple[Text, ...] = ()
    """Limits that there must not be."""
    remarks: tuple[Text, ...] = ()
    """Codes of remarks that there have to be."""
    steps: tuple[StepOf, ...] | None = None
    """All steps, in the order in which they were opened."""
    cards: tuple[CardFor, ...] | None = None
    """All cards."""
    duties: tuple[DutyOf, ...] = ()
    """Duties that there have to be."""


class Scenario(_Table, frozen=True, kw_only=True):
    """What happened, under which law, and what has to come out as of a day."""

    name: Text
    source: Text
    """Where the expected values come from: the rule, the judgment, the count."""
    statute: Text
    as_of: date
    facts: tuple[GivenFact, ...]
    expected: Expected
    kind: Literal["official", "worked"] = "worked"
    """``official``: the date stands in a decision, a letter of an authority or a reported case."""
    known_on: date | None = None
    """Count with the calendar as it was known on that day."""
    calendar: str = ""
    """Another calendar than the statute's, by its id."""
    item: dict[str, Any] | None = None
    """The service item that the request is for, with the fields of `item-registered`."""
    settings: dict[str, str] = {}
    """Settings read another way than the statute's file does."""


class ScenarioFile(_Table, frozen=True, kw_only=True):
    scenario: tuple[Scenario, ...]


class Difference(Struct, frozen=True):
    """One thing that came out otherwise than expected; both as text."""

    key: str
    expected: str
    found: str


def read(file: str, text: str) -> tuple[Scenario, ...]:
    """The scenarios of a file. Raises :class:`~services.statute.errors.BadData`: file, key and reason."""
    return convert(file, parse(file, text), ScenarioFile).scenario


def differences(scenario: Scenario) -> list[Difference]:
    """Where the law as it is read here differs from what is expected; a case that is refused is a difference, too."""
    try:
        result = judged(scenario)
    except Refused as refused:
        return [Difference(refused.error.field.removeprefix("$."), refused.error.expected, refused.error.problem)]
    except StatuteError as error:
        return [Difference("facts", "a case that can be judged", str(error))]
    return list(_compared(scenario.expected, result))


def judged(scenario: Scenario) -> Due:
    """What the law makes of it. Raises :class:`Refused`, and a :class:`StatuteError`."""
    question = {
        "statute": scenario.statute,
        "facts": scenario.facts,
        "as_of": scenario.as_of,
        "known_on": scenario.known_on,
        "item": scenario.item,
    }
    asked = preview.asked(msgspec.json.encode(question))
    calendar = None
    if scenario.calendar:
        known_on = scenario.known_on
        calendar = calendar_as_of(scenario.calendar, known_on) if known_on else shipped(scenario.calendar)
    return preview.judged(asked, preview.facts_of(asked), scenario.settings, calendar=calendar)


def _compared(expected: Expected, result: Due) -> Iterator[Difference]:
    for key in ("due_on", "committed_due_on", "received_on", "timeliness", "provisional", "outcome"):
        wanted, got = getattr(expected, key), getattr(result, key)
        if wanted is not None and wanted != (False if got is None else got):
            if key == "provisional":
                yield Difference(key, str(wanted).lower(), str(got).lower())
            else:
                yield Difference(key, _text(wanted), _text(got))
    if expected.status and result.status not in expected.status:
        yield Difference("status", " or ".join(expected.status), result.status)
    for place, clock in enumerate(expected.clocks):
        alike = [c for c in result.clocks if c.limit == clock.limit and clock.about in (None, c.about)]
        if not alike or any(clock.due_on not in (None, c.due_on or False) for c in alike):
            got = ", ".join(_text(c.due_on) for c in alike) or f"no {clock.limit}"
            yield Difference(f"clocks[{place}]", f"{clock.limit} {_text(clock.due_on)}", got)
    codes = {each.code for each in result.remarks}
    for code in expected.remarks:
        if code not in codes:
            yield Difference("remarks", code, ", ".join(sorted(codes)) or "none")
    for limit in expected.no_clocks:
        if any(c.limit == limit for c in result.clocks):
            yield Difference("no_clocks", f"no {limit}", limit)
    yield from _inside(expected, result)
    yield from _owed(expected, result)


def _inside(expected: Expected, result: Due) -> Iterator[Difference]:
    """What differs of the work inside the office."""
    if expected.steps is not None:
        wanted = [
            [(n, v) for n in step.__struct_fields__ if (v := getattr(step, n)) is not None] for step in expected.steps
        ]
        names = [[n for n, _ in step] for step in wanted]
        got = [
            [
                (n, False if (v := getattr(s, n)) is None else v)
                for n in (names[place] if place < len(names) else ("step",))
            ]
            for place, s in enumerate(result.steps)
        ]
        if got != wanted:
            yield Difference("steps", _listed(wanted), _listed(got))
    if expected.cards is not None:
        cards = [("card", c.card, c.limit, c.on, *([] if c.unit is None else [c.unit])) for c in expected.cards]
        reached = [r for r in result.rungs if r.level != "warning"]
        have = [
            ("card", r.level, r.limit, r.on, *([r.unit] if place < len(cards) and len(cards[place]) > 4 else []))
            for place, r in enumerate(reached)
        ]
        if sorted(map(str, have)) != sorted(map(str, cards)):
            yield Difference(
                "cards",
                _listed([[("", part) for part in c[1:]] for c in cards]),
                _listed([[("", p) for p in c[1:]] for c in have]),
            )


def _owed(expected: Expected, result: Due) -> Iterator[Difference]:
    for place, wanted in enumerate(expected.duties):
        names = [n for n in wanted.__struct_fields__ if getattr(wanted, n) is not None]
        alike = [[(n, getattr(d, n) or False) for n in names] for d in result.duties if d.kind == wanted.kind]
        if [(n, getattr(wanted, n)) for n in names] not in alike:
            yield Difference(f"duties[{place}]", _listed([[(n, getattr(wanted, n)) for n in names]]), _listed(alike))


def _listed(rows: Sequence[Sequence[tuple[str, object]]]) -> str:
    return "; ".join(" ".join(_text(value) for _, value in row) for row in rows) or "none"


def _text(value: object) -> str:
    return "none" if value is None or value is False or value == "" else str(value)
