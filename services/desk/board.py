"""What the board says in words: the counted views, the days that are left, the organs as a tree."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from services.desk.apis import Apis
from services.desk.board_words import STOPPED_WORDS
from services.desk.rendering import say_in
from services.desk.words import STATUS_WORDS, WORDS
from services.events.names import NAMES
from services.events.vocabulary import Label
from services.runtime.languages import Lang
from services.runtime.problems import ProblemError


class Tile(NamedTuple):
    """A counted view of the board: its word, its number, where it stands, whether it is bad news."""

    word: str
    number: int
    href: Mapping[str, str]
    """The query of the board that lists it."""
    is_late: bool = False
    path: str = "/"


def tiles(counts: Mapping[str, Any], organ: str) -> list[Tile]:
    """The board's views in the order of a morning. Each number is that of the list behind it: what is expected by
    transfer stands among what needs a person, too."""
    expected = counts["attention_by_kind"].get("expected", 0)
    week = {"status": "open", "due_through": counts["week_ends"]}
    listed = [
        Tile("overdue", counts["overdue"], {"status": "overdue"}, is_late=True),
        Tile("due_today", counts["due_today"], {"status": "due-today"}),
        Tile("this_week", counts["this_week"], week),
        Tile("waiting_for_someone", counts["waits_for_someone"], {"status": "waits-for-someone"}),
        Tile("receipt_unconfirmed", counts["unconfirmed"], {"status": "unconfirmed"}),
        Tile("attention", counts["attention"], {}, path="/attention"),
        Tile("expected", expected, {"kind": "expected"}, path="/attention"),
        Tile("duties", counts["duties"], {}, is_late=bool(counts["duties_overdue"]), path="/duties"),
    ]
    return [tile._replace(href={**tile.href, **({"organ": organ} if organ else {})}) for tile in listed]


def left(item: Mapping[str, Any], lang: Lang) -> str:
    """The days that are left, in words; empty where nothing runs."""
    days = item.get("days_left")
    if days is None:
        return ""
    if days < 0:
        return say_in(lang, "days_late_one" if days == -1 else "days_late").format(n=-days)
    return say_in(lang, "days_left_0" if days == 0 else "days_left_one" if days == 1 else "days_left").format(n=days)


def on_paper(status: str, given: Mapping[str, str], names: Mapping[str, Mapping[str, str]], lang: Lang) -> list[str]:
    """What a printed list is of: on paper there is no form that shows it."""
    found = [say_in(lang, STATUS_WORDS[status]) if status in STATUS_WORDS else status or say_in(lang, "all")]
    for name, word in (
        *(("organ", "organ"), ("unit", "office_unit"), ("item", "item"), ("channel", "channel")),
        *(("stopped_for", "stopped_for"), ("due_from", "due_from"), ("due_through", "due_through")),
        *(("number", "number"), ("order", "sort")),
    ):
        if value := given.get(name):
            known = _OWN_WORDS.get(name, {}).get(value) or names.get(value) or NAMES.get(value)
            found.append(f"{say_in(lang, word)} {say_in(lang, known) if known else value}")
    return found


_OWN_WORDS: Mapping[str, Mapping[str, Label]] = {
    "stopped_for": STOPPED_WORDS,
    "order": {"latest": WORDS["sort_latest"]},
}
"""By the filter, what its codes are called where they are no organ's nor the contract's."""


class Branch(NamedTuple):
    """An organ in the picker."""

    code: str
    name: Mapping[str, str]
    depth: int
    has_children: bool


def tree(organs: Sequence[Mapping[str, Any]]) -> list[Branch]:
    """The organs, each followed by those under it, by name; one whose parent is not among them stands at the top."""
    known = {one["code"]: one for one in organs}
    under: dict[str | None, list[Mapping[str, Any]]] = {}
    for one in organs:
        parent = one.get("parent")
        under.setdefault(parent if parent in known else None, []).append(one)
    found: list[Branch] = []
    seen: set[str] = set()

    def walk(parent: str | None, depth: int) -> None:
        for one in sorted(under.get(parent, ()), key=lambda each: str(each["name"]["zh"])):
            code = one["code"]
            if code not in seen:
                seen.add(code)
                found.append(Branch(code, one["name"], depth, code in under))
                walk(code, depth + 1)

    walk(None, 0)
    # Organs that are one another's parents stand under none.
    found += [Branch(one["code"], one["name"], 0, False) for code, one in sorted(known.items()) if code not in seen]
    return found


async def counted(apis: Apis, query: dict[str, str]) -> Any | None:
    """What needs doing, counted; None while the tracker has not counted yet."""
    try:
        return await apis.ask("tracker", "/v1/counts", query)
    except ProblemError as error:
        if error.status == 503 and "counted" in error.detail:
            return None
        raise
