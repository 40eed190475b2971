"""What the desk signs with the installation's key: a person's token for the APIs, and the cookie of her session.

The key is a file (a JWK set, Ed25519) that the desk has whole and the other services need only for checking: there it
may hold the public half alone. The first key signs, every key in it is believed: a new one is put first, and the
old one taken out when what it signed is over (``shixian desk-key``).
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from services.access.file import BadFile
from services.access.principal import Kind, Principal, Role, scopes_of

ISSUER = "urn:shixian:desk"
API = "urn:shixian:api"
"""The audience of a token for the APIs."""
SESSION = "urn:shixian:session"
"""The audience of a session's cookie."""
TOKEN_TIME = timedelta(minutes=2)
"""A token is made for a call, and must only outlive it."""
LEEWAY_SECONDS = 10
"""By which the clocks of two machines may differ."""
ALGORITHM = "Ed25519"
KEPT_KEYS = 2
SERVICES: Mapping[str, frozenset[str]] = {"desk": frozenset({"audit:write"}), "prometheus": frozenset({"metrics:read"})}
"""What the parts of an installation may do by themselves."""


class BadToken(ValueError):
    """A signed token that is not to be believed; says why, in words that hold nothing of it."""


class Keys:
    """The installation's keys."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    @classmethod
    def read(cls, text: bytes) -> "Keys":
        """Keys from their file. Raises :class:`BadFile`."""
        try:
            key_set = KeySet.import_key_set(json.loads(text))
        except (ValueError, KeyError, TypeError, JoseError) as error:
            raise BadFile(f"expected a JWK set, as `shixian desk-key` writes it ({type(error).__name__})") from None
        if not all(isinstance(key, OKPKey) for key in key_set.keys):
            raise BadFile("expected Ed25519 keys only, as `shixian desk-key` writes them")
        return cls(key_set)

    @classmethod
    def new(cls, old: "Keys | None" = None) -> "Keys":
        """A fresh key, and the latest of the old ones behind it."""
        kept = old._keys.keys[: KEPT_KEYS - 1] if old is not None else []
        return cls(KeySet([OKPKey.generate_key("Ed25519"), *kept]))

    def text(self, *, private: bool = True) -> bytes:
        """The file's text; without ``private`` the public half."""
        return json.dumps(self._keys.as_dict(private=private), indent=2).encode() + b"\n"

    @property
    def can_sign(self) -> bool:
        """Whether the first key has its private half."""
        return bool(self._keys.keys[0].is_private)

    def digest(self, text: str) -> str:
        """What stands for a text that must not be shown: whoever lacks the key can't try texts against it."""
        secret = str(self._keys.keys[0].as_dict(private=True)["d"])
        return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()[:16]

    def sign(self, claims: Mapping[str, Any], audience: str, now: datetime, lives: timedelta) -> str:
        """Claims as a signed token."""
        key = self._keys.keys[0]
        key.ensure_kid()
        times = {"iat": int(now.timestamp()), "exp": int((now + lives).timestamp())}
        whole = {"iss": ISSUER, "aud": audience, **claims, **times}
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, whole, key, algorithms=[ALGORITHM])

    def claims(self, text: str, audience: str, now: datetime) -> dict[str, Any]:
        """What a token says. Raises :class:`BadToken`."""
        return verified(text, self._keys, (ALGORITHM,), ISSUER, audience, now)


def verified(
    text: str, keys: KeySet, algorithms: tuple[str, ...], issuer: str, audience: str, now: datetime
) -> dict[str, Any]:
    """The claims of a JWT whose signature, issuer, audience and times are right. Raises :class:`BadToken`."""
    try:
        token = jwt.decode(text, keys, algorithms=list(algorithms))
    except (JoseError, ValueError, TypeError, KeyError):
        raise BadToken("the token's signature is none that is believed here") from None
    checks = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
        sub={"essential": True},
    )
    try:
        checks.validate(token.claims)
    except JoseError as error:
        name = getattr(error, "claim", "") or ""
        words = {"ExpiredTokenError": "the token has expired", "InvalidTokenError": "the token is not valid yet"}
        reason = words.get(type(error).__name__, f"the token's claim {name!r} is not what it should be")
        raise BadToken(reason) from None
    return dict(token.claims)


def of_person(principal: Principal) -> dict[str, Any]:
    """The claims that say who a person (or the desk itself) is."""
    organs = None if principal.organs is None else sorted(principal.organs)
    return {"sub": principal.account, "kind": principal.kind, "roles": list(principal.roles), "organs": organs}


def principal_of(claims: Mapping[str, Any]) -> Principal:
    """The principal that the desk's claims name. Raises :class:`BadToken`."""
    account, roles, organs = claims.get("sub"), claims.get("roles"), claims.get("organs")
    kinds: dict[str, Kind] = {"person": "person", "local": "local", "service": "service"}
    kind = kinds.get(str(claims.get("kind")))
    if kind is None or not isinstance(account, str) or not _texts(roles) or not (organs is None or _texts(organs)):
        raise BadToken("the token does not say who it is for")
    assert isinstance(roles, list)
    scopes = SERVICES.get(account, frozenset()) if kind == "service" else scopes_of(roles)
    return Principal(
        account=account,
        kind=kind,
        scopes=scopes,
        organs=None if organs is None else frozenset(organs),
        roles=tuple(roles),
    )


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


__all__ = ["API", "ISSUER", "SESSION", "BadToken", "Keys", "Role", "of_person", "principal_of", "verified"]
