"""``shixian due``: one due date explained for a person, or many cases as JSON lines."""

import os
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from rich import box
from rich.table import Table
from rich.text import Text

from services import samples
from services.commands.console import verbatim
from services.events.codec import decode_fact
from services.events.lines import unmarked
from services.events.office_facts import ItemData, ItemRegistered
from services.events.refusals import Refused
from services.runtime.clock import day_of
from services.statute.versions import statute_ids
from services.tracker.core import preview

SHOWN = 5
"""Codes of items that a refusal names."""


class Wrong(ValueError):
    """What was asked can't be answered; says which option and what was expected."""


def many(lines: BinaryIO, out: BinaryIO) -> None:
    """Answer each line of ``lines``; a bad one gives ``{"error"}`` and the next is answered all the same."""
    for answer in preview.answers(unmarked(lines)):
        out.write(answer + b"\n")
    out.flush()


def item_named(code: str, file: Path | None) -> ItemData:
    """A service item of a file of facts (the sample's where there is none). Raises :class:`Wrong`."""
    items: dict[str, ItemData] = {}
    try:
        lines = list(samples.items()) if file is None else file.read_bytes().splitlines()
        for number, line in enumerate(unmarked(lines), 1):  # noqa: B007 - a refusal names it
            fact = decode_fact(line) if line.strip() else None
            if isinstance(fact, ItemRegistered):
                items[fact.data.code] = fact.data
    except OSError as error:
        raise Wrong(f"--items: {file}: {error.strerror}") from None
    except Refused as refused:
        raise Wrong(f"--items: line {number}: {refused}") from None
    if code not in items:
        known = ", ".join(list(items)[:SHOWN]) + ("…" if len(items) > SHOWN else "")
        raise Wrong(f"--item: expected one of {known or 'none'} (--items names another file), got {code!r}")
    return items[code]


def one(
    statute: str,
    received: str,
    channel: str,
    as_of: str,
    each_day: bool = False,
    known_on: str = "",
    item: ItemData | None = None,
) -> dict[str, Any]:
    """The answer for a request received that day. Raises :class:`Wrong`."""
    if statute not in statute_ids():
        raise Wrong(f"--statute: expected one of {', '.join(statute_ids())}, got {statute!r}")
    received_on = _date("--received", received)
    data: dict[str, Any] = {
        "organ": "-",
        "channel": channel,
        "applicant": "natural-person",
        "submitted_on": received_on,
        "received_on": received_on,
        "confirmed_on": received_on,
    }
    case: dict[str, Any] = {
        "statute": statute,
        "facts": [{"type": "request-received", "data": data}],
        "as_of": _date("--as-of", as_of) if as_of else date.today(),  # noqa: DTZ011  # this machine's day is meant
    }
    if known_on:
        case["known_on"] = _date("--known-on", known_on)
    if item is not None:
        if item.statute != statute:
            raise Wrong(f"--statute: expected {item.statute}, the law of the item {item.code}, got {statute!r}")
        case["item"], data["item"] = item, item.code
    try:
        answer = preview.answer(msgspec.json.encode(case), each_day=each_day)
    except Refused as refused:
        option = {"$.facts[0].data.channel": "--channel", "$.facts[0].data.submitted_on": "--received"}
        where = option.get(refused.error.field, refused.error.field)
        raise Wrong(f"{where}: {refused.error.problem}; expected {refused.error.expected}") from None
    fields: dict[str, Any] = msgspec.json.decode(answer)
    return fields


def _date(option: str, text: str) -> date:
    try:
        return day_of(text)
    except ValueError:
        raise Wrong(f"{option}: expected a date YYYY-MM-DD that exists, got {text!r}") from None


def show(answer: dict[str, Any]) -> None:
    """The answer for a person on the terminal, in the language of the terminal's locale."""
    locale = next((v for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := os.environ.get(name))), "")
    lang = "zh" if locale.startswith("zh") else "en"
    console = verbatim()
    unsure = "（暂定 provisional）" if answer["provisional"] else ""
    due = (answer["due_on"] or "—", "bold")
    console.print(Text.assemble("期限最后一日 due on  ", due, f" {unsure}  {answer['status']}"))
    if "committed_due_on" in answer:
        console.print(Text.assemble("承诺时限最后一日 promised by  ", (answer["committed_due_on"] or "—", "bold")))
    table = Table(box=box.SIMPLE, padding=(0, 1))
    for title, options in (("自 from", {}), ("至 to", {}), ("计入 days", {"justify": "right"})):
        table.add_column(title, no_wrap=True, **options)  # type: ignore[arg-type]  # justify is a literal
    table.add_column("说明 account", overflow="fold", ratio=1)
    for line in answer["explanation"]:
        text, article = line["text"][lang], line["article"]
        basis = ("\n" + article, "dim") if article and article not in text else ""
        days = str(line["days"]) if line["days"] else ""
        table.add_row(line["from"] or "", line["to"] or "", days, Text.assemble(text, basis))
    console.print(table)
