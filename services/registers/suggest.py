"""A first map for a register that no one has mapped yet: the shipped map that fits best, with this file's headers."""

import json
import re

from services.registers import cells as c
from services.registers.headers import Headers, best
from services.registers.headers import find as find_headers
from services.registers.map_file import RegisterMap, fields_for, shipped
from services.registers.tables import BadFile, Sheet, sheets

SHOWN = 100
"""Characters of a text from the file, and words of a kind, that are repeated."""


def suggest(name: str, content: bytes) -> str:
    """A map for the file, as TOML to be looked over by its owner. Raises ``BadFile`` where there are no headers."""
    tables = sheets(name, content)
    fits: list[tuple[Headers, RegisterMap]] = []
    for of in shipped().values():
        try:
            fits.append((find_headers(name, tables, of, whole=False), of))
        except BadFile:
            continue
    if not fits:
        raise BadFile(f"{name}: no header is one of the maps that ship; its first full row is {_first(tables)}")
    head, of = max(fits, key=lambda fit: (len(fit[0].at), -len(fit[1].columns)))
    parts = [sheet.name for sheet in tables if best(sheet, of).part(of)]
    return "\n".join(_lines(name, head, of, parts if len(parts) > 1 else [])) + "\n"


def _first(tables: list[Sheet]) -> str:
    full = [cells for sheet in tables for _, cells in sheet.rows if sum(bool(c.text(cell)) for cell in cells) > 1]
    return ", ".join(filter(None, map(c.text, full[0])))[:SHOWN] if full else "empty"


def _lines(name: str, head: Headers, of: RegisterMap, parts: list[str]) -> list[str]:
    read = {head.names[at] for at in head.at.values()}
    spare = [header for header in head.names if header and header not in read]
    missing = [column for column in of.columns if column not in head.at]
    lines = [
        f"# 由 shixian import --suggest 按 {_one_line(name)} 的表头写成，依据 {of.id}（{of.title.zh}）。请逐行核对。",
        f"# Suggested for {_one_line(name)} from its headers, after {of.id} ({of.title.en}). Check each line.",
        *(f"# 未读取的列 · column not read: {_one_line(header)}" for header in spare),
        *(f"# 没有的列 · no such column: {_one_line('、'.join(of.headers(column)))}" for column in missing),
        f"id = {_text(_id(name))}",
        f"title = {{ zh = {_text(of.title.zh)}, en = {_text(of.title.en)} }}",
        f"number = {_text(of.number)}",
        f"source = {_text(of.source)}",
        f"subject = {_text(of.subject)}",
        *(f"# sheet = {_text(sheet)} # 每次一张工作表 · one sheet at a time" for sheet in parts),
        "",
        "[given]",
        *(f"{key} = {_text(value)}" for key, value in of.given.items()),
        "",
        "[columns]",
    ]
    for column in of.columns:
        at = head.at.get(column)
        texts = [head.names[at]] if at is not None else list(of.headers(column))
        lines.append(f"{column} = {_texts(texts)}")
    for kind, table in of.values.items():
        lines += ["", f"[values.{kind}]", *(f"{_text(word)} = {_text(code)}" for word, code in table.items())]
        lines += [f'# {_text(word)} = "" # 待对应 · what is it?' for word in _unknown(head, of, kind)]
    return [*lines, *_facts(of)]


def _facts(of: RegisterMap) -> list[str]:
    lines: list[str] = []
    for fact in of.facts:
        lines += ["", "[[facts]]", f"type = {_text(fact.type)}"]
        lines += [f"key = {_text(fact.key)}"] if fact.key else []
        lines += [f"subject = {_text(fact.subject)}"] if fact.subject else []
        conditions = []
        for each in fact.when:
            parts = [f"column = {_text(each.column)}"]
            parts += [f"values = {_text(each.values)}"] if each.values else []
            parts += [f"is = {_texts(each.is_)}"] if each.is_ is not None else []
            parts += [f"is-not = {_texts(each.is_not)}"] if each.is_not is not None else []
            conditions.append(f"{{ {', '.join(parts)} }}")
        lines += [f"when = [{', '.join(conditions)}]"] if conditions else []
        lines += ["", "[facts.data]"]
        for field, source in fact.data.items():
            known = (
                ("column", source.column),
                ("given", source.given),
                ("text", source.text),
                ("values", source.values),
                ("optional", source.optional or None),
                ("not-before", source.not_before),
            )
            meanings = ", ".join(
                f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in known if value is not None
            )
            lines.append(f"{field} = {{ {meanings} }}")
    return lines


def _unknown(head: Headers, of: RegisterMap, kind: str) -> list[str]:
    """What stands in the columns of a kind of code and the map has no meaning for, each once."""
    known = {c.same(word) for word in of.values[kind]}
    places, conditions = set(), set()
    for fact in of.facts:
        for name, source in fact.data.items():
            if source.values == kind and source.column is not None and source.column in head.at:
                places.add(head.at[source.column])
                known |= set(fields_for(fact)[name].codes)
        for each in fact.when:
            if each.values == kind and each.column in head.at:
                places.add(head.at[each.column])
            conditions |= {c.same(word) for word in each.is_ or each.is_not or ()}
    words: dict[str, None] = {}
    for _, cells in head.body:
        for at in places:
            cell = cells[at] if at < len(cells) else None
            word = c.text(cell)
            if not c.empty(cell) and c.same(word) not in known | conditions:
                words[_one_line(word)] = None
    return list(words)[:SHOWN]


def _id(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", name.rpartition("/")[2].rpartition(".")[0].lower()).strip("-")
    return plain if re.match(r"[a-z]", plain) else f"register-{plain}".rstrip("-")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:SHOWN]


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _texts(values: tuple[str, ...] | list[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"
