"""An annual report for the command line: from the stats service, or folded offline from a file of facts."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import httpx
import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from services.commands import offline
from services.events.days import ahead
from services.events.facts import (
    CalendarPublished,
    Fact,
    FactCorrected,
    FactRetracted,
    OrganRegistered,
    TallyRecorded,
)
from services.events.office_facts import ItemRegistered, UnitRegistered
from services.events.vocabulary import Label
from services.runtime.failed import Failed, reason_of
from services.runtime.paths import part
from services.stats import render, tree
from services.stats.exports import csv
from services.stats.exports.grid import Numbers, printed
from services.stats.fold import Fold
from services.stats.forms import form as forms
from services.stats.forms.items import with_items
from services.stats.report import Lang, Report, failures, make_with_previous
from services.statute.assessment import legal_date
from services.tracker.core.case import lawful
from services.tracker.core.reference_data import ReferenceData

FORMATS = ("table", "json", "csv", "xlsx", "docx", "html")
BINARY = ("xlsx", "docx")

Facts = Iterable[Fact]


class Made(NamedTuple):
    """A report folded offline, with what it is printed with."""

    report: Report
    name: Label
    form: forms.Form


def load_form(form_id: str, year: int = 0, statute: str = "CN") -> forms.Form:
    """A form that ships; with no name the one made for the year. Raises :class:`Failed`."""
    if not form_id:
        return forms.form_for(year, statute)
    try:
        return forms.load(form_id)
    except forms.UnknownForm as error:
        raise Failed(f"--form: {error}") from None


def fold(lines: Iterable[bytes], form_id: str, organ: str, year: int, now: datetime) -> Report:
    """The report that the facts of a JSON-lines file make by ``now``. Raises :class:`Failed`."""
    return make(lines, form_id, organ, year, now).report


def make(
    lines: Iterable[bytes], form_id: str, organ: str, year: int, now: datetime, *, as_of: date | None = None
) -> Made:
    """The same with the organ's name; with ``as_of`` as it would have been known when that day ended there.

    An organ that others are under reports the sum of them all. Raises :class:`Failed`.
    """
    if form_id:
        load_form(form_id)
    try:
        facts = list(offline.read_facts(lines))
        if as_of is not None:
            zone = _zone(facts, organ)
            now = min(now, datetime.combine(as_of, time.max, zone)).astimezone(zone)
            facts = list(known_by(facts, now))
        reference_data, events = offline.run(facts, now)
    except offline.BadLine as error:
        raise Failed(str(error)) from None
    if organ not in reference_data.organs:
        there = ", ".join(reference_data.organs)
        others = f"there are {there}" if there else "there are none; an organ-registered fact registers one"
        raise Failed(f"--organ: {organ!r} is not registered in these facts; {others}")
    counted = Fold()
    for event in events:
        counted.apply(event)
    form = load_form(form_id, year, reference_data.organs[organ].statute)
    today = now.astimezone(ZoneInfo(reference_data.organs[organ].timezone)).date()
    day = min(as_of or today, today)  # what lies ahead may still change
    law = forms.law_of(form, {code: known.statute for code, known in reference_data.organs.items()})
    organs = organs_of(reference_data, organ)
    form = with_items(form, [item for item in reference_data.items.values() if item.organ in organs])
    report = make_with_previous(form, organ, year, day.isoformat(), counted.cells, organs, law)
    return Made(report, reference_data.organs[organ].name, form)


def organs_of(reference_data: ReferenceData, organ: str) -> list[str]:
    """The organ with all that are under it."""
    return tree.below(organ, reference_data.parents())


def _zone(facts: Facts, organ: str) -> ZoneInfo:
    zones = (f.data.timezone for f in facts if isinstance(f, OrganRegistered) and f.data.code == organ)
    return ZoneInfo(next(zones, "UTC"))


def known_by(facts: Facts, now: datetime) -> Iterator[Fact]:
    """The facts that were known at ``now``: written, or else made by then; of those that say neither, the ones whose
    own legal date had come, and with it all that they say had happened. Organs, units and items are always known, and
    so is an amendment without any date of what had happened."""
    for fact in facts:
        match fact:
            case OrganRegistered() | UnitRegistered() | ItemRegistered():
                known = True
            case CalendarPublished():
                known = fact.data.published_on <= now.date()
            case _ if (instant := fact.recordedtime or fact.time) is not None:
                known = instant <= now
            case FactCorrected() | FactRetracted():
                known = ahead(fact, now.date()) is None
            case TallyRecorded():
                known = fact.data.on <= now.date()
            case _:
                known = legal_date(lawful(fact)) <= now.date() and ahead(fact, now.date()) is None
        if known:
            yield fact


def make_from(path: Path, form_id: str, organ: str, year: int, now: datetime, *, as_of: date | None = None) -> Made:
    """The same for a file. Raises :class:`Failed`."""
    try:
        with path.open("rb") as lines:
            return make(lines, form_id, organ, year, now, as_of=as_of)
    except OSError as error:
        raise Failed(f"--facts: {path}: {error.strerror}") from None


def fetch(
    url: str,
    form_id: str,
    organ: str,
    year: int,
    *,
    as_of: date | None = None,
    headers: Mapping[str, str] | None = None,
) -> Report:
    """The report from a stats service at ``url``; ``headers``: who asks. Raises :class:`Failed`."""
    answer = ask(url, form_id, organ, year, "json", as_of=as_of, headers=headers)
    return render.from_json(answer.content)


def ask(
    url: str,
    form_id: str,
    organ: str,
    year: int,
    suffix: str,
    *,
    as_of: date | None = None,
    lang: Lang = "zh",
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """A report from a stats service in one of its formats. Raises :class:`Failed`."""
    if form_id:
        load_form(form_id)
    given: dict[str, Any] = {"form": form_id, "as_of": as_of and as_of.isoformat(), "lang": lang}
    try:
        answer = httpx.get(
            f"{url}/v1/annual/{part(organ)}/{year}.{suffix}",
            params={key: value for key, value in given.items() if value},
            timeout=60,
            trust_env=False,
            headers=headers,
        )
    except httpx.HTTPError as error:
        raise Failed(
            f"the stats service at {url} does not answer ({reason_of(error)}); is `shixian up` running? "
            "The address comes from --url, else SHIXIAN_HOST and SHIXIAN_STATS_PORT; --facts FILE needs no service"
        ) from None
    if answer.status_code != 200:
        raise Failed(f"the stats service answers {answer.status_code}: {_detail(answer)}")
    return answer


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", ""))
    except (ValueError, AttributeError):
        return answer.text[:200]


def as_json(report: Report) -> str:
    """The contract's JSON, decimals exact."""
    return msgspec.json.format(render.to_json(report), indent=2).decode()


def written(made: Made, format: str, lang: Lang) -> bytes:
    """The report in one of :data:`FORMATS` but the first, as a file's content."""
    form = made.form
    match format:
        case "json":
            return as_json(made.report).encode() + b"\n"
        case "csv":
            return csv.to_csv(made.report, form, lang=lang).encode()
        case "xlsx":
            from services.stats.exports import xlsx

            return xlsx.to_xlsx(made.report, form, made.name, lang=lang)
        case "docx":
            from services.stats.exports import docx

            return docx.to_docx(made.report, form, made.name, lang=lang)
        case _:
            return render.to_html(made.report, form, made.name, lang=lang).encode()


def broken(report: Report) -> list[str]:
    """The rules that must hold and don't, each with the cells, one line each; what a rule says, where the form does."""
    form = load_form(report.form)
    says = {rule.rule: f"{rule.label.en}: " for rule in form.checks}
    return [f"{c.rule}: {says.get(c.rule, '')}{c.detail}" for c in failures(form, report)]


def _with_columns(form: forms.Form, report: Report) -> forms.Form:
    """The form with the columns that the report has beyond it, those of an organ's items."""
    tables = []
    for table in form.tables:
        if table.columns_from is not None:
            known = {column.id for column in table.columns}
            there = dict.fromkeys(c for t in report.tables if t.id == table.id for row in t.rows for c in row.cells)
            more = [forms.Column(code, Label(code, code)) for code in there if code not in known]
            table = replace(table, columns=(*more, *table.columns))
        tables.append(table)
    return replace(form, tables=tuple(tables))


def _cell(rows: Numbers, row: str, column: str) -> str:
    number = rows[row].get(column)
    return "—" if number is None else f"{number:,}"


def print_table(report: Report, console: Console, *, only: str = "", form: forms.Form | None = None) -> None:
    """The report's tables for a terminal and what stands beside them, or one of them, with both languages and what does
    not add up. Columns that ``form`` has no names for are called by their codes."""
    form = _with_columns(form or load_form(report.form), report)
    for table, rows in printed(report, form):
        if only in ("", table.id):
            title = f"{table.title.zh}  {table.title.en}\n{report.organ} · {report.year}"
            shown = Table(title=title, title_style="bold")
            shown.add_column(f"{table.head.zh} {table.head.en}")
            if table.layout == "rows" and len(table.columns) > 1:
                # Too wide for a terminal in two languages.
                shown.columns[0].header = table.head.zh
                lines = [(f"{'  ' * row.level}{row.label.zh}", row.id) for row in table.rows]
                across = [(column.label.zh, column.id) for column in table.columns]
                cells = {(r, c): _cell(rows, r, c) for _, r in lines for _, c in across}
                if len(across) > len(lines):  # a column for each of many items: they go down the page
                    lines, across, cells = across, lines, {(c, r): text for (r, c), text in cells.items()}
                for label, c in across:
                    wide = max(4, *(len(cells[r, c]) for _, r in lines))
                    shown.add_column(label, justify="right", overflow="fold", width=wide)
                for label, r in lines:
                    shown.add_row(label, *(cells[r, c] for _, c in across))
            elif table.layout == "rows":
                (column,) = table.columns
                shown.add_column(f"{column.label.zh} {column.label.en}", justify="right")
                for row in table.rows:
                    label = f"{'  ' * row.level}{row.label.zh}  {row.label.en}"
                    shown.add_row(label, _cell(rows, row.id, column.id))
            else:
                shown.add_column("", justify="right")
                for row in table.rows:
                    for column in table.columns_of(row):
                        label = f"{row.label.zh} · {column.label.zh}  {row.label.en}: {column.label.en}"
                        shown.add_row(label, _cell(rows, row.id, column.id))
            console.print(shown)
    warnings = failures(form, report, "warning")
    for check in report.checks:
        if not check.ok:
            warns = check in warnings
            text = "compare with the year before" if warns else "does not add up"
            console.print(f"{text}: {check.rule}: {check.detail}", style="yellow" if warns else "red")
