"""What pages say of organs: their names and their clocks, and how one is chosen among few or among thousands."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from services.desk.apis import Apis
from services.desk.board import Branch, tree
from services.runtime.paths import part
from services.runtime.problems import ProblemError

OFFERED = 500
"""Organs to choose from in a list; of more, one is found by a part of its name."""
LOOKED, MATCHES = 1000, 30
"""How many with it are looked at, since one may be called just so; and how many are shown to choose from."""
CODES_ASKED = 4000
"""Bytes of codes in one question: a URL has its limit."""


async def named(apis: Apis, codes: Sequence[str]) -> dict[str, Any]:
    """The registered ones of these organs, in as few questions as a URL's length allows."""
    lots: list[list[str]] = []
    room = 0
    for code in sorted({code for code in codes if code}):
        size = len(part(code)) + len("&code=")
        if size > room:
            lots.append([])
            room = CODES_ASKED
        lots[-1].append(code)
        room -= size
    asked: list[dict[str, str | int | Sequence[str]]] = [
        {"code": lot, "missing": "skip", "limit": 1000} for lot in lots
    ]
    answers = [await apis.ask("tracker", "/v1/organs", one) for one in asked]
    return {one["code"]: one for answer in answers for one in answer["organs"]}


async def named_if_there(apis: Apis, code: str) -> Any | None:
    """One organ; None where it is not registered, or where the tracker, which knows them, is away."""
    try:
        return (await named(apis, [code])).get(code)
    except ProblemError as error:
        if error.status != 503:
            raise
        return None


class Picked(NamedTuple):
    """The organ that a list is narrowed to, and the others that may be chosen instead."""

    organ: str
    """Its code; empty: none."""
    known: dict[str, Any]
    """Organs by code: all where they are few, else those that the page names by itself."""
    timezone: str | None
    """The zone that all have in common, if they have."""
    offered: Sequence[Branch]
    """All of them; empty where they are many."""
    sought: str = ""
    found: Sequence[Any] = ()
    """Those with what was sought in their name or code, more than one."""
    under: Sequence[Any] = ()
    """Those right under the chosen one, where the organs are many."""

    @property
    def zone(self) -> str | None:
        """The zone of the chosen one, or of all."""
        return self.known[self.organ]["timezone"] if self.organ in self.known else self.timezone

    async def names(self, apis: Apis, codes: Sequence[str]) -> dict[str, Any]:
        """The registered ones of these organs, by code."""
        missing = [code for code in codes if code not in self.known]
        return self.known | (await named(apis, missing) if missing and not self.offered else {})


async def picked(apis: Apis, organ: str | None, sought: str) -> Picked:
    """What a list is narrowed to: an organ by its code, or (where they are many) by what only one has in its name."""
    offered = await apis.ask("tracker", "/v1/organs", {"limit": OFFERED})
    if offered["total"] <= OFFERED:
        known = {one["code"]: one for one in offered["organs"]}
        return Picked(organ or "", known, offered["timezone"], tree(offered["organs"]))
    found = await by_name(apis, sought) if sought.strip() else []
    code = found[0]["code"] if len(found) == 1 else organ or ""
    known = {one["code"]: one for one in found} or await named(apis, [code])
    under: Mapping[str, Any] = {"organs": ()}
    if code in known:
        under = await apis.ask("tracker", "/v1/organs", {"parent": code, "limit": MATCHES})
    more = found if len(found) > 1 else ()
    return Picked(code, known, offered["timezone"], (), sought.strip(), more, under["organs"])


async def by_name(apis: Apis, sought: str) -> list[Any]:
    """The organs with this in their name or code, or the one whose code or name it is."""
    answer = await apis.ask("tracker", "/v1/organs", {"q": sought, "limit": LOOKED})
    found: list[Any] = answer["organs"]
    wanted = sought.strip()
    exactly = [one for one in found if wanted in (one["code"], one["name"]["zh"], one["name"]["en"])]
    return exactly if len(exactly) == 1 else found[:MATCHES]
