"""A page as text, of its template and what is in it: one environment for templates, one catalogue of words."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from services.desk import board_words, form_words, office_words
from services.desk.sessions import Session
from services.desk.words import AUDIT_WORDS, EVENT_WORDS, LIMIT_WORDS, STATUS_WORDS, WORDS
from services.events.names import NAMES
from services.events.vocabulary import Label
from services.runtime import paths
from services.runtime.languages import Lang
from services.runtime.problems import FieldProblem
from services.words import catalogue

_WORDS_BY_CODE = {
    "audit_words": AUDIT_WORDS,
    "status_words": STATUS_WORDS,
    "limit_words": LIMIT_WORDS,
    "event_words": EVENT_WORDS,
    "step_words": office_words.STEP_WORDS,
    "card_words": office_words.CARD_WORDS,
    "who_words": office_words.WHO_WORDS,
    "waits_words": board_words.WAITS_WORDS,
    "stopped_words": board_words.STOPPED_WORDS,
    "form_words": form_words.FORM_WORDS,
    "field_words": form_words.FIELD_WORDS,
    "step_names": board_words.STEP_NAMES,
}


@dataclass(frozen=True, slots=True)
class Here:
    """The address of a page, for links to the same with something else about it."""

    path: str
    query: tuple[tuple[str, str], ...] = ()

    def __call__(self, **changes: Any) -> str:
        """The page's query with ``changes``; what is None is left out."""
        kept = [(name, value) for name, value in self.query if name not in changes]
        return "?" + urlencode(kept + [(name, value) for name, value in changes.items() if value is not None])


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("services.desk", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["part"] = paths.part
    return made


def query(**given: Any) -> str:
    """A query string of what is given; empty where nothing is."""
    return urlencode({key: value for key, value in given.items() if value not in (None, "")})


def say_in(lang: Lang, what: str | Label | Mapping[str, str]) -> str:
    """A word of the catalogue, or a label, in one language."""
    label = WORDS[what] if isinstance(what, str) else what
    if isinstance(label, Label):
        return label.zh if lang == "zh" else label.en
    return label[lang]


def trouble(one: FieldProblem, lang: Lang) -> tuple[str, str]:
    """What is wrong with a field in the reader's words, as far as there are any, and what an API says of it besides,
    which is English."""
    field = one.field.rpartition(".")[2]
    word = say_in(lang, form_words.FIELD_WORDS[field]) if field in form_words.FIELD_WORDS else field
    try:
        said = catalogue.refusal(one.code, {**one.values, "field": word}).said(lang)
    except KeyError:  # no code, or an API of another release has one that is new, or sends no values with it
        said = one.zh if lang == "zh" else ""
    return said or word, f"{one.problem}; {one.expected}"


SCOPES = {
    "may_read": "requests:read",
    "may_report": "reports:read",
    "may_write": "facts:write",
    "may_publish": "reports:publish",
    "may_audit": "audit:read",
}
"""What a page shows or leaves out, and the scope that decides it."""
ANYBODY: dict[str, Any] = {"access": "", "reader": None} | dict.fromkeys(SCOPES, True)
"""Of a desk without accounts."""
STRANGER: Mapping[str, Any] = ANYBODY | dict.fromkeys(SCOPES, False)
"""Who has not logged in where that is needed."""
NOBODY: Mapping[str, Any] = ANYBODY | dict.fromkeys(("may_write", "may_publish", "may_audit"), False)
"""Of a page that is made before it is known who reads it."""


def in_session(session: Session) -> Mapping[str, Any]:
    """Of a person who has logged in."""
    told = {"account": session.principal.account.partition(":")[2], "form_token": session.form_token}
    return {"access": "accounts", "reader": told} | {
        name: session.principal.may(scope) for name, scope in SCOPES.items()
    }


def render(template: str, lang: Lang, here: Here, reader: Mapping[str, Any] = NOBODY, **values: Any) -> str:
    """A page in one language."""

    def say(what: str | Label | Mapping[str, str]) -> str:
        return say_in(lang, what)

    def name_of(code: str | None) -> str:
        """What a code of the contract is called; one that is new is shown as it stands."""
        return say(NAMES[code]) if code in NAMES else code or ""

    def ending(code: str) -> str:
        """How a request ended; what has no name, the reason of an event from before there were codes, say, as it is."""
        return catalogue.name("ending", code, lang)

    shared = {
        **reader,
        "lang": lang,
        "html_lang": "zh-CN" if lang == "zh" else "en",
        "here": here,
        "say": say,
        "name_of": name_of,
        "ending": ending,
        "days_name": lambda unit: catalogue.name("unit", unit, lang),
        "problem_words": lambda kind: catalogue.name("problem", kind, lang),
        "trouble": lambda one: trouble(one, lang),
        "query": query,
    }
    return _environment().get_template(template).render(**shared, **_WORDS_BY_CODE, **values)
