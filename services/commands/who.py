"""Who the commands are when they call the services: the token that is set, else this installation's own word for it."""

from datetime import UTC, datetime, timedelta

from services.access import signed
from services.access.file import BadFile
from services.access.principal import Principal, scopes_of
from services.access.signed import Keys
from services.runtime.settings import Settings

LIVES = timedelta(minutes=30)
"""A file of facts may take its time."""
KEEPER = Principal(account="local", kind="person", scopes=scopes_of(["admin"]), roles=("admin",))
"""Whoever can read the installation's key could sign anything with it, so nothing is given away."""


def headers(settings: Settings) -> dict[str, str]:
    """What a command's calls carry; nothing where there are no accounts."""
    if settings.token:
        return {"authorization": f"Bearer {settings.token}"}
    if not settings.has_accounts:
        return {}
    try:
        keys = Keys.read(settings.desk_key_file.read_bytes())
    except (OSError, BadFile):
        return {}  # the service says what it lacks
    if not keys.can_sign:
        return {}
    text = keys.sign(signed.of_person(KEEPER), signed.API, datetime.now(UTC), LIVES)
    return {"authorization": f"Bearer {text}"}
