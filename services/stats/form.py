"""A form of annual report: tables, rows and columns with their labels, which counts feed each, and what must add up.

A form is a TOML file under ``services/stats/forms``. A row says what it ``counts``: a kind of cell and, for each
dimension that matters, the values taken (or, under ``except``, left out). A column may narrow that further.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from services.events.vocabulary import APPLICANTS, CHANNELS, MEASURES, OUTCOMES, Label, ReviewKind, ReviewResult
from services.stats.cells import FIRST_HANDLING, PENDING

FORMS = files("services.stats.forms")
DEFAULT_FORM = "cn-gz-2013"

Kind = Literal["received", "closed", "review", "tally"]
Values = tuple[str, ...]

DIMENSIONS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "received": (("channel", CHANNELS), ("applicant", APPLICANTS)),
    "closed": (("outcome", OUTCOMES), ("applicant", APPLICANTS), ("timeliness", ("in-time", "late", ""))),
    "review": (
        ("review", get_args(ReviewKind)),
        ("result", (*get_args(ReviewResult), PENDING)),
        ("disputed", (FIRST_HANDLING, "")),
    ),
    "tally": (("measure", MEASURES),),
}
"""For each kind of cell the dimensions in the cell's order, with the values that there are."""


class Filter(Struct, frozen=True, forbid_unknown_fields=True):
    """Values of a cell's dimensions; None: any."""

    channel: Values | None = None
    applicant: Values | None = None
    outcome: Values | None = None
    timeliness: Values | None = None
    review: Values | None = None
    result: Values | None = None
    disputed: Values | None = None
    measure: Values | None = None


class Counts(Filter, frozen=True, forbid_unknown_fields=True, rename={"except_": "except"}):
    """Which cells a row is the sum of."""

    kind: Kind = "received"
    except_: Filter = Filter()


class Column(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    label: Label
    where: Filter = Filter()


class FormRow(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    label: Label
    counts: Counts
    level: Annotated[int, Meta(ge=0, le=4)] = 0
    """How deep the row stands under those above it."""
    unit: Label | None = None


class FormTable(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    title: Label
    head: Label
    """The heading of the column of labels."""
    columns: Annotated[tuple[Column, ...], Meta(min_length=1)]
    rows: Annotated[tuple[FormRow, ...], Meta(min_length=1)]


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """In each column, the rows on the left together stand in ``relation`` to those on the right together."""

    rule: str
    label: Label
    table: str
    left: Annotated[tuple[str, ...], Meta(min_length=1)]
    relation: Literal["=", "<="]
    right: Annotated[tuple[str, ...], Meta(min_length=1)]


class Years(Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    from_: int
    through: int | None = None


class Form(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    title: Label
    source: str
    years: Years
    """The report years that the form was made for."""
    tables: Annotated[tuple[FormTable, ...], Meta(min_length=1)]
    checks: tuple[Rule, ...] = ()


class BadForm(ValueError):
    """A form's file says something that can't be; the message names file, key and reason."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}")
        self.file, self.key, self.reason = file, key, reason


class UnknownForm(KeyError):
    """No form has this name."""

    def __str__(self) -> str:
        return str(self.args[0])


def form_ids() -> tuple[str, ...]:
    """The forms that ship."""
    return tuple(sorted(f.name.removesuffix(".toml") for f in FORMS.iterdir() if f.name.endswith(".toml")))


@cache
def load(form_id: str) -> Form:
    """The form ``form_id``. Raises :class:`UnknownForm`, or :class:`BadForm`."""
    if form_id not in form_ids():
        raise UnknownForm(f"form {form_id!r} is unknown; known are {', '.join(form_ids())}")
    file = f"{form_id}.toml"
    return parse(file, (FORMS / file).read_text("utf-8"))


def form_for(year: int) -> Form:
    """The form that was made for a report year, or the default one where none was."""
    for form in map(load, form_ids()):
        if form.years.from_ <= year and (form.years.through is None or year <= form.years.through):
            return form
    return load(DEFAULT_FORM)


def parse(file: str, text: str) -> Form:
    """A form from its file's text. Raises :class:`BadForm`."""
    try:
        form = msgspec.convert(tomllib.loads(text), Form)
    except tomllib.TOMLDecodeError as error:
        raise BadForm(file, "TOML", str(error)) from None
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `")
        raise BadForm(file, path.rstrip("`").removeprefix("$.") or "$", problem) from None
    if f"{form.id}.toml" != file:
        raise BadForm(file, "id", f"is {form.id!r}; the file's name says {file.removesuffix('.toml')!r}")
    _check_unique(file, "tables", [t.id for t in form.tables])
    _check_unique(file, "checks", [c.rule for c in form.checks])
    for table in form.tables:
        at = f"tables.{table.id}"
        _check_unique(file, f"{at}.columns", [c.id for c in table.columns])
        _check_unique(file, f"{at}.rows", [r.id for r in table.rows])
        for row in table.rows:
            if row.counts.kind == "tally" and not row.counts.measure:
                raise BadForm(file, f"{at}.rows.{row.id}.counts.measure", "a tally needs its measures")
            _check_filter(file, f"{at}.rows.{row.id}.counts", row.counts.kind, row.counts)
            _check_filter(file, f"{at}.rows.{row.id}.counts.except", row.counts.kind, row.counts.except_)
            for column in table.columns:
                _check_filter(file, f"{at}.columns.{column.id}.where", row.counts.kind, column.where)
    rows = {table.id: {row.id for row in table.rows} for table in form.tables}
    for rule in form.checks:
        if rule.table not in rows:
            raise BadForm(file, f"checks.{rule.rule}.table", f"there is no table {rule.table!r}")
        for row_id in (*rule.left, *rule.right):
            if row_id not in rows[rule.table]:
                raise BadForm(file, f"checks.{rule.rule}", f"table {rule.table!r} has no row {row_id!r}")
    return form


def _check_unique(file: str, key: str, ids: list[str]) -> None:
    for each in ids:
        if ids.count(each) > 1:
            raise BadForm(file, key, f"{each!r} stands there twice")


def _check_filter(file: str, key: str, kind: str, given: Filter) -> None:
    allowed: Mapping[str, tuple[str, ...]] = dict(DIMENSIONS[kind])
    for name in Filter.__struct_fields__:
        values: Values | None = getattr(given, name)
        if values is None:
            continue
        if name not in allowed:
            raise BadForm(file, f"{key}.{name}", f"cells of kind {kind!r} have {', '.join(allowed)}")
        for value in values:
            if value not in allowed[name]:
                raise BadForm(file, f"{key}.{name}", f"{value!r} is unknown; known are {', '.join(allowed[name])}")
