"""The results as one page without scripts: a chart of the rates, the aims, the machine."""

from collections.abc import Mapping
from html import escape
from typing import Any

from benchmarks.result import AIMS, holds

BAR, GAP, LEFT, WIDTH = 18, 6, 330, 900
OURS = ("tracker", "stats", "rebuild", "intake")
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430 }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 } td, th { padding: .25rem .6rem; text-align: left;
border-bottom: 1px solid #d8dde4 } td.n { text-align: right; font-variant-numeric: tabular-nums }
.ours { fill: #1f5fa8 } .theirs { fill: #a9b4c2 } text { font: 13px system-ui, sans-serif; fill: #1c2430 }
.missed { color: #a3341f } .holds { color: #1f6e3d }
"""


def chart(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Rates as bars, on a scale that a rate ten times another can be read on: the square root."""
    most = max(row["rate"] for row in parts.values())
    height = len(parts) * (BAR + GAP) + GAP
    bars = []
    for place, (name, row) in enumerate(parts.items()):
        y = GAP + place * (BAR + GAP)
        length = max(2, round((WIDTH - LEFT - 90) * (row["rate"] / most) ** 0.5))
        kind = "ours" if name.startswith(OURS) else "theirs"
        bars.append(
            f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{length}" height="{BAR}"/>'
            f'<text x="{LEFT + length + 6}" y="{y + 14}">{row["rate"]:,.0f}</text>'
        )
    label = "Records a second of each part; bars grow with the square root"
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">{"".join(bars)}</svg>'


def render(found: Mapping[str, Any]) -> str:
    """The page."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(
            f'<td class="n">{"–" if row[what] is None else f"{row[what]:,.{digits}f}"}</td>'
            for what, digits in (("rate", 0), ("second_half", 0), ("cpu_own", 1), ("cpu_kafka", 1), ("cpu_postgres", 1))
        )
        + "</tr>"
        for name, row in found["parts"].items()
    )
    aims = ""
    for what, key, sense, aim in AIMS:
        value = found["ratios"][key]
        state = holds(value, sense, aim)
        shown = "–" if value is None else f"{value:.2f}"
        aims += (
            f'<tr><td>{escape(what)}</td><td class="n">{shown}</td><td>{sense} {aim:g}</td>'
            f'<td class="{state}">{state}</td></tr>'
        )
    machine = found["machine"]
    computer = (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, Python {machine['python']}"
    )
    notes = "".join(f"<li>{escape(each)}</li>" for each in (*found["missing"], *found["problems"]))
    topics = "; ".join(f"{n}: {t['records']:,} of {t['bytes_each']} bytes" for n, t in found["topics"].items())
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Shixian: the bench</title><style>{STYLE}</style>
<h1>Records a second</h1>
<p>{escape(computer)}. Medians of {found["sizes"]["runs"]}; {escape(topics)}. The peers do less than the stats service:
no reviews, no tallies, no record of changes, no dead letters.</p>
{chart(found["parts"])}
<h2>Aims</h2><table><tr><th>what<th>found<th>aim<th></tr>{aims}</table>
<h2>All parts</h2>
<table><tr><th>part<th>a second<th>second half<th>CPU µs own<th>broker<th>PostgreSQL</tr>{rows}</table>
{f"<h2>Missing, or wrong</h2><ul>{notes}</ul>" if notes else ""}
</html>
"""
