"""A register's rows to facts: every row read to its end, so that all that is wrong with it is reported at once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec

from services.events.codec import decode_fact, encode
from services.events.envelope import type_of
from services.events.facts import Fact
from services.events.refusals import FieldError, Refused
from services.registers import cells as c
from services.registers import dates
from services.registers.cells import Cell
from services.registers.fields import Field
from services.registers.headers import Headers, find
from services.registers.map_file import (
    NUMBER,
    YEAR,
    FactMap,
    RegisterMap,
    Source,
    When,
    fields_for,
    settled,
    sheeted,
)
from services.registers.tables import sheets
from services.registers.words import EXPECTED, WHAT, said

KNOWN = 12
"""Words of a table of values that a problem repeats."""
_ABSENT: Any = object()
_encoder = msgspec.json.Encoder(decimal_format="number")


class Text(msgspec.Struct, frozen=True):
    """The same in Chinese and in English."""

    zh: str
    en: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a row of a register."""

    row: int
    """As the spreadsheet numbers it, from 1."""
    column: str
    value: str
    code: str
    problem: Text
    expected: Text


@dataclass
class RegisterContent:
    """What a register says."""

    headers: Headers
    of: RegisterMap
    facts: list[Fact] = field(default_factory=list)
    """The facts of all rows that nothing is wrong with, in the rows' order."""
    places: list[tuple[int, FactMap]] = field(default_factory=list)
    """For each of :attr:`facts`, its row, and what in the map it comes from."""
    rows: int = 0
    """Rows that are entries, good and bad."""
    problems: list[Problem] = field(default_factory=list)
    bad: list[tuple[int, list[Cell]]] = field(default_factory=list)
    """The rows that something is wrong with."""


Judge = Callable[[Fact], Iterable[FieldError]]
"""All that is wrong with a fact that the contract alone can't tell: that it is still to come, or before its law."""


def nothing(_: Fact) -> Iterable[FieldError]:
    """Judges no fact."""
    return ()


def read(
    name: str, content: bytes, of: RegisterMap, given: Mapping[str, str], judge: Judge = nothing
) -> RegisterContent:
    """The facts of a register file, and every problem in it; what ``judge`` finds in a fact is one of its row.

    Raises ``BadFile`` for a file that is no such register, and ``BadData`` for a value of ``[given]`` that is wrong.
    """
    of, given = sheeted(of, given)
    values = settled(of, given)
    register = RegisterContent(find(name, sheets(name, content), of), of)
    skip = {c.same(word) for word in of.skip}
    seen: dict[str, int] = {}
    meanings = {kind: {c.same(word): code for word, code in table.items()} for kind, table in of.values.items()}
    for number, cells in register.headers.body:
        first = next((c.same(c.text(cell)) for cell in cells if c.text(cell)), "")
        if first in skip:
            continue
        register.rows += 1
        row = _Row(of, values, register.headers, number, cells, meanings, judge)
        facts = row.facts(seen)
        if row.problems:
            register.problems += row.problems
            register.bad.append((number, row.to_mend()))
        else:
            register.facts += [fact for fact, _ in facts]
            register.places += [(number, by) for _, by in facts]
    return register


def refuse(register: RegisterContent, wrong: Mapping[int, FieldError]) -> list[Problem]:
    """Take the rows away of which a fact was refused after they were read, by its place in ``facts``: their problems,
    which the register has from now on."""
    cells = dict(register.headers.body)
    rows: dict[int, _Row] = {}
    for at, error in sorted(wrong.items()):
        number, fact = register.places[at]
        row = rows.setdefault(number, _Row(register.of, {}, register.headers, number, cells[number], {}))
        row.refuse(fact, error)
    problems = [problem for row in rows.values() for problem in row.problems]
    register.problems = sorted([*register.problems, *problems], key=lambda problem: problem.row)
    register.bad = sorted([*register.bad, *((n, cells[n]) for n in rows)], key=lambda bad: bad[0])
    kept = [at for at, (number, _) in enumerate(register.places) if number not in rows]
    register.facts = [register.facts[at] for at in kept]
    register.places = [register.places[at] for at in kept]
    return problems


class _Row:
    """One row of the register."""

    def __init__(
        self,
        of: RegisterMap,
        given: Mapping[str, str],
        headers: Headers,
        number: int,
        cells: list[Cell],
        meanings: Mapping[str, Mapping[str, str]],
        judge: Judge = nothing,
    ) -> None:
        self._meanings, self._judge = meanings, judge
        self._of, self._given, self._headers, self._number, self._cells = of, given, headers, number, cells
        self._year = int(given[YEAR]) if given.get(YEAR) else None
        self.problems: list[Problem] = []
        self._judged = 0
        """How many of the problems were found in facts that could be made: those after them can be made as well."""
        self._reported: set[tuple[str, str]] = set()
        self._seen: set[str] = set()
        """The columns that a fact of the row has read."""

    def facts(self, seen: dict[str, int]) -> list[tuple[Fact, FactMap]]:
        """The facts of the row, each with what it comes from; what is wrong stands in :attr:`problems`."""
        self._overflow()
        number = c.text(self._cell(self._of.number)).replace(" ", "")
        if c.empty(number):
            self._problem(self._of.number, "missing")
        elif wrong := c.error(number):
            self._problem(self._of.number, wrong)
        elif number in seen:
            self._problem(self._of.number, "twice", row=seen[number])
        else:
            seen[number] = self._number
        names = {**self._given, NUMBER: number}
        facts: list[tuple[Fact, FactMap]] = []
        for fact in self._of.facts:
            if self._known(fact) and all(map(self._holds, fact.when)) and self._says(fact):
                data = {name: value for name in fact.data if (value := self._value(fact, name, names)) is not _ABSENT}
                if len(self.problems) == self._judged:
                    facts += self._fact(fact, data, names)
        self._unread()
        return facts

    def _unread(self) -> None:
        """A date that no fact of the row has read: what it says would be lost."""
        for fact in self._of.facts:
            for name, source in fact.data.items():
                if fields_for(fact)[name].kind != "date" or source.column is None or source.column in self._seen:
                    continue
                self._seen.add(source.column)
                if not c.empty(self._cell(source.column)):
                    self._problem(source.column, "unread")

    def to_mend(self) -> list[Cell]:
        """The row as it is written to a file to be mended, which has text alone: a day that may be two is written as
        both of them, or what is left as it was would be one of them then."""
        cells = list(self._cells)
        for fact in self._of.facts:
            for name, source in fact.data.items():
                at = self._headers.at.get(source.column or "")
                if at is None or at >= len(cells) or fields_for(fact)[name].kind != "date":
                    continue
                if len(days := dates.either(cells[at], self._year)) > 1:
                    cells[at] = "/".join(f"{day.month}月{day.day}日" for day in days)
        return cells

    def _fact(self, fact: FactMap, data: dict[str, Any], names: Mapping[str, str]) -> list[tuple[Fact, FactMap]]:
        event = {
            "specversion": "1.0",
            "id": "/".join([names[NUMBER], fact.type, *([fact.key] if fact.key else [])]),
            "source": self._of.source.format(**names),
            "type": type_of(fact.type),
            "subject": (fact.subject or self._of.subject).format(**names),
            "data": data,
        }
        try:
            made = decode_fact(_encoder.encode(event))
        except Refused as refused:
            self.refuse(fact, refused.error)
            return []
        before = len(self.problems)
        for wrong in self._judge(made):
            self.refuse(fact, wrong)
        self._judged += len(self.problems) - before
        return [(made, fact)]

    def refuse(self, fact: FactMap, error: FieldError) -> None:
        """A fact of the row is refused: a problem of the column that its field comes from."""
        source = fact.data.get(error.field.removeprefix("$.data.").partition(".")[0].partition("[")[0])
        column = self._of.number if source is None or source.column is None else source.column
        if error.code in WHAT and error.values:  # over HTTP they come without
            self._problem(column, error.code, **error.values)
        else:
            self._problem(column, "refused", problem=error.problem, expected=error.expected)

    def _overflow(self) -> None:
        for at, cell in enumerate(self._cells):
            if self._headers.beyond(at) and c.text(cell):
                self._add(f"#{at + 1}", cell, "too-many", {})

    def _cell(self, column: str) -> Cell:
        at = self._headers.at.get(column)
        return self._cells[at] if at is not None and at < len(self._cells) else None

    def _holds(self, condition: When) -> bool:
        cell = self._cell(condition.column)
        word = c.same(c.text(cell))
        written = {self._meanings.get(condition.values or "", {}).get(word, word), *([""] if c.empty(cell) else [])}
        if condition.is_ is not None:
            return not written.isdisjoint(map(c.same, condition.is_))
        if condition.is_not is not None:
            return written.isdisjoint(map(c.same, condition.is_not))
        return not c.empty(cell)

    def _known(self, fact: FactMap) -> bool:
        """Whether what the conditions ask for is known: a word that could be either is a problem where the row has
        anything that the fact would say."""
        for condition in fact.when:
            cell = self._cell(condition.column)
            if (wrong := c.error(cell)) and self._any(fact):
                self._problem(condition.column, wrong)
            if condition.values is None or c.empty(cell) or wrong:
                continue
            if c.same(c.text(cell)) not in self._meanings[condition.values]:
                if self._any(fact):
                    self._seen |= {source.column for source in fact.data.values() if source.column is not None}
                    self._problem(condition.column, "no-code", known=_listed(self._of.values[condition.values]))
                return False
        return True

    def _any(self, fact: FactMap) -> bool:
        read = [source.column for source in fact.data.values() if source.column is not None]
        return not read or any(not c.empty(self._cell(column)) for column in read)

    def _says(self, fact: FactMap) -> bool:
        """Whether the row says anything of the fact, where nothing speaks against it.

        What a condition asks for is certain, and the first fact is what the row is about.
        """
        if (fact is self._of.facts[0] and not fact.when) or any(w.is_not is None for w in fact.when):
            return True
        return self._any(fact)

    def _value(self, fact: FactMap, name: str, names: Mapping[str, str]) -> Any:
        """The value of a field; absent where the field is left out, or where something is wrong with it."""
        source, about = fact.data[name], fields_for(fact)[name]
        cell = self._cell(source.column) if source.column is not None else None
        if source.column is not None:
            self._seen.add(source.column)
        if source.column is not None and not c.empty(cell):
            return self._read(source, about, cell)
        if source.text is not None:
            return source.text.format(**names) if isinstance(source.text, str) else source.text
        if source.given is not None:
            return _as(about, self._given[source.given])
        if self._of.must(fact, name, source) and source.column is not None:
            self._problem(source.column, "missing")
        return _ABSENT

    def _read(self, source: Source, about: Field, cell: Cell) -> Any:
        assert source.column is not None
        written = c.text(cell)
        if wrong := c.error(cell):
            return self._problem(source.column, wrong)
        if about.kind == "date":
            return self._date(source, cell)
        if source.values is not None or about.kind == "code":
            return self._code(source, about, written)
        if about.kind in ("number", "whole"):
            amount = c.number(cell)
            if amount is None:
                return self._problem(source.column, "no-number")
            if about.kind == "number":
                return amount
            return int(amount) if amount == int(amount) else self._problem(source.column, "no-whole")
        if about.kind == "yes-no":
            answer = c.yes_no(cell)
            return self._problem(source.column, "no-yes") if answer is None else answer
        return written

    def _date(self, source: Source, cell: Cell) -> Any:
        assert source.column is not None
        day = dates.read(cell, self._year, from_1904=self._headers.sheet.from_1904)
        if not isinstance(day, date):
            days = dates.either(cell, self._year) if day == "two-days" else []
            return self._problem(source.column, day, **dict(zip(("first", "second"), days, strict=False)))
        if (earlier := self._earlier(source)) is not None:
            other = dates.read(self._cell(earlier), self._year, from_1904=self._headers.sheet.from_1904)
            if isinstance(other, date) and day < other:
                named = self._headers.named(earlier, self._of)
                return self._problem(source.column, "before", earlier=named, other=other)
        return day

    def _earlier(self, source: Source) -> str | None:
        """The column of the date that this one must not lie before: where that is empty, the one before it."""
        column, seen = source.not_before, set[str]()
        while column is not None and column not in seen and c.empty(self._cell(column)):
            seen.add(column)
            column = self._of.not_before(column)
        return column

    def _code(self, source: Source, about: Field, written: str) -> Any:
        assert source.column is not None
        table = self._of.values.get(source.values or "", {})
        meaning = self._meanings.get(source.values or "", {})
        wanted = c.same(written)
        if wanted in meaning:
            return meaning[wanted]
        if wanted in about.codes:
            return wanted
        words = [*table, *(code for code in about.codes if not table)]
        return self._problem(source.column, "no-code", known=_listed(words))

    def _problem(self, column: str, code: str, **values: object) -> Any:
        named = self._headers.named(column, self._of)
        if (named, code) not in self._reported:  # a cell that two facts read is wrong once
            self._reported.add((named, code))
            self._add(named, self._cell(column), code, values)
        return _ABSENT

    def _add(self, column: str, cell: Cell, code: str, values: Mapping[str, object]) -> None:
        problem, expected = Text(*said(WHAT, code, values)), Text(*said(EXPECTED, code, values))
        value = c.shown(cell)
        shown = value if len(value) <= 80 else f"{value[:80]}…"
        self.problems.append(
            Problem(row=self._number, column=column, value=shown, code=code, problem=problem, expected=expected)
        )


def _listed(words: Iterable[str]) -> str:
    listed = list(words)
    return "、".join(listed[:KNOWN]) + ("…" if len(listed) > KNOWN else "")


def _as(about: Field, given: str) -> Any:
    """A value that is given as text, as the field has it; what it can't be is left to the contract to refuse."""
    if about.kind == "whole" and given.isascii() and given.isdigit():
        return int(given)
    answer = c.yes_no(given) if about.kind == "yes-no" else None
    return given if answer is None else answer


def lines(register: RegisterContent) -> list[bytes]:
    """The facts as JSON lines, as ``shixian post`` takes them."""
    return [encode(fact) for fact in register.facts]
