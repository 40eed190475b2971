"""What does not hold in a report, in the words of its reader: the same for every file that it is given out as. Pure."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from msgspec import UNSET

from services.events.vocabulary import Label
from services.stats.contested import ONE_LEVEL, ONE_LEVEL_LABEL
from services.stats.forms.form import Form
from services.stats.report import (
    CONTRADICTIONS,
    PUBLISHED,
    Lang,
    Report,
    in_language,
)
from services.stats.rules import Check

CONTRADICTING = Label("申请的各项事实互不矛盾", "the facts of a request do not contradict one another")
BESIDE: dict[str, Label] = {
    CONTRADICTIONS: CONTRADICTING,
    ONE_LEVEL: ONE_LEVEL_LABEL,
    PUBLISHED: Label("与已公布的数字一致", "the numbers are those that were published"),
}
"""The rules that no form has and every report is held to."""


class Broken(NamedTuple):
    """A rule that does not hold, with each place where."""

    rule: str
    label: Label
    how: Literal["fails", "warns"]
    details: tuple[str, ...]


def broken(report: Report, form: Form, lang: Lang) -> list[Broken]:
    """The rules of a report that don't hold: the form's in its order, then those beside it."""
    failed: dict[str, list[str]] = {}
    for check in report.checks:
        if not check.ok:
            failed.setdefault(check.rule, []).append(_said(check, lang))
    warnings = {rule.rule for rule in form.checks if rule.severity == "warning"} | {ONE_LEVEL, PUBLISHED}
    rules = dict.fromkeys([*(rule.rule for rule in form.checks), *failed])
    return [
        Broken(rule, rule_label(form, rule), "warns" if rule in warnings else "fails", tuple(failed[rule]))
        for rule in rules
        if rule in failed
    ]


def beside(found: Iterable[Broken], form: Form) -> list[Broken]:
    """Those of them that the form does not have."""
    own = {rule.rule for rule in form.checks}
    return [one for one in found if one.rule not in own]


def rule_label(form: Form, rule: str) -> Label:
    """What a rule says; its name where nobody knows it, as in a publication by an older form."""
    labels = {one.rule: one.label for one in form.checks} | BESIDE
    return labels.get(rule, Label(rule, rule))


def _said(check: Check, lang: Lang) -> str:
    """A check's detail; codes, numbers and signs are the same in every language."""
    zh = check.detail_zh
    detail = check.detail if zh is UNSET else in_language(Label(zh, check.detail), lang)
    # A request's name may hold what no document can (XML 1.0, 2.2).
    return "".join(c if c.isprintable() else "\ufffd" for c in detail)
