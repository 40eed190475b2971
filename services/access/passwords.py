"""People's passwords: argon2id, as RFC 9106 recommends it; what is too short or the account itself is refused."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
"""Characters (NIST SP 800-63B asks for eight with a second factor, and for fifteen where there is none)."""
LONGEST = 200
"""Nobody's password is longer, and hashing takes its time."""

_hasher = PasswordHasher()
_NOBODYS = _hasher.hash("nobody has this password")


class WeakPassword(ValueError):
    """A password that is not taken; says why."""


def hashed(account: str, password: str) -> str:
    """What is kept of a password. Raises :class:`WeakPassword`."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(f"expected {SHORTEST} to {LONGEST} characters, got {len(password)}")
    if account.lower() in password.lower():
        raise WeakPassword("expected a password without the account's name in it")
    if len(set(password)) < 5:
        raise WeakPassword("expected at least 5 different characters")
    return _hasher.hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Whether a password is the one whose hash is kept; takes as long where there is no such account (None)."""
    try:
        _hasher.verify(kept or _NOBODYS, password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None
