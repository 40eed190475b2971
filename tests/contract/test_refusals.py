"""Every refusal is a code with words in Chinese and English, and nothing reads the words of our own texts."""

import ast
import re
from functools import cache
from pathlib import Path
from string import Formatter
from typing import get_args

import msgspec
import pytest

from services.events.refusals import FieldError, Reason, RefusalCode, Refused
from services.runtime.applying import Unfit
from services.runtime.metrics_tables import REASONS
from services.stats.publishing import ObjectionCode
from services.words.catalogue import UnknownCode, names, refusal, refusals

SERVICES = Path(__file__).parents[2] / "services"
DECLARED = SERVICES / "events/refusals.py"
_LATIN = re.compile(r"[A-Za-z]{2}")

LIBRARIES = {
    "events/refusals.py": "msgspec has no other account of a refusal than its text",
    "statute/data_file.py": "the same",
    "intake/reading.py": "msgspec says the byte of a fault in its text alone",
    "runtime/retry.py": "asyncpg has one class for several states of a connection",
    "runtime/fetching.py": "aiokafka names a partition in its text alone",
    "local/kafka.py": "the broker's own log",
    "local/revival.py": "the first line of a text is kept",
}
"""Where another's text is read, and why."""


@cache
def sources() -> dict[Path, ast.Module]:
    """Our modules, parsed: a second's work, which only who runs these tests has."""
    return {path: ast.parse(path.read_text()) for path in sorted(SERVICES.rglob("*.py"))}


def _is_text_of_error(node: ast.AST) -> bool:
    """``str(error)``, ``e.reason``, ``x.problem``, ``refused.detail``, and the like."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str" and node.args:
        return isinstance(node.args[0], ast.Name) and "err" in node.args[0].id
    return isinstance(node, ast.Attribute) and node.attr in ("reason", "problem", "detail", "text", "flags")


READING = (
    "startswith",
    "endswith",
    "partition",
    "rpartition",
    "removeprefix",
    "removesuffix",
    "split",
    "find",
    "index",
)


def parsed(tree: ast.AST) -> list[int]:
    """The lines where the text of an error or a reason is taken apart or searched."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            if _is_text_of_error(node.comparators[0]) and isinstance(node.comparators[0], ast.Call):
                lines.append(node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, name = node.func.value, node.func.attr
            searched = isinstance(owner, ast.Name) and owner.id == "re" and any(map(_is_text_of_error, node.args))
            if searched or (name in READING and node.args and _is_text_of_error(owner)):
                lines.append(node.lineno)
    return lines


def test_nothing_reads_the_words_of_our_own_texts() -> None:
    found = {str(path.relative_to(SERVICES)): parsed(tree) for path, tree in sources().items()}
    assert {path: lines for path, lines in found.items() if lines and path not in LIBRARIES} == {}


@pytest.mark.parametrize(
    "text",
    [
        "'version' in str(error)",
        "error.reason.startswith('$')",
        "re.search('x', str(error))",
        "str(err).partition(':')",
    ],
)
def test_what_reads_a_text_would_be_found(text: str) -> None:
    assert parsed(ast.parse(text)) == [1]


SQL_WORDS = re.compile(r"\b(reason|problem|detail|flags|said)\b\s*(?:NOT\s+)?(?:I?LIKE|~\*?|SIMILAR TO)", re.IGNORECASE)
APPLIED = {"0004_dead_letter_subject.sql": "applied already; 0005 reads it once and drops the column"}


def test_no_query_reads_the_words_of_a_reason() -> None:
    texts = {path: path.read_text() for path in [*sources(), *SERVICES.rglob("*.sql")] if path.name not in APPLIED}
    assert [path.name for path, text in texts.items() if SQL_WORDS.search(text)] == []
    assert SQL_WORDS.search("CASE WHEN reason LIKE '$%'")


def test_each_code_has_both_wordings_and_each_wording_has_a_code() -> None:
    assert set(refusals()) == set(get_args(RefusalCode)) == set(REASONS)


def test_each_code_is_given_somewhere() -> None:
    given = {
        node.value
        for path, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if path != DECLARED or "Literal" not in ast.unparse(_statement(tree, node))
    }
    assert set(get_args(RefusalCode)) - given == set()


def _statement(tree: ast.Module, node: ast.Constant) -> ast.AST:
    return next(s for s in tree.body if s.lineno <= node.lineno <= (s.end_lineno or s.lineno))


@pytest.mark.parametrize("code", refusals())
def test_the_words_take_the_same_values_in_both_languages(code: str) -> None:
    words = refusals()[code]
    zh, en = ({name for _, name, _, _ in Formatter().parse(text) if name} for text in (words.zh, words.en))
    assert zh == en
    assert not _LATIN.search(re.sub(r"\{[^}]*\}", "", words.zh).replace("JSON", "")), "no English word in the Chinese"
    said = refusal(code, dict.fromkeys(zh, "§"))
    assert (said.zh.count("§"), said.en.count("§")) == (words.zh.count("{"), words.en.count("{"))


def values_given() -> dict[str, list[set[str] | None]]:
    """By code, which values each place that gives it passes; None where a place passes a name."""
    found: dict[str, list[set[str] | None]] = {}
    codes = set(get_args(RefusalCode))
    for tree in sources().values():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in ("FieldError", "Reason", "Unfit"):
                continue
            code = next((a.value for a in node.args if isinstance(a, ast.Constant) and a.value in codes), None)
            if code is None:
                continue
            field = {"field"} if node.func.id == "FieldError" else set()
            last = node.args[-1]
            if isinstance(last, ast.Dict) and all(isinstance(key, ast.Constant) for key in last.keys):
                passed: set[str] | None = field | {str(k.value) for k in last.keys if isinstance(k, ast.Constant)}
            elif isinstance(last, ast.Constant) and last.value == code:
                passed = field | {keyword.arg or "" for keyword in node.keywords}
            else:
                passed = None
            found.setdefault(str(code), []).append(passed)
    return found


def test_each_place_passes_what_the_words_take() -> None:
    given = values_given()
    assert len(given) > 20
    for code, places in given.items():
        wanted = {name for _, name, _, _ in Formatter().parse(refusals()[code].en) if name}
        for passed in places:
            assert passed is None or wanted <= passed, code


def test_a_refusal_is_kept_as_a_code_with_its_field_and_values() -> None:
    refused = Refused(FieldError("$.subject", "is 'a'", "'b'", "subject-differs", {"expected": "b"}))
    assert refused.reason == Reason("subject-differs", str(refused), {"field": "$.subject", "expected": "b"})
    assert Unfit("too bad").reason == Reason("unfit", "too bad", {})
    assert refusal("subject-differs", refused.reason.values).zh == "$.subject：应与数据中的b一致"
    with pytest.raises(UnknownCode):
        refusal("no-such-code", {})
    assert msgspec.json.decode(msgspec.json.encode(refused.error), type=FieldError) == refused.error


def test_each_problem_has_a_name_and_each_name_a_problem() -> None:
    kinds = {
        part.value
        for tree in sources().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("ProblemError")
        for keyword in node.keywords
        if keyword.arg == "kind"
        for part in (
            [keyword.value.body, keyword.value.orelse] if isinstance(keyword.value, ast.IfExp) else [keyword.value]
        )
        if isinstance(part, ast.Constant)
    } | set(get_args(ObjectionCode))
    assert kinds == set(names()["problem"])
