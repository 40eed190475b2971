"""The desk put together; the only place where its parts are wired."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.di import Provide
from prometheus_client import CollectorRegistry

from services.access.routes import needs_of
from services.desk.annual import Annual
from services.desk.apis import SERVICES, Apis
from services.desk.assets import icon, script, stylesheet
from services.desk.attention import Needing
from services.desk.audit import Audit
from services.desk.duties import Duties
from services.desk.login import Login
from services.desk.pages import Desk, answer_error, language
from services.desk.recording import Recording
from services.desk.refused import Refusals
from services.desk.register import Register
from services.desk.requests import Requests
from services.desk.sessions import Sessions
from services.runtime.door import Door
from services.runtime.guard import Guard
from services.runtime.health import Health
from services.runtime.main import Parts
from services.runtime.settings import Settings
from services.runtime.web import create_app, new_registry


@asynccontextmanager
async def build(settings: Settings, health: Health) -> AsyncIterator[Parts]:
    """The parts of a desk process, closed in the end."""
    registry = new_registry()
    door = Door(settings, health)
    sessions = Sessions(door, settings)
    has_accounts = door.mode == "accounts"
    if has_accounts:
        sessions.require_key()
    verify = ssl.create_default_context(cafile=settings.tls_cert) if settings.tls_cert else True
    bearer = sessions.bearer if has_accounts else lambda _: None
    apis = Apis({name: settings.api(name) for name in SERVICES}, health, bearer=bearer, verify=verify)
    # Where everyone on this machine is ``local``, there is no trail to tell.
    refused = Refusals(apis.tell) if door.mode != "local" else None
    who = sessions.who if has_accounts else None
    guard = Guard(door, needs_of("desk"), dict, None, who=who, own_pages=True, refused=refused)
    app = application(Desk(apis, sessions=sessions, refused=refused), health, registry, guard)
    tasks = {"apis": apis.watch} | ({"refusals": refused.run} if refused is not None else {})
    try:
        yield Parts(app, settings.desk_port, tasks=tasks)
    finally:
        await apis.close()


def application(desk: Desk, health: Health, registry: CollectorRegistry, guard: Guard | None = None) -> Litestar:
    """The desk's pages over what ``desk`` asks."""
    return create_app(
        "desk",
        [Requests, Recording, Register, Needing, Duties, Annual, Audit, Login, stylesheet, script, icon],
        health,
        registry,
        description="The pages for people, made from the public APIs of the other services.",
        answer=answer_error,
        guard=guard,
        also_asked=("format", "lang"),
        dependencies={
            "desk": Provide(lambda: desk, sync_to_thread=False),
            "lang": Provide(language, sync_to_thread=False),
        },
    )
