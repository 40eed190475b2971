"""What is said once intake has taken a fact. Nothing that fails after that may look as if the fact had not been taken:
somebody would enter it a second time."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from litestar import Request, Response

from services.desk import forms
from services.desk.apis import Apis
from services.desk.pages import Desk
from services.desk.rendering import query
from services.runtime.languages import Lang
from services.runtime.paths import part
from services.runtime.problems import ProblemError

APPLIED_SECONDS = 5.0
"""How long a page waits for the tracker, so that it shows what was entered."""
LOOK_SECONDS = 0.1


class Taken(NamedTuple):
    """What a request's page is told of the fact that was entered just now; nothing where none was."""

    name: str = ""
    id: str = ""

    @classmethod
    def of(cls, name: str, id_: str) -> "Taken":
        """As the address says it; what no form of this desk leads to is nothing."""
        is_ours = name in forms.FORMS or name == forms.CORRECTION
        return cls(name, id_ if forms.is_id(id_) else "") if is_ours else cls()


def page_of(subject: str, name: str, fact: Mapping[str, Any], lang: Lang) -> str:
    """Where a request's page says that a fact was entered."""
    return f"/requests/{part(subject)}?{query(lang=lang, recorded=name, fact=fact['id'])}"


async def is_worked_out(apis: Apis, id_: str) -> bool:
    """Whether the tracker has decided a fact that was entered here. Not while it can't say so, for whatever reason:
    the fact is taken all the same."""
    try:
        there = await apis.ask_if_there("tracker", "/v1/facts", {"source": forms.SOURCE, "id": id_})
    except ProblemError:
        return False
    return there is not None and there["status"] != "in-the-log"


async def applied(apis: Apis, id_: str) -> None:
    """Wait a moment until the tracker has decided the fact; it may take longer, and nothing is lost by that."""
    try:
        async with asyncio.timeout(APPLIED_SECONDS):
            while True:
                if await is_worked_out(apis, id_):
                    return
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        return  # the request's page says that it is not worked out yet


async def without_its_page(
    request: Request[Any, Any, Any], desk: Desk, lang: Lang, subject: str, taken: Taken
) -> Response[bytes]:
    """What stands in place of a request's page that can't be shown yet: the fact is entered."""
    return await desk.page("taken.html", request, lang, subject=subject, recorded=taken.name)
