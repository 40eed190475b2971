"""A report as JSON, and as a page that prints on A4."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import Struct

from services.events.vocabulary import Label
from services.stats.form import Form
from services.stats.layout import grid
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
    "warns": Label("请核对", "to be looked at"),
    "published": Label("已公布的数字", "as published"),
    "unconfirmed": Label("未经核对", "unconfirmed"),
    "unconfirmed_text": Label("本行未与原表核对", "This row was not compared with the printed form"),
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
    report: Report,
    form: Form,
    name: Label,
    standing: Standing | None = None,
    *,
    lang: Lang = "zh",
    alone: bool = False,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """The report as a page; ``alone``: as a file by itself, with its styles inside and no links.

    ``more`` is what the service adds: see ``templates/report.html``.
    """
    numbers = report.numbers()
    grids = {table.id: grid(table, {row.id: numbers[table.id, row.id] for row in table.rows}) for table in form.tables}
    warnings = {rule.rule for rule in form.checks if rule.severity == "warning"}
    return page(
        "report.html",
        lang,
        report=report,
        form=form,
        name=name,
        grids=grids,
        standing=standing,
        alone=alone,
        css=stylesheet() if alone else "",
        warnings=warnings,
        rule_label=lambda rule: rule_label(form, rule, lang),
        extra={"links": {}, "revised": {}, **more},
    )
