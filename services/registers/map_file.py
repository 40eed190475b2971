"""The file format of maps: which column of a register becomes which field of which fact, and which maps ship."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from string import Formatter
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from services.events.codec import FACT_TYPES
from services.events.envelope import Event, type_of
from services.registers.fields import Field, fields_of
from services.statute.data_file import Text, Title, convert, parse, text_of
from services.statute.errors import BadData

SUFFIX = ".toml"
NUMBER = "number"
"""What a template calls the row's own number."""
SHEET = "sheet"
"""What names the workbook's sheet among the values that are given for a register."""

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]*\Z", description="a name of small letters, digits and hyphens")]
Headers = Text | Annotated[tuple[Text, ...], Meta(min_length=1)]
"""A column's header, or several that it may have: the first that the register has."""
Scalar = str | int | bool


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: its keys, and no other."""


class When(_Table, frozen=True, kw_only=True, rename="kebab"):
    """A condition on a cell of the row; one of ``is`` and ``is-not``, or neither: the cell is not empty."""

    column: Name
    """The cell's column, by its name in ``[columns]``; where the register has no such column, the cell is empty."""
    is_: Annotated[tuple[str, ...], Meta(description="a list of texts")] | None = msgspec.field(name="is", default=None)
    """The cell is one of these; ``""`` is an empty cell."""
    is_not: Annotated[tuple[str, ...], Meta(description="a list of texts")] | None = None
    """The cell is none of these."""
    values: Name | None = None
    """The table of ``[values]`` by which the cell is read first: ``is`` and ``is-not`` are compared with what it means,
    and a word that the table does not have is a problem of a row that says anything of the fact."""


class Source(_Table, frozen=True, kw_only=True, rename="kebab"):
    """Where a field's value comes from: one of ``column``, ``given`` and ``text``, or ``column`` with what stands in
    for an empty cell."""

    column: Name | None = None
    """A cell of the row, by its column's name in ``[columns]``, read as the field's type asks: a date as people write
    it, a number, one of the codes."""
    given: Name | None = None
    """A value of ``[given]``; beside ``column``: what an empty cell means."""
    text: Scalar | None = None
    """This value in every row (a text may name ``{number}`` and values of ``[given]``); beside ``column``: what an
    empty cell means."""
    values: Name | None = None
    """The table of ``[values]`` that says what is written for each code. A code itself is always understood."""
    optional: bool = False
    """Whether the cell may be empty where the contract asks for the field: the field is then left out."""
    not_before: Name | None = None
    """The column of a date that this one must not lie before; where its cell is empty, the date before that one."""


class FactMap(_Table, frozen=True, kw_only=True, rename="kebab"):
    """A fact that a row may say: where all of ``when`` hold, and one of them asks for something or a cell of its
    ``data`` is not empty. The first fact is what a row is about; without ``when`` there is one in every row."""

    type: Name
    """The fact's name in the contract, e.g. ``request-received``."""
    data: Annotated[dict[str, Source], Meta(min_length=1)]
    """The fields of the fact's ``data``, and where each comes from."""
    when: tuple[When, ...] = ()
    """Conditions on the row; all must hold."""
    key: Name | None = None
    """Tells several facts of one type in a row apart; part of their ids."""
    subject: Text | None = None
    """The event's subject; left out: that of the map."""


class RegisterMap(_Table, frozen=True, kw_only=True, rename="kebab"):
    """A register and the facts that its rows say."""

    id: Name
    """The file's name without ``.toml``."""
    title: Title
    """What the register is called."""
    columns: Annotated[dict[Name, Headers], Meta(min_length=1)]
    """Names for the columns that are read, and the header of each, or the headers that it may have. Of headers that
    stand above one another the last is enough where it is there once, else ``above/below``."""
    number: Name
    """The column with the register's own number of each row: ids are made from it, so a second import adds nothing."""
    source: Text
    """The ``source`` of the facts; may name values of ``[given]`` in braces: ``urn:shixian:register:{organ}``."""
    subject: Text
    """The ``subject`` of the facts; may also name ``{number}``."""
    facts: Annotated[tuple[FactMap, ...], Meta(min_length=1)]
    """The facts of a row, in the order in which they are posted."""
    given: dict[Name, str] = {}
    """Values for the whole register, with what they are if nobody says otherwise; an empty one must be given."""
    values: dict[Name, dict[str, str]] = {}
    """For each kind of code, what is written in the register and what it means."""
    skip: tuple[str, ...] = ("合计", "总计", "小计", "合　计", "total")
    """A row whose first cell is one of these is no entry but a sum or a note."""
    sheet: Text | None = None
    """The workbook's sheet; left out: the only one that has rows under the columns. Where several have, one must be
    named, here or by `--set sheet=NAME`."""

    @property
    def needed(self) -> tuple[str, ...]:
        """The names of the columns without which the register can't be read."""
        names = {self.number: None}
        for fact in filter(self._always, self.facts):
            for name, source in fact.data.items():
                if source.column is not None and self.must(fact, name, source):
                    names[source.column] = None
        return tuple(names)

    def headers(self, column: str) -> tuple[str, ...]:
        """The headers that a column may have, by its name."""
        headers = self.columns[column]
        return (headers,) if isinstance(headers, str) else headers

    def not_before(self, column: str) -> str | None:
        """The column of a date that the one in ``column`` must not lie before, by its name."""
        sources = (source for fact in self.facts for source in fact.data.values() if source.column == column)
        return next((source.not_before for source in sources if source.not_before is not None), None)

    def _always(self, fact: FactMap) -> bool:
        return not fact.when and fact is self.facts[0]

    def must(self, fact: FactMap, name: str, source: Source) -> bool:
        """Whether an empty cell is wrong, where the fact is there at all."""
        stands_in = source.given is not None or source.text is not None
        return fields_for(fact)[name].required and not source.optional and not stands_in


@cache
def _type(name: str) -> type[Event]:
    return FACT_TYPES[type_of(name)]


def fields_for(fact: FactMap) -> Mapping[str, Field]:
    """What the contract says of the fields of a fact's ``data``."""
    return fields_of(_type(fact.type))


def read(file: str, text: str, *, named: bool = True) -> RegisterMap:
    """The map in a file named after it (``named`` false: in a file of any name).

    Raises :class:`BadData` that names file, key and reason.
    """
    register_map = from_data(file, parse(file, text))
    if named and f"{register_map.id}{SUFFIX}" != file:
        raise BadData(file, "id", f"expected the file's name, got {register_map.id!r}")
    return register_map


def from_data(file: str, data: object) -> RegisterMap:
    """A map from its file's content. Raises :class:`BadData` that names file, key and reason."""
    register_map = convert(file, data, RegisterMap)
    known = {f.removeprefix("org.shixian.").removesuffix(".v1") for f in FACT_TYPES}
    ids: set[tuple[str, str | None]] = set()
    _column(file, "number", register_map, register_map.number)
    _template(file, "source", register_map.source, set(register_map.given))
    _template(file, "subject", register_map.subject, {*register_map.given, NUMBER})
    for at, fact in enumerate(register_map.facts):
        key = f"facts[{at}]"
        if fact.type not in known:
            raise BadData(file, f"{key}.type", f"expected one of {', '.join(sorted(known))}, got {fact.type!r}")
        if (fact.type, fact.key) in ids:
            raise BadData(file, f"{key}.key", f"expected another key for each {fact.type}: ids are made from it")
        ids.add((fact.type, fact.key))
        if fact.subject is not None:
            _template(file, f"{key}.subject", fact.subject, {*register_map.given, NUMBER})
        for number, condition in enumerate(fact.when):
            _column(file, f"{key}.when[{number}].column", register_map, condition.column)
            if condition.is_ is not None and condition.is_not is not None:
                raise BadData(file, f"{key}.when[{number}]", "expected one of is and is-not, got both")
            if condition.values is not None:
                _meanings(file, f"{key}.when[{number}]", register_map, condition)
        _data(file, key, register_map, fact)
    return register_map


def _data(file: str, key: str, of: RegisterMap, fact: FactMap) -> None:
    fields = fields_for(fact)
    for name, source in fact.data.items():
        where = f"{key}.data.{name}"
        if name not in fields:
            raise BadData(file, where, f"unknown field; {fact.type} has {', '.join(fields)}")
        if source.column is None and source.given is None and source.text is None:
            raise BadData(file, where, "expected column, given or text")
        if source.given is not None and source.text is not None:
            raise BadData(file, where, "expected one of given and text, got both")
        if source.given is not None and source.given not in of.given:
            raise BadData(file, f"{where}.given", f"expected a name of [given], got {source.given!r}")
        if isinstance(source.text, str):
            _template(file, f"{where}.text", source.text, {*of.given, NUMBER})
        for part, column in (("column", source.column), ("not-before", source.not_before)):
            _column(file, f"{where}.{part}", of, column)
        if source.values is not None and source.values not in of.values:
            raise BadData(file, f"{where}.values", f"expected a table of [values], got {source.values!r}")
        if source.values is not None and (codes := fields[name].codes):
            for written, code in of.values[source.values].items():
                if code not in codes:
                    raise BadData(
                        file, f"values.{source.values}.{written}", f"expected one of {', '.join(codes)}, got {code!r}"
                    )
    for name, field in fields.items():
        if field.required and name not in fact.data:
            raise BadData(file, f"{key}.data.{name}", f"is missing: {fact.type} has no meaning without it")


def _meanings(file: str, key: str, of: RegisterMap, condition: When) -> None:
    if condition.values not in of.values:
        raise BadData(file, f"{key}.values", f"expected a table of [values], got {condition.values!r}")
    known = set(of.values[condition.values].values())
    for meaning in condition.is_ or condition.is_not or ():
        if meaning and meaning not in known:
            raise BadData(file, key, f"expected one of {', '.join(sorted(known))}, got {meaning!r}")


def _column(file: str, key: str, of: RegisterMap, column: str | None) -> None:
    if column is not None and column not in of.columns:
        raise BadData(file, key, f"expected a name of [columns] ({', '.join(of.columns)}), got {column!r}")


def _template(file: str, key: str, text: str, known: set[str]) -> None:
    try:
        parts = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise BadData(file, key, f"expected text with names in braces: {error}") from None
    for name, spec, conversion in parts:
        if name not in known or spec or conversion:
            raise BadData(file, key, f"expected one of {', '.join(sorted(known))} in braces, got {{{name}}}")


@cache
def shipped() -> Mapping[str, RegisterMap]:
    """The maps that ship, by id. Raises :class:`BadData` for the first bad one."""
    folder = resources.files("services.registers") / "maps"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(SUFFIX)), key=lambda f: f.name)
    return {each.id: each for each in (read(f.name, text_of(f.name, f)) for f in files)}


def sheeted(of: RegisterMap, given: Mapping[str, str]) -> tuple[RegisterMap, Mapping[str, str]]:
    """The map for the workbook's sheet that is named among the values, and the others of them; a map that has a value
    of this name keeps it."""
    if SHEET not in given or SHEET in of.given:
        return of, given
    named = given[SHEET].strip() or None
    others = {name: value for name, value in given.items() if name != SHEET}
    return msgspec.structs.replace(of, sheet=named), others


def settled(of: RegisterMap, given: Mapping[str, str]) -> dict[str, str]:
    """The values of ``[given]`` with those that were given for this register.

    Raises :class:`BadData` for a name that the map does not know, and for one that must be given and was not.
    """
    file = f"{of.id}{SUFFIX}"
    for name in given:
        if name not in of.given:
            raise BadData(file, f"given.{name}", f"unknown; known are {', '.join(of.given) or 'none'}")
    values = {**of.given, **{name: value.strip() for name, value in given.items()}}
    for name, value in values.items():
        named = f"{{{name}}}" in of.source + of.subject + "".join(f.subject or "" for f in of.facts)
        if not value and (named or name != YEAR):
            raise BadData(file, f"given.{name}", f"must be given: --set {name}=VALUE")
    if (year := values.get(YEAR)) and not (year.isascii() and year.isdigit() and len(year) == 4):
        raise BadData(file, f"given.{YEAR}", f"expected a year of four digits, got {year!r}")
    return values


YEAR = "year"
"""The name of ``[given]`` that is the year of dates that are written without one; it may stay empty
where no id is made from it."""
