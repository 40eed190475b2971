"""The forms of annual report in force, each a TOML file under ``services/stats/forms``."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from services.stats.cells import Law
from services.stats.forms import check
from services.stats.forms.shape import DEFAULT_STATUTE, Column, Counts, Filter, Form, FormRow, FormTable, Rule, Term
from services.statute import rules
from services.statute.data_file import convert, text_of
from services.statute.data_file import parse as parsed
from services.statute.errors import BadData

__all__ = [
    "DEFAULT_FORM",
    "FORMS",
    "BadData",
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
    "law_of",
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
    """The forms in force."""
    return tuple(name.removesuffix(".toml") for name in rules.current().files("forms", FORMS))


@cache
def load(form_id: str) -> Form:
    """The form ``form_id``. Raises :class:`UnknownForm`, or :class:`BadData`."""
    if form_id not in form_ids():
        raise UnknownForm(f"form {form_id!r} is unknown; known are {', '.join(form_ids())}")
    file = f"{form_id}.toml"
    return parse(file, text_of(file, rules.current().files("forms", FORMS)[file]))


def form_for(year: int, statute: str = DEFAULT_STATUTE) -> Form:
    """The form that was made for a report year under a statute (or a version of it); the default one where none was."""
    fitting = [
        form
        for form in map(load, form_ids())
        if form.years.from_ <= year and (form.years.through is None or year <= form.years.through)
    ]
    return next(
        (form for form in fitting if statute in form.statutes),
        next((form for form in fitting if form.statute == DEFAULT_STATUTE), load(DEFAULT_FORM)),
    )


def law_of(form: Form, statutes: Mapping[str, str]) -> Law:
    """What a form counts; ``statutes`` says of each registered organ under which law it is. One that nobody registered
    is taken to be under the form's."""
    covered = form.statutes
    return Law(covered, frozenset(organ for organ, statute in statutes.items() if statute not in covered))


def parse(file: str, text: str) -> Form:
    """A form from its file's text. Raises :class:`BadData`."""
    form = convert(file, parsed(file, text), Form)
    check.check(file, form)
    return form


rules.remembered(load.cache_clear)
