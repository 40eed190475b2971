"""The forms of annual report that ship, each a TOML file under ``services/stats/forms``."""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec

from services.stats import form_check
from services.stats.form_shape import (
    DEFAULT_STATUTE,
    BadForm,
    Column,
    Counts,
    Filter,
    Form,
    FormRow,
    FormTable,
    Rule,
    Term,
)

__all__ = [
    "DEFAULT_FORM",
    "FORMS",
    "BadForm",
    "Column",
    "Counts",
    "Filter",
    "Form",
    "FormRow",
    "FormTable",
    "Rule",
    "Term",
    "UnknownForm",
    "form_for",
    "form_ids",
    "load",
    "parse",
]

FORMS = files("services.stats.forms")
DEFAULT_FORM = "cn-gz-2013"


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


def form_for(year: int, statute: str = DEFAULT_STATUTE) -> Form:
    """The form that was made for a report year under a statute (or a version of it); the default one where none was."""
    fitting = [
        form
        for form in map(load, form_ids())
        if form.years.from_ <= year and (form.years.through is None or year <= form.years.through)
    ]
    return next(
        (form for form in fitting if statute == form.statute or statute.startswith(f"{form.statute}-")),
        next((form for form in fitting if form.statute == DEFAULT_STATUTE), load(DEFAULT_FORM)),
    )


def parse(file: str, text: str) -> Form:
    """A form from its file's text. Raises :class:`BadForm`."""
    try:
        form = msgspec.convert(tomllib.loads(text), Form)
    except tomllib.TOMLDecodeError as error:
        raise BadForm(file, "TOML", str(error)) from None
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `")
        raise BadForm(file, path.rstrip("`").removeprefix("$.") or "$", problem) from None
    form_check.check(file, form)
    return form
