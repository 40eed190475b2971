"""Whether a form's file makes sense: every name known, every rule about rows and columns that there are."""

from collections.abc import Mapping

from services.events.vocabulary import LEVELS
from services.stats.forms.shape import Column, Filter, Form, FormRow, FormTable, Rule, Term, Values
from services.stats.kinds import KINDS
from services.statute.errors import BadData, UnknownStatute
from services.statute.versions import versions


def check(file: str, form: Form) -> None:
    """Raises :class:`BadData` with the file, the key and the reason."""
    if f"{form.id}.toml" != file:
        raise BadData(file, "id", f"is {form.id!r}; the file's name says {file.removesuffix('.toml')!r}")
    try:
        versions(form.statute)
    except UnknownStatute as error:
        raise BadData(file, "statute", str(error)) from None
    _unique(file, "tables", [t.id for t in form.tables])
    for table in form.tables:
        _table(file, table)
    for rule in form.checks:
        _rule(file, form, rule)


def _table(file: str, table: FormTable) -> None:
    at = f"tables.{table.id}"
    _unique(file, f"{at}.columns", [c.id for c in table.columns])
    _unique(file, f"{at}.rows", [r.id for r in table.rows])
    known = {c.id for c in table.columns}
    for row in table.rows:
        here = f"{at}.rows.{row.id}"
        if (row.counts is None) == (not row.cells):
            raise BadData(file, f"{here}.counts", "a row has either counts or cells")
        for column in row.cells.keys() - known:
            raise BadData(file, f"{here}.cells.{column}", f"table {table.id!r} has no such column")
        for column, counts in row.cells.items() or [("", row.counts)]:
            if counts is None:
                continue
            key = f"{here}.cells.{column}" if column else f"{here}.counts"
            if counts.kind == "tally" and not counts.measure:
                raise BadData(file, f"{key}.measure", "a tally needs its measures")
            if len({m in LEVELS for m in counts.measure or ()}) > 1:
                raise BadData(file, f"{key}.measure", f"levels ({', '.join(sorted(LEVELS))}) and sums in one number")
            _filter(file, key, counts.kind, counts)
            _filter(file, f"{key}.except", counts.kind, counts.except_)
        for each in table.columns_of(row):
            counting = row.counting(each)
            if counting is not None:
                _filter(file, f"{at}.columns.{each.id}.where", counting.kind, each.where)


def _rule(file: str, form: Form, rule: Rule) -> None:
    table = form.table(rule.table)
    if table is None:
        raise BadData(file, f"checks.{rule.rule}.table", f"there is no table {rule.table!r}")
    rows, columns = {row.id for row in table.rows}, {column.id for column in table.columns}
    if (rule.relation in ("whole", "told", "placed")) == bool(rule.right):
        wanted = f"nothing: {rule.relation} is about the left side" if rule.right else "at least one term"
        raise BadData(file, f"checks.{rule.rule}.right", f"expected {wanted}")
    if rule.relation == "placed" and (rule.over != "rows" or not rows.issuperset(rule.left)):
        raise BadData(file, f"checks.{rule.rule}.left", "expected rows, without a sign")
    terms, others = (rows, columns) if rule.over == "rows" else (columns, rows)
    for text in (*rule.left, *rule.right):
        if Term.read(text).id not in terms:
            raise BadData(file, f"checks.{rule.rule}", f"table {rule.table!r} has no {rule.over[:-1]} {text!r}")
    for each in rule.only:
        if each not in others:
            raise BadData(file, f"checks.{rule.rule}.only", f"{each!r} is not in table {rule.table!r}")
    for row in table.rows:
        for column in table.columns:
            _has_number(file, table, rule, row, column)


def _has_number(file: str, table: FormTable, rule: Rule, row: FormRow, column: Column) -> None:
    """Whether a rule that is about this number finds one there, and a level where it asks whether that was given."""
    own, other = (row.id, column.id) if rule.over == "rows" else (column.id, row.id)
    sides = [[Term.read(t).id for t in side] for side in (rule.left, rule.right)]
    if (rule.only and other not in rule.only) or own not in {*sides[0], *sides[1]}:
        return
    counts = row.counting(column)
    if counts is None:
        raise BadData(file, f"checks.{rule.rule}", f"there is no number at {row.id}/{column.id}")
    level = counts.kind == "tally" and all(m in LEVELS for m in counts.measure or ())
    if rule.relation == "given-with" and own in sides[0] and not level:
        raise BadData(
            file, f"checks.{rule.rule}.left", f"{row.id}/{column.id} counts no level ({', '.join(sorted(LEVELS))})"
        )


def _unique(file: str, key: str, ids: list[str]) -> None:
    for each in ids:
        if ids.count(each) > 1:
            raise BadData(file, key, f"{each!r} stands there twice")


def _filter(file: str, key: str, kind: str, given: Filter) -> None:
    allowed: Mapping[str, tuple[str, ...]] = {d.name: d.values for d in KINDS[kind].asked}
    own = {d.name for d in KINDS[kind].asked if d.open}
    for name in Filter.__struct_fields__:
        values: Values | None = getattr(given, name)
        if values is None:
            continue
        if name not in allowed:
            raise BadData(file, f"{key}.{name}", f"cells of kind {kind!r} have {', '.join(allowed)}")
        for value in values:
            if name not in own and value not in allowed[name]:
                raise BadData(file, f"{key}.{name}", f"{value!r} is unknown; known are {', '.join(allowed[name])}")
