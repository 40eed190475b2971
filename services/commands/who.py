"""Who the commands are when they call the services: the token that is set, else this installation's own word for it."""

from datetime import UTC, datetime, timedelta

from services.access import signed
from services.access.file import BadFile
from services.access.principal import Principal, scopes_of
from services.access.signed import SERVICES, Keys
from services.runtime.failed import Failed
from services.runtime.settings import Settings

LIVES = timedelta(minutes=30)
"""A file of facts may take its time."""
KEEPER = Principal(account="local", kind="person", scopes=scopes_of(["admin"]), roles=("admin",))
"""Whoever can read the installation's key could sign anything with it, so nothing is given away."""


PROMETHEUS = Principal(account="prometheus", kind="service", scopes=SERVICES["prometheus"])
WATCHES = timedelta(days=366)
"""`shixian up` makes the token of its Prometheus anew at each start; it reads metrics and nothing else."""


def of_prometheus(settings: Settings) -> str:
    """The token of the Prometheus beside the services. Raises ``Failed`` where there is no key to sign it with."""
    try:
        keys = Keys.read(settings.desk_key_file.read_bytes())
    except (OSError, BadFile) as error:
        raise Failed(f"{settings.desk_key_file}: {error}; `shixian desk-key` makes it") from error
    if not keys.can_sign:
        raise Failed(f"{settings.desk_key_file}: expected the key's both halves; Prometheus gets a token from it")
    return keys.sign(signed.of_person(PROMETHEUS), signed.API, datetime.now(UTC), WATCHES)


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
