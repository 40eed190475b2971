"""The audit trail as a page, for auditors."""

from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from services.desk.pages import Desk
from services.runtime.languages import Lang

SHOWN = 100


class Audit(Controller):
    """The page of the audit trail."""

    include_in_schema = False

    @get("/audit-trail")
    async def page(
        self,
        request: Request[Any, Any, Any],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
        before: FromQuery[int | None] = None,
    ) -> Response[bytes]:
        """The latest records, the latest first."""
        found = await desk.apis.ask("intake", "/v1/audit-trail", {"limit": SHOWN, "before": before})
        return await desk.page("audit.html", request, lang, found=found, records=list(reversed(found["records"])))
