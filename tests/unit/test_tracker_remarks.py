"""The remarks in Chinese: every text that the law's code can find has one, looked up in that code itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.tracker.remarks import chinese

STATUTE = Path(__file__).parents[2] / "services/statute"
CJK = re.compile(r"[\u4e00-\u9fff]")
LIMIT = " on 2024-03-04, after the limit of 2024-03-01; it cures nothing"


def text_of(node: ast.expr) -> Iterator[str]:
    """A text, or an f-string with something for each of its values."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr():
            yield "".join(next(text_of(part)) for part in node.values)
        case ast.FormattedValue(value=ast.Attribute(attr="name")):
            yield "extension-granted"
        case ast.FormattedValue(value=ast.Name(id="how") | ast.Subscript(slice=ast.Constant(value=1))):
            yield "withdrawn"
        case ast.FormattedValue():
            yield "2024-03-04"
        case ast.IfExp():
            yield from text_of(node.body)


def found_texts() -> Iterator[str]:
    for file in sorted(STATUTE.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                for text in text_of(node.args[-1]) if node.args else ():
                    if node.func.attr in ("note", "find", "unlawful") and not text.startswith("2024-03-04 on"):
                        yield text
                    elif node.func.attr == "in_time":
                        yield text + LIMIT


TEXTS = sorted(
    {
        *found_texts(),
        # Those that stand in the code under a name first.
        "not yet confirmed; counted from the submission on 2024-03-04 the limit would end on 2024-04-01",
        "a corrected request came, but no notice that counts asked for it",
        "a fee was paid, but no notice that counts asked for it",
        "amends itself through other amendments",
    }
)


def test_the_texts_were_found_in_the_code() -> None:
    assert len(TEXTS) > 25


@pytest.mark.parametrize("text", TEXTS)
def test_every_remark_is_said_in_chinese(text: str) -> None:
    said = chinese(text)
    assert CJK.search(said)
    assert not re.search(r"[a-z]{4,}", said)
    assert set(re.findall(r"\d{4}-\d\d-\d\d", text)) == set(re.findall(r"\d{4}-\d\d-\d\d", said))
    assert chinese(f"notice: 7: {text}") == f"notice: 7：{said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "o6: extension notified on 2026-11-16, after the limit of 2026-11-09; it cures nothing",
            "o6：告知延长：2026-11-16，已过期限 2026-11-09，不能补救",
        ),
        (
            "consultation c 1 opened on 2026-11-16, after the limit of 2026-11-09; it cures nothing",
            "开始征求意见 c 1：2026-11-16，已过期限 2026-11-09，不能补救",
        ),
        ("x: extension of 30 is beyond the cap of 20; 20 counts", "x：延长 30，超过上限 20；计入 20"),
        ("what no code of ours says", "what no code of ours says"),
    ],
)
def test_a_remark_keeps_its_dates_and_names(text: str, said: str) -> None:
    assert chinese(text) == said
