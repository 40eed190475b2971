"""A report as JSON, and as a page that prints on A4."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import Struct

from services.events.vocabulary import Label
from services.runtime import paths, styles
from services.stats.form import Form
from services.stats.layout import grid, printed
from services.stats.report import Lang, Report, said
from services.stats.words import NAMES, WORDS

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(Report, float_hook=Decimal)


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


def encode(answer: object) -> bytes:
    """Any other answer of the API, the same way."""
    return _encoder.encode(answer)


def from_json(text: bytes) -> Report:
    """A report from its JSON. Raises ``msgspec.ValidationError``."""
    return _decoder.decode(text)


def rule_label(form: Form, rule: str, lang: Lang) -> str:
    """What a rule of the form says; its name where the form has no such rule."""
    return next((said(r.label, lang) for r in form.checks if r.rule == rule), rule)


def stylesheet() -> str:
    """The pages' CSS."""
    return styles.stylesheet("services.stats", "stats.css")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("services.stats", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["part"] = paths.part
    return made


def page(template: str, lang: Lang, **values: Any) -> str:
    """A page from a template; ``css`` (text to stand in the page) may be given, else the page links the stylesheet."""
    return (
        _environment()
        .get_template(template)
        .render(
            lang=lang,
            html_lang="zh-CN" if lang == "zh" else "en",
            say=lambda label: said(WORDS[label] if isinstance(label, str) else label, lang),
            name_of=lambda value: said(NAMES[value], lang) if value in NAMES else value or "",
            **{"css": "", **values},
        )
    )


_BARE: Mapping[str, Any] = {
    "links": {},
    "revised": {},
    "charts": (),
    "published": (),
    "revisions": (),
    "under": (),
    "scope": "",
    "forms": (),
    "query": "",
    "tracker": "",
    "path": "",
}
"""What a report by itself has beside its numbers: nothing."""


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
    tables = printed(report, form)
    grids = {table.id: grid(table, numbers) for table, numbers in tables}
    warnings = {rule.rule for rule in form.checks if rule.severity == "warning"}
    return page(
        "report.html",
        lang,
        report=report,
        form=form,
        name=name,
        grids=grids,
        beside=[table for table, _ in tables if table not in form.tables],
        standing=standing,
        alone=alone,
        css=stylesheet() if alone else "",
        warnings=warnings,
        rule_label=lambda rule: rule_label(form, rule, lang),
        extra={**_BARE, **more},
    )
