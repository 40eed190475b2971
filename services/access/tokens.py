"""Bearer tokens: random, shown once, kept as a hash.

A token is ``shx_<id>_<secret>``. The id finds its entry and may be shown; the secret has 256 random bits, so that a
plain SHA-256 of it can't be searched: a slow hash helps passwords that people choose, and would cost each call 50 ms.
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime

PREFIX = "shx"
ID = re.compile(r"[a-z2-7]{10}")
_TOKEN = re.compile(r"shx_([a-z2-7]{10})_([A-Za-z0-9_-]{43})")
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def new() -> tuple[str, str, str]:
    """A new token: its id, its text, and the hash that is kept."""
    id_ = "".join(secrets.choice(_LETTERS) for _ in range(10))
    text = f"{PREFIX}_{id_}_{secrets.token_urlsafe(32)}"
    return id_, text, hashed(text)


def hashed(text: str) -> str:
    """What is kept of a token."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def id_of(text: str) -> str | None:
    """The id within a token; None for what is no token of ours."""
    match = _TOKEN.fullmatch(text)
    return match[1] if match else None


def fits(text: str, kept: str) -> bool:
    """Whether a token is the one whose hash is kept, in a time that does not depend on where they differ."""
    return hmac.compare_digest(hashed(text).encode(), kept.encode())


def is_over(expires_at: datetime | None, now: datetime) -> bool:
    """Whether a token that expires then has expired."""
    return expires_at is not None and now >= expires_at
