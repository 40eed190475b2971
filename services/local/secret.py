"""The password of the embedded broker: made once, in the home, for this user alone."""

import os
import secrets
from pathlib import Path
from urllib.parse import quote

USER = "shixian"
FILE = "password"
"""In the broker's folder."""


def of(folder: Path) -> str:
    """The password of the broker in ``folder``, made if it is not there yet. Raises ``OSError``."""
    path = folder / FILE
    try:
        kept = path.read_text("ascii").strip()
    except FileNotFoundError:
        kept = ""
    if kept:
        return kept
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = secrets.token_urlsafe(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(f"{made}\n")
    return made


def url(password: str, port: int) -> str:
    """How clients reach the broker (``services.events.brokers``)."""
    return f"sasl_plaintext://{USER}:{quote(password, safe='')}@127.0.0.1:{port}?mechanism=PLAIN"
