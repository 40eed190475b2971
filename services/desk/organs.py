"""What pages say of organs: their names, and their clocks."""

from collections.abc import Sequence
from typing import Any

from services.desk.apis import Apis
from services.runtime.paths import part
from services.runtime.problems import ProblemError

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
