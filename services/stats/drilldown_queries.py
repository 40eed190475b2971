"""The queries behind a number of a report: its rows as they stand, or what counted for it before an instant."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.events.vocabulary import LEVELS
from services.stats.cells import Law
from services.stats.forms.form import Counts, Filter
from services.stats.kind import Kind, Rows
from services.stats.kinds import KINDS, column
from services.stats.store import SCHEMA

LOOKED = 20_000
"""Rows looked at for a page."""
Key = tuple[Any, ...]
_TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "request": (
        "subject, organ, channel, applicant, received_on, due_on, closed_on, outcome, timeliness, working_days",
        ("subject",),
    ),
    "review": ("subject, review, organ, kind, filed_on, decided_on, result", ("subject", "review")),
    "tally": ('organ, measure, "on", count, source, id', ("source", "id")),
}
"""Columns of an item, and what its pages are ordered by behind organ and day; an index has that order."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A query for a page."""

    sql: str
    values: list[Any]
    key: tuple[str, ...]


def _conditions(counts: Counts, where: Filter, first: int, columns: dict[str, str]) -> tuple[str, list[Any]]:
    """The SQL condition for the values that are asked for, with its parameters from ``$first`` on.

    ``columns`` says for each dimension what it is in SQL.
    """
    texts: list[str] = []
    values: list[Any] = []
    for name, text in columns.items():
        for given, negated in ((counts, ""), (where, ""), (counts.except_, "NOT ")):
            wanted = getattr(given, name, None)
            if wanted is not None:
                values.append(list(wanted))
                texts.append(f"{negated}({text} = ANY(${first + len(values) - 1}::text[]))")
    return " AND ".join(texts) or "true", values


@dataclass(frozen=True, slots=True)
class Opened:
    """A number that is to be opened: what it counts, of whom, in which year."""

    counts: Counts
    where: Filter
    organs: Collection[str]
    year: int
    law: Law

    @property
    def kind(self) -> Kind:
        return KINDS[self.counts.kind]

    @property
    def is_level(self) -> bool:
        """A form has no number that is a level and a sum at once."""
        return self.counts.kind == "tally" and any(m in LEVELS for m in self.counts.measure or ())

    def measures(self) -> list[str]:
        """The measures of a tally."""
        left_out = self.counts.except_.measure or ()
        return [m for m in self.counts.measure or () if m in (self.where.measure or (m,)) and m not in left_out]

    def statutes(self) -> list[str]:
        """The laws whose requests and reviews it counts; the empty one stands for reviews that don't say theirs."""
        return ["", *sorted(self.law.statutes)]

    def own(self) -> list[str]:
        """The organs whose reviews count that don't say their law."""
        return sorted(set(self.organs) - self.law.foreign)


def listed(asked: Opened, after: Key, limit: int) -> Listed:
    """The query for what is behind a number, in the order of organ, day and names.

    At most :data:`LOOKED` rows of each law are looked at; each row that fits is given, and the last that was looked at
    even if it does not (``fits``), so that the next page goes on behind it.
    """
    if asked.is_level:
        return _levels(asked, after, limit)
    rows, key = rows_of(asked.counts), key_of(asked.counts)
    columns, _ = _TABLES[rows.table]
    named = ", ".join(key)
    first = 6 if asked.kind.has_law else 4
    texts, values = _conditions(asked.counts, asked.where, first, {d.name: d.sql for d in asked.kind.asked})
    beyond = ""
    if after:
        places = [f"${first + len(values) + n}" for n in range(len(key))]
        beyond = f" AND ({named}) > ({', '.join(places)})"
    looked = (
        f"SELECT *, ({rows.fits} AND {texts}) IS TRUE AS fits FROM {SCHEMA}.{rows.table} AS t "
        f"WHERE organ = ANY({{}}) AND {rows.where}{beyond} ORDER BY {named} LIMIT {LOOKED}"
    )
    laws: list[Any] = []
    if asked.kind.has_law:
        # The law stands in the index, so that the few requests under one aren't looked for among millions of another.
        of_law = looked.replace("WHERE", "WHERE statute = law AND", 1)
        each = of_law.format("CASE law WHEN '' THEN $5::text[] ELSE $1::text[] END")
        laterally = f"unnest($4::text[]) AS law CROSS JOIN LATERAL ({each}) AS t"
        looked = f"SELECT t.* FROM {laterally} ORDER BY {named} LIMIT {LOOKED}"
        laws = [asked.statutes(), asked.own()]
    else:
        looked = looked.format("$1::text[]")
    sql = (
        f"SELECT {columns}, fits, place FROM (SELECT *, row_number() OVER (ORDER BY {named}) AS place FROM ("
        f"{looked}) AS looked) AS numbered WHERE fits OR place = {LOOKED} ORDER BY {named} LIMIT $3"
    )
    return Listed(sql, [sorted(asked.organs), asked.year, limit + 1, *laws, *values, *after], key)


def _levels(asked: Opened, after: Key, limit: int) -> Listed:
    """The same of a level: the tally that counts of each organ and measure, the latest up to the year's end."""
    columns, _ = _TABLES["tally"]
    key = key_of(asked.counts)
    named = ", ".join(key)
    beyond = f"WHERE ({named}) > ({', '.join(f'${5 + n}' for n in range(len(key)))}) " if after else ""
    sql = (
        f"SELECT {columns}, true AS fits, 0 AS place FROM (SELECT latest.* FROM unnest($1::text[]) AS o "
        "CROSS JOIN unnest($4::text[]) AS m CROSS JOIN LATERAL ("
        f'SELECT * FROM {SCHEMA}.tally AS t WHERE organ = o AND measure = m AND "on" <= make_date($2, 12, 31) '
        f"ORDER BY \"on\" DESC, source || ' ' || id DESC LIMIT 1) AS latest) AS level "
        f"{beyond}ORDER BY {named} LIMIT $3"
    )
    return Listed(sql, [sorted(asked.organs), asked.year, limit + 1, asked.measures(), *after], key)


def rows_of(counts: Counts) -> Rows:
    rows = KINDS[counts.kind].rows
    assert rows is not None
    return rows


def key_of(counts: Counts) -> tuple[str, ...]:
    """The order of the pages."""
    rows = rows_of(counts)
    return ("organ", rows.day, *_TABLES[rows.table][1])


def changes(organs: Collection[str], after: Key) -> tuple[str, list[Any]]:
    """The query for the organ and subject of the last change to be looked at for a page."""
    beyond = "AND (organ, subject) > ($2, $3) " if after else ""
    return (
        f"SELECT organ, subject FROM (SELECT organ, subject FROM {SCHEMA}.cell_change WHERE organ = ANY($1::text[]) "
        f"{beyond}ORDER BY organ, subject LIMIT {LOOKED}) AS looked ORDER BY organ DESC, subject DESC LIMIT 1",
        [sorted(organs), *after],
    )


def counted(asked: Opened, before: datetime, after: Key, through: Key) -> tuple[str, list[Any]]:
    """The query for what counted, of the subjects behind ``after`` up to ``through``."""
    kind = asked.kind
    taken = [name for name, sign in kind.signs.items() if sign < 0]
    sign = f"CASE WHEN kind IN ({', '.join(map(repr, taken))}) THEN -delta ELSE delta END" if taken else "delta"
    years = {"same": "year = $2", "through": "year <= $2", "before": "year < $2"}[kind.years]
    first = 9 if kind.has_law else 7
    texts, values = _conditions(
        asked.counts, asked.where, first, {d.name: column(kind.name, d.name) for d in kind.asked}
    )
    beyond = f"AND (organ, subject) > (${first + len(values)}, ${first + 1 + len(values)})" if after else ""
    laws: list[Any] = []
    of_law = ""
    if kind.has_law:
        of_law = "AND statute = ANY($7::text[]) AND (statute <> '' OR organ = ANY($8::text[])) "
        laws = [asked.statutes(), asked.own()]
    return (
        f"SELECT organ, subject, sum({sign}) AS count FROM {SCHEMA}.cell_change WHERE organ = ANY($1::text[]) "
        f"AND (organ, subject) <= ($5, $6) {beyond} AND {years} AND kind = ANY($3::text[]) AND recorded_at < $4 "
        f"{of_law}AND {texts} GROUP BY organ, subject HAVING sum({sign}) <> 0 ORDER BY organ, subject",
        [sorted(asked.organs), asked.year, list(kind.signs), before, *through, *laws, *values, *after],
    )


def levels_known(asked: Opened, before: datetime, after: Key, limit: int) -> tuple[str, list[Any]]:
    """The query for the levels that counted: of each organ the latest of each measure that was known, up to the year's
    end."""
    measure, day, tally = (column("level", name) for name in ("measure", "day", "tally"))
    beyond = "WHERE (organ, subject) > ($6, $7) " if after else ""
    reported = (
        f"SELECT organ, subject, {measure}, {day}, {tally}, sum(delta) FILTER (WHERE kind = 'level') AS level "
        f"FROM {SCHEMA}.cell_change WHERE kind IN ('level', 'level-known') AND organ = ANY($1::text[]) AND year <= $2 "
        f"AND recorded_at < $3 AND {measure} = ANY($5::text[]) GROUP BY organ, subject, {measure}, {day}, {tally} "
        "HAVING sum(delta) FILTER (WHERE kind = 'level-known') > 0"
    )
    return (
        "SELECT organ, subject, sum(level) AS count FROM (SELECT DISTINCT ON (organ, "
        f"{measure}) * FROM ({reported}) AS reported ORDER BY organ, {measure}, {day} DESC, {tally} DESC) AS latest "
        f"{beyond}GROUP BY organ, subject HAVING sum(level) <> 0 ORDER BY organ, subject LIMIT $4",
        [sorted(asked.organs), asked.year, before, limit + 1, asked.measures(), *after],
    )
