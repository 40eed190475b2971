"""A form's rules over a report's numbers: what must add up, be whole, or be given. Pure."""

from collections.abc import Collection, Mapping

from msgspec import UNSET, Struct, UnsetType

from services.events.vocabulary import Label
from services.stats.cells import Number
from services.stats.forms.form import Form, FormTable, Rule, Term
from services.stats.left_out import LeftOut, Place

Numbers = Mapping[Place, Mapping[str, Number]]
LATE_REVIEWS = Label(
    "以前年度提出、本年审结，不在任何年度的表内",
    "decided this year and filed in an earlier one: in no year's table",
)


ELSE = Label("件以其他方式办结，不在任何行内", "ended in another way: in no row")


class Check(Struct, frozen=True):
    """One rule of the form, in one column (or row), and whether it holds."""

    rule: str
    ok: bool
    detail: str
    """The table, the cells compared and their numbers."""
    detail_zh: str | UnsetType = UNSET
    """The same in Chinese, where there are words in it."""


def check(
    form: Form,
    now: Numbers,
    before: Numbers | None = None,
    known: Collection[str] | None = None,
    aside: LeftOut | None = None,
) -> tuple[Check, ...]:
    """The form's rules, each column by column (or row by row).

    ``before`` are the numbers of the year before, ``known`` the measures whose levels somebody gave, ``aside`` what
    the tables leave out; a rule that needs one of them is left out where it is None.
    """
    checks: list[Check] = []
    for rule in form.checks:
        table = form.table(rule.table)
        if table is None or (rule.looks_back and before is None) or (rule.relation == "given-with" and known is None):
            continue
        if rule.relation in ("told", "placed") and aside is None:
            continue
        others = [c.id for c in table.columns] if rule.over == "rows" else [r.id for r in table.rows]
        for other in others:
            if rule.only and other not in rule.only:
                continue
            if rule.relation == "placed" and aside is not None:
                checks.append(_placed(rule, other, aside.unplaced.get((rule.rule, other), 0)))
            else:
                shown = aside.unreported if rule.relation == "told" and aside is not None else now
                checks.append(_check(table, rule, other, shown, before or {}, known or ()))
    return tuple(checks)


def _placed(rule: Rule, column: str, number: Number) -> Check:
    at, rows = f"{rule.table}/{column}", " + ".join(rule.left)
    if not number:
        return Check(rule.rule, True, f"{at}: {rows}")
    return Check(rule.rule, False, f"{at}: {rows}; {number} {ELSE.en}", f"{at}: {rows}；{number} {ELSE.zh}")


def _check(table: FormTable, rule: Rule, other: str, now: Numbers, before: Numbers, known: Collection[str]) -> Check:
    def number(text: str) -> Number:
        term = Term.read(text)
        row, column = (term.id, other) if rule.over == "rows" else (other, term.id)
        numbers = before if term.previous else now
        # A number that counts no reviews, or counts them in the year of their decision as well, leaves none unreported.
        value = (
            numbers.get((rule.table, row), {}).get(column, 0)
            if rule.relation == "told"
            else numbers[rule.table, row][column]
        )
        return -value if term.minus else value

    left, right = [number(t) for t in rule.left], [number(t) for t in rule.right]
    match rule.relation:
        case "=":
            ok = sum(left) == sum(right)
        case "<=":
            ok = sum(left) <= sum(right)
        case "whole":
            ok = all(n == int(n) for n in left)
        case "placed":
            raise AssertionError("no sum says whether it holds")
        case "told":
            ok = sum(left) == 0
        case "given-with":
            ok = sum(right) <= 0 or all(_is_given(table, rule, other, t, known) for t in rule.left)
    sums = [_sum(terms, numbers) for terms, numbers in ((rule.left, left), (rule.right, right))]

    def said(relation: str) -> str:
        return f"{rule.table}/{other}: {sums[0]} {relation} {sums[1]}".rstrip()

    if rule.relation == "told" and not ok:
        return Check(rule.rule, ok, said(LATE_REVIEWS.en), said(LATE_REVIEWS.zh))
    return Check(rule.rule, ok, said(rule.relation if ok else f"not {rule.relation}"))


def _is_given(table: FormTable, rule: Rule, other: str, text: str, known: Collection[str]) -> bool:
    term = Term.read(text)
    at = (term.id, other) if rule.over == "rows" else (other, term.id)
    row = next(r for r in table.rows if r.id == at[0])
    counts = row.counting(next(c for c in table.columns if c.id == at[1]))
    return counts is not None and any(measure in known for measure in counts.measure or ())


def _sum(terms: tuple[str, ...], numbers: list[Number]) -> str:
    text = ""
    for term, number in zip(terms, numbers, strict=True):
        minus = term.startswith("-")
        sign = (" - " if minus else " + ") if text else ("-" if minus else "")
        text += f"{sign}{term.removeprefix('-')} {-number if minus else number}"
    return text
