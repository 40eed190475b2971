"""An OpenID provider's words: a JWT as bearer of a system or a person, and the claims about a person who logs in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from joserfc.jwk import KeySet
from msgspec import Struct

from services.access.principal import ROLES, SCOPES, Principal, scopes_of
from services.access.signed import verified

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Signatures with two keys only: a provider's public key must never be taken for a shared secret."""
EVERY_ORGAN = "*"


class Provider(Struct, frozen=True, kw_only=True):
    """What is expected of the provider's tokens."""

    issuer: str
    audience: str
    """Of access tokens, at the APIs."""
    roles_claim: str = "roles"
    organs_claim: str = "organs"


def bearer(provider: Provider, text: str, keys: KeySet, now: datetime) -> Principal:
    """Who has a JWT of the provider's. Raises :class:`~services.access.signed.BadToken`."""
    return principal_of(provider, verified(text, keys, ALGORITHMS, provider.issuer, provider.audience, now))


def principal_of(provider: Provider, claims: Mapping[str, Any]) -> Principal:
    """Who the claims speak of: scopes by ``scope``, roles and organs by their claims.

    An organ is read from a claim and never assumed: without one the principal has none, and :data:`EVERY_ORGAN` among
    them stands for all.
    """
    roles = tuple(role for role in _words(claims.get(provider.roles_claim)) if role in ROLES)
    given = frozenset(_words(claims.get("scope")) or _words(claims.get("scp")))
    organs = frozenset(_words(claims.get(provider.organs_claim)))
    return Principal(
        account=f"oidc:{claims.get('sub', '')}",
        kind="person" if roles else "provider",
        scopes=scopes_of(roles) | (given & frozenset(SCOPES)),
        organs=None if EVERY_ORGAN in organs else organs,
        roles=roles,
    )


def _words(value: object) -> list[str]:
    """A claim that is a list of texts, or one text with spaces between its words (RFC 8693, 4.2)."""
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list):
        return [one for one in value if isinstance(one, str)]
    return []
