"""Write the tables of docs/statutes.md and docs/import.md from the Structs that read the files: ``make docs``.

What a key means is the docstring under its field, so the pages can't say anything else than the program does.
"""

import ast
import inspect
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec

from services.registers import map_file as m
from services.stats.forms.shape import Form, FormRow, FormTable, Rule
from services.statute import calendar_file as c
from services.statute import profile_tables as p
from services.statute.data_file import expected
from services.statute.office import ladder, procedure
from services.statute.profile import Profile
from services.statute.settings import KNOWN
from services.tracker.core import scenarios as s

PAGE = Path(__file__).parents[1] / "docs" / "statutes.md"
MARK = "<!-- From here on written by `make docs`. -->\n"
PARTS: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = (
    (
        "Statute",
        (
            ("top", Profile),
            ("`[in_force]`", p.InForce),
            ("`[answer]`", p.Answer),
            ("`[extension]`", p.Extension),
            ("`[receipt]`", p.Receipt),
            ("`[clarification]`, `[consultation.third-party]`, `[consultation.other-organ]`, `[fee]`", p.Pause),
            ("a limit: `.limit`, `.notice`", p.Limit),
            ("`[volume]`", p.Volume),
            ("`[[remedies]]`: a limit, and", p.Remedy),
            ("`[answering]`", p.Answering),
            ("`[warnings]`", p.Warnings),
        ),
    ),
    (
        "Calendar",
        (
            ("top", c.CalendarFile),
            ("`[[base]]`", c.Base),
            ("`[[yearly]]`", c.Yearly),
            ("`[[notices]]`", c.PublishedYear),
            ("`[[notices]]` of `ID-superseded.toml`", c.ReplacedYear),
            ("`[variants]`", c.Variant),
        ),
    ),
    ("Form", (("top", Form), ("`[[tables]]`", FormTable), ("`[[tables.rows]]`", FormRow), ("`[[checks]]`", Rule))),
    (
        "Scenario",
        (
            ("`[[scenario]]`", s.Scenario),
            ("`facts`", s.GivenFact),
            ("`[scenario.expected]`", s.Expected),
            ("`clocks`", s.Clock),
            ("`steps`", s.StepOf),
            ("`cards`", s.CardFor),
        ),
    ),
    (
        "Procedure",
        (("top", procedure.Procedure), ("`[[steps]]`", procedure.StepRule), ("`limit`", procedure.StepLimit)),
    ),
    ("Ladder", (("top", ladder.Ladder), ("`[[rungs]]`", ladder.Rung))),
)


IMPORT = PAGE.with_name("import.md")
PAGES: dict[Path, tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]] = {
    PAGE: PARTS,
    IMPORT: (
        (
            "Map",
            (
                ("top", m.RegisterMap),
                ("`[[facts]]`", m.FactMap),
                ("`[facts.data]`: for each field", m.Source),
                ("`when`", m.When),
            ),
        ),
    ),
}


def _docs(shape: Any) -> dict[str, str]:
    """The docstring under each field of a Struct and of those that it extends."""
    found: dict[str, str] = {}
    for base in reversed(shape.__mro__):
        if not base.__module__.startswith("services."):
            continue
        body = ast.parse(dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        name = ""
        for line in body.body:
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                name = line.target.id
            elif isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and name:
                found[name] = " ".join(str(line.value.value).replace("``", "`").split())
    return found


def _inherited(shape: Any) -> set[str]:
    return set(p.Limit.__struct_fields__) if shape in (p.Answer, p.Remedy) else set()


def _sentence(shape: Any) -> str:
    text = (shape.__doc__ or "").rstrip(".").replace("``", "`")
    return text[:1].lower() + text[1:]


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is not msgspec.NODEFAULT and field.default is not None:
        value = field.default
        plain = isinstance(value, bool | int | str) and value != ""
        shown = str(value).lower() if isinstance(value, bool) else value
        return f"`{shown}`" if plain else "none"
    return "needed" if field.required else "none"


def _table(shape: Any) -> list[str]:
    docs = _docs(shape)
    lines = ["| key | value | left out | |", "|---|---|---|---|"]
    skip = _inherited(shape)
    if shape is p.Pause:
        effects = "; ".join(f"`{cls.effect}`: {_sentence(cls)}" for cls in p.EFFECTS)
        lines.append(f"| `effect` | one of {', '.join(cls.effect for cls in p.EFFECTS)} | needed | {effects} |")
        lines.append("| `extend_by` | a number from 1 to 3660 | needed with `extend` | units that the limit grows by |")
    for field in msgspec.structs.fields(shape):
        if field.name not in skip:
            value = expected(shape, field.encode_name).replace("|", "\\|")
            lines.append(f"| `{field.encode_name}` | {value} | {_default(field)} | {docs.get(field.name, '')} |")
    return lines


def _settings() -> list[str]:
    lines = ["| setting | values, the default first | |", "|---|---|---|"]
    for name, known in KNOWN.items():
        values = "; ".join(f"`{value}`: {does.en} · {does.zh}" for value, does in known.allowed.items())
        lines.append(f"| `{name}` | {values} | {known.en} · {known.zh} |")
    return lines


def text(page: Path = PAGE) -> str:
    """A page, with its generated part anew."""
    head, _, _ = page.read_text("utf-8").partition(MARK)
    parts: list[str] = []
    for title, tables in PAGES[page]:
        parts += [f"## {title}: every key", ""]
        for name, shape in tables:
            parts += [f"### {name}", "", *_table(shape), ""]
        if title == "Statute":
            parts += ["### `[settings.NAME]`: `value`, `source`, `confirmed`", "", *_settings(), ""]
    return head + MARK + "\n" + "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    for each in PAGES:
        each.write_text(text(each), "utf-8")
