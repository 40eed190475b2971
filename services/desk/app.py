"""The desk put together; the only place where its parts are wired."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.di import Provide
from prometheus_client import CollectorRegistry

from services.desk.annual import Annual
from services.desk.apis import SERVICES, Apis
from services.desk.assets import icon, stylesheet
from services.desk.attention import Needing
from services.desk.pages import Desk, answer_error, language
from services.desk.requests import Requests
from services.runtime.health import Health
from services.runtime.main import Parts
from services.runtime.settings import Settings
from services.runtime.web import create_app, new_registry


@asynccontextmanager
async def build(settings: Settings, health: Health) -> AsyncIterator[Parts]:
    """The parts of a desk process, closed in the end."""
    registry = new_registry()
    apis = Apis({name: settings.api(name) for name in SERVICES}, health)
    try:
        yield Parts(application(Desk(apis), health, registry), settings.desk_port, tasks={"apis": apis.watch})
    finally:
        await apis.close()


def application(desk: Desk, health: Health, registry: CollectorRegistry) -> Litestar:
    """The desk's pages over what ``desk`` asks."""
    return create_app(
        "desk",
        [Requests, Needing, Annual, stylesheet, icon],
        health,
        registry,
        description="The pages for people, made from the public APIs of the other services.",
        answer=answer_error,
        also_asked=("format", "lang"),
        dependencies={
            "desk": Provide(lambda: desk, sync_to_thread=False),
            "lang": Provide(language, sync_to_thread=False),
        },
    )
