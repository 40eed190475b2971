"""Write the tables of cells in docs/reports.md, from the table of kinds. ``python -m scripts.cells_table``."""

from pathlib import Path

from services.stats.kind import Dimension
from services.stats.kinds import ASKED_KINDS, KINDS, PLACES

PAGE = Path(__file__).parents[1] / "docs/reports.md"


def _dimension(dimension: Dimension) -> str:
    return f"`{dimension.name}`" + (f" ({dimension.says})" if dimension.says else "")


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |".replace("  ", " ") for cells in [head, ["---"] * len(head), *rows])


def asked() -> str:
    """What a row of a form may count, and by which values."""
    rows = [
        [f"`{name}`", ", ".join(map(_dimension, KINDS[name].asked)), KINDS[name].counts, KINDS[name].year]
        for name in ASKED_KINDS
    ]
    return _table(["kind", "values to ask for", "counts", "in the year"], rows)


def stored() -> str:
    """What stands in which column of the counters."""
    rows = []
    for kind in KINDS.values():
        if kind.of:
            continue
        places = [_dimension(d) for d in kind.dimensions] + [""] * (len(PLACES) - len(kind.dimensions))
        rows.append([f"`{kind.name}`", kind.year, *places, kind.counts])
    return _table(["kind", "year", *(f"`{place}`" for place in PLACES), "counts"], rows)


def page(text: str) -> str:
    """The page with its tables made anew. Raises ``ValueError`` where a table's marks are missing."""
    for name, table in (("asked", asked()), ("stored", stored())):
        begin, end = f"<!-- cells {name}: written by make docs -->", f"<!-- cells {name}: end -->"
        before, rest = text[: text.index(begin)], text[text.index(end) :]
        text = f"{before}{begin}\n\n{table}\n\n{rest}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
