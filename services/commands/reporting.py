"""An annual report for the command line: from the stats service, or folded offline from a file of facts."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import msgspec
from rich.console import Console
from rich.table import Table

from services.commands import offline
from services.stats import form as forms
from services.stats.fold import Fold
from services.stats.report import Report, make_report

FORMATS = ("table", "json")

_json = msgspec.json.Encoder(decimal_format="number")


class Failed(RuntimeError):
    """The report can't be had; says why in one line."""


def load_form(form_id: str) -> forms.Form:
    """A form that ships. Raises :class:`Failed`."""
    try:
        return forms.load(form_id)
    except forms.UnknownForm as error:
        raise Failed(f"--form: {error}") from None


def fold(lines: Iterable[bytes], form_id: str, organ: str, year: int, now: datetime) -> Report:
    """The report that the facts of a JSON-lines file make by ``now``. Raises :class:`Failed`."""
    form = load_form(form_id)
    try:
        world, events = offline.run(offline.read_facts(lines), now)
    except offline.BadLine as error:
        raise Failed(str(error)) from None
    if organ not in world.organs:
        raise Failed(f"--organ: {organ!r} is not registered in these facts; there are {', '.join(world.organs)}")
    counted = Fold()
    for event in events:
        counted.apply(event)
    today = now.astimezone(ZoneInfo(world.organs[organ].timezone)).date()
    return make_report(form, organ, year, today.isoformat(), counted.cells_of(organ, year))


def fold_file(path: Path, form_id: str, organ: str, year: int, now: datetime) -> Report:
    """The same for a file. Raises :class:`Failed`."""
    try:
        with path.open("rb") as lines:
            return fold(lines, form_id, organ, year, now)
    except OSError as error:
        raise Failed(f"--facts: {path}: {error.strerror}") from None


def fetch(url: str, form_id: str, organ: str, year: int) -> Report:
    """The report from a stats service at ``url``. Raises :class:`Failed`."""
    load_form(form_id)
    try:
        answer = httpx.get(
            f"{url}/v1/annual/{organ}/{year}.json", params={"form": form_id}, timeout=30, trust_env=False
        )
    except httpx.HTTPError as error:
        raise Failed(f"the stats service at {url} does not answer ({error}); --facts FILE needs no service") from None
    if answer.status_code != 200:
        raise Failed(f"the stats service answers {answer.status_code}: {_detail(answer)}")
    return msgspec.json.decode(answer.content, type=Report)


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", ""))
    except (ValueError, AttributeError):
        return answer.text[:200]


def as_json(report: Report) -> str:
    """The contract's JSON, decimals exact."""
    return msgspec.json.format(_json.encode(report), indent=2).decode()


def print_table(report: Report, console: Console, *, only: str = "") -> None:
    """The report's tables for a terminal, or one of them, with both languages and what does not add up."""
    form = load_form(report.form)
    labels = {table.id: table for table in form.tables}
    for table in report.tables:
        if only in ("", table.id):
            said = labels[table.id]
            shown = Table(title=f"{said.title.zh}  {said.title.en}\n{report.organ} · {report.year}", title_style="bold")
            shown.add_column(f"{said.head.zh} {said.head.en}")
            for column in said.columns:
                shown.add_column(f"{column.label.zh} {column.label.en}", justify="right")
            for row, known in zip(table.rows, said.rows, strict=True):
                indent = "  " * known.level
                cells = [f"{row.cells[c.id]:,}" for c in said.columns]
                shown.add_row(f"{indent}{row.label.zh}  {row.label.en}", *cells)
            console.print(shown)
    for check in report.checks:
        if not check.ok:
            console.print(f"does not add up: {check.rule}: {check.detail}", style="red")
