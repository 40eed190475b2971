"""A report as JSON, and as a page that prints on A4."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import Struct

from services.events.vocabulary import Label
from services.stats.cells import Number
from services.stats.exports.grid import grid, printed
from services.stats.failing import beside, broken
from services.stats.forms.form import Form
from services.stats.report import Lang, Report, in_language
from services.stats.words import WORDS

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


@cache
def stylesheet() -> str:
    """The styles of the page, which stand in it."""
    return (files("services.stats") / "static" / "print.css").read_text("utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("services.stats", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def to_html(
    report: Report,
    form: Form,
    name: Label,
    standing: Standing | None = None,
    *,
    lang: Lang = "zh",
    revised: Mapping[tuple[str, str, str], Number] = MappingProxyType({}),
    desk: str = "",
) -> str:
    """The report as a page to print, in one file: its styles are inside, and it loads nothing.

    ``revised``: the published number of each cell that has another now; ``desk``: where the report stands for people.
    """
    tables = printed(report, form)
    failing = broken(report, form, lang)
    return (
        _environment()
        .get_template("report.html")
        .render(
            lang=lang,
            html_lang="zh-CN" if lang == "zh" else "en",
            say=lambda label: in_language(WORDS[label] if isinstance(label, str) else label, lang),
            report=report,
            form=form,
            name=name,
            grids={table.id: grid(table, numbers) for table, numbers in tables},
            beside=[table for table, _ in tables if table not in form.tables],
            standing=standing,
            css=stylesheet(),
            broken={one.rule: one for one in failing},
            others=beside(failing, form),
            revised=revised,
            desk=desk,
        )
    )
