"""Alert rules as data: one shape for all, so that none lacks a severity, a summary, a description or a runbook."""

from collections.abc import Mapping
from typing import Any

from services.ops.config import Config

Rule = Mapping[str, Any]
OFFICERS, OPERATORS = "officers", "operators"


def alert(
    config: Config,
    name: str,
    expr: str,
    *,
    severity: str,
    audience: str,
    symptom: str,
    summary: str,
    description: str,
    for_: str,
    keep_for: str = "",
    link: str = "",
    chinese: tuple[str, str] | None = None,
    **annotations: str,
) -> Rule:
    """One alert. ``symptom`` names what a forecast and its breach share; ``summary`` is constant, ``description`` a
    template; ``chinese`` says both in Chinese, for officers; ``link`` leads to what is to be done; ``annotations`` are
    single values for receivers that are programs.
    """
    rule: dict[str, Any] = {"alert": name, "expr": expr, "for": for_}
    if keep_for:
        rule["keep_firing_for"] = keep_for
    rule["labels"] = {"severity": severity, "audience": audience, "symptom": symptom}
    rule["annotations"] = {"summary": summary, "description": description, **annotations}
    if chinese is not None:
        rule["annotations"]["summary_zh"], rule["annotations"]["description_zh"] = chinese
    if link:
        rule["annotations"]["link"] = link
    rule["annotations"]["runbook_url"] = f"{config.runbooks_url}/{name}.md"
    return rule


def group(name: str, config: Config, rules: list[Rule]) -> dict[str, Any]:
    """A rule file of one group."""
    return {"groups": [{"name": f"shixian-{name}", "interval": config.evaluate, "rules": rules}]}


def first_label(query: str, label: str, *, in_path: bool = False) -> str:
    """A template: the value of ``label`` of the first series of ``query`` (``%s`` in it: the alert's organ).

    ``in_path``: quoted for the path of a URL, where a space is no plus.
    """
    quoted = ' | urlquery | reReplaceAll "[+]" "%20"' if in_path else ""
    shown = f'. | first | label "{label}"{quoted}'
    return f'{{{{ with printf "{query}" $labels.organ | query }}}}{{{{ {shown} }}}}{{{{ end }}}}'


def first_value(query: str, shown: str = "") -> str:
    """A template: the value of the first series of ``query``, put through the function ``shown`` if given."""
    pipe = f" | {shown}" if shown else ""
    return f'{{{{ with printf "{query}" $labels.organ | query }}}}{{{{ . | first | value{pipe} }}}}{{{{ end }}}}'
