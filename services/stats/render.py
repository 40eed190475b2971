"""A report as JSON, on the terminal, and as a page that prints on A4."""

from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import Struct
from rich import box
from rich.console import Console
from rich.table import Table

from services.events.vocabulary import Label
from services.stats.form import Form, FormTable
from services.stats.report import Lang, Report, said

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(Report, float_hook=Decimal)

WORDS: dict[str, Label] = {
    "year": Label("年度", "Year"),
    "report_of": Label("{year}年度", "{year}"),
    "unit": Label("单位", "Unit"),
    "checks": Label("勾稽关系", "Arithmetic"),
    "holds": Label("成立", "holds"),
    "fails": Label("不成立", "does not hold"),
    "rule": Label("规则", "Rule"),
    "figures": Label("数字", "Figures"),
    "as_of": Label("数据截至", "As of"),
    "last_event": Label("最后一条记录写入于", "Last record written"),
    "log": Label("日志位置", "Position in the log"),
    "no_events": Label("尚无记录", "no records yet"),
    "partition": Label("分区", "Partition"),
    "home": Label("全部机关", "All organs"),
    "organs": Label("行政机关", "Organs"),
    "organ": Label("机关", "Organ"),
    "code": Label("代码", "Code"),
    "years": Label("年度报告", "Annual reports"),
    "received": Label("收到申请", "requests received"),
    "no_numbers": Label("尚无数据", "no numbers yet"),
    "no_organs": Label("尚未登记任何机关。", "No organ is registered yet."),
    "language": Label("语言", "Language"),
    "source": Label("表式来源", "Form"),
    "print": Label("本页可直接打印（A4）。", "This page prints on A4."),
    "product": Label("时限", "Shixian"),
}


class Place(Struct, frozen=True):
    """How far one partition of the log is folded."""

    topic: str
    partition: int
    next_offset: int


class Standing(Struct, frozen=True):
    """What the numbers rest on: how far the log was folded, and when the last record folded had been written."""

    places: tuple[Place, ...] = ()
    last_event: str = ""
    """An instant in the organ's zone, as text."""


def to_json(report: Report) -> bytes:
    """The report as the API gives it; decimals are exact numbers."""
    return _encoder.encode(report)


def from_json(text: bytes) -> Report:
    """A report from its JSON. Raises ``msgspec.ValidationError``."""
    return _decoder.decode(text)


def print_tables(report: Report, form: Form, console: Console, *, lang: Lang = "zh", only: str = "") -> None:
    """The report's tables (or just one, by its id) and its failed checks, on a terminal."""
    for table in report.tables:
        if only in ("", table.id):
            console.print(_terminal_table(report, next(t for t in form.tables if t.id == table.id), lang))
    for check in report.checks:
        if not check.ok:
            console.print(f"{said(WORDS['fails'], lang)}: {rule_label(form, check.rule, lang)} ({check.detail})")


def _terminal_table(report: Report, shape: FormTable, lang: Lang) -> Table:
    found = Table(title=said(shape.title, lang), title_justify="left", box=box.SQUARE)
    found.add_column(said(shape.head, lang))
    units = any(row.unit for row in shape.rows)
    if units:
        found.add_column(said(WORDS["unit"], lang))
    for column in shape.columns:
        found.add_column(said(column.label, lang), justify="right")
    cells = next({r.id: r.cells for r in t.rows} for t in report.tables if t.id == shape.id)
    for row in shape.rows:
        unit = [said(row.unit, lang) if row.unit else ""] if units else []
        numbers = [str(cells[row.id][column.id]) for column in shape.columns]
        found.add_row("  " * row.level + said(row.label, lang), *unit, *numbers)
    return found


def rule_label(form: Form, rule: str, lang: Lang) -> str:
    """What a rule of the form says; its name where the form has no such rule."""
    return next((said(r.label, lang) for r in form.checks if r.rule == rule), rule)


def stylesheet() -> str:
    """The pages' CSS."""
    return (files("services.stats") / "static" / "stats.css").read_text("utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("services.stats", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(template: str, lang: Lang, **values: Any) -> str:
    """A page from a template; ``css`` (text to stand in the page) may be given, else the page links the stylesheet."""
    return (
        _environment()
        .get_template(template)
        .render(
            lang=lang,
            html_lang="zh-CN" if lang == "zh" else "en",
            say=lambda label: said(WORDS[label] if isinstance(label, str) else label, lang),
            **{"css": "", **values},
        )
    )


def to_html(
    report: Report, form: Form, name: Label, standing: Standing | None = None, *, lang: Lang = "zh", alone: bool = False
) -> str:
    """The report as a page; ``alone``: as a file by itself, with its styles inside and no links."""
    cells = {table.id: {row.id: row.cells for row in table.rows} for table in report.tables}
    return page(
        "report.html",
        lang,
        report=report,
        form=form,
        name=name,
        cells=cells,
        standing=standing,
        alone=alone,
        css=stylesheet() if alone else "",
        rule_label=lambda rule: rule_label(form, rule, lang),
    )
