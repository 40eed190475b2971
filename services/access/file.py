"""The access file: tokens and accounts, as JSON. All services read it; ``shixian token`` and ``user`` write it.

It holds hashes and no secret, but who has it can try passwords against it: it belongs to the services' user alone.
A Kubernetes secret can hold it. Two tokens of one system are valid side by side while one is exchanged for the other.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from services.access import tokens
from services.access.principal import Principal, Role, Scope, scopes_of


class BadFile(ValueError):
    """The access file can't be read as one; says where and what was expected."""


class Token(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A token as it is kept."""

    id: str
    name: str
    """What it is for, e.g. the system that has it; no name of a person."""
    hash: str
    scopes: tuple[Scope, ...]
    organs: tuple[str, ...] | None = None
    """None: all."""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class User(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A person's account, for installations without an OpenID provider."""

    account: str
    password: str
    """As argon2 writes it."""
    roles: tuple[Role, ...]
    organs: tuple[str, ...] | None = None


class Access(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, dict=True):
    """The file."""

    version: int = 1
    tokens: tuple[Token, ...] = ()
    users: tuple[User, ...] = ()

    @cached_property
    def by_id(self) -> dict[str, Token]:
        """The tokens by id."""
        return {token.id: token for token in self.tokens}

    @cached_property
    def by_account(self) -> dict[str, User]:
        """The people by account."""
        return {user.account: user for user in self.users}


def decode(raw: bytes) -> Access:
    """Read the file. Raises :class:`BadFile`."""
    try:
        access = msgspec.json.decode(raw, type=Access)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadFile(f"expected JSON with tokens and users: {error}") from None
    for kind, names in (("token", [t.id for t in access.tokens]), ("user", [u.account for u in access.users])):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise BadFile(f"{kind} {twice[0]!r} is there twice; expected each once")
    for token in access.tokens:
        if token.expires_at is not None and token.expires_at.tzinfo is None:
            raise BadFile(f"token {token.id!r}: expires_at has no time zone; expected an RFC 3339 instant")
        if not token.hash.startswith("sha256:"):
            raise BadFile(f"token {token.id!r}: expected a hash that begins with sha256:")
    return access


def encode(access: Access) -> bytes:
    """The file's text."""
    return msgspec.json.format(msgspec.json.encode(access), indent=2) + b"\n"


def check(access: Access, text: str, now: datetime) -> tuple[Principal | None, str]:
    """Who has the token ``text``; else why it is refused, in words that hold nothing of it."""
    id_ = tokens.id_of(text)
    if id_ is None:
        return None, "the token is none of this installation's"
    token = access.by_id.get(id_)
    if token is None or not tokens.fits(text, token.hash):
        return None, "the token is none of this installation's"
    if token.revoked_at is not None:
        return None, "the token was revoked"
    if tokens.is_over(token.expires_at, now):
        return None, "the token has expired"
    organs = None if token.organs is None else frozenset(token.organs)
    return Principal(account=f"token:{id_}", kind="token", scopes=frozenset(token.scopes), organs=organs), ""


def person(user: User) -> Principal:
    """The principal of a person with a local account."""
    return Principal(
        account=f"user:{user.account}",
        kind="person",
        scopes=scopes_of(user.roles),
        organs=None if user.organs is None else frozenset(user.organs),
        roles=user.roles,
    )


def differences(before: Access, after: Access) -> list[tuple[str, str]]:
    """What was changed, as the audit trail calls it, and which token or account it is about."""
    changes = [("token-created", f"token:{id_}") for id_ in after.by_id if id_ not in before.by_id]
    for id_, token in before.by_id.items():
        now = after.by_id.get(id_)
        if now is None or (now.revoked_at is not None and token.revoked_at is None):
            changes.append(("token-revoked", f"token:{id_}"))
        elif now != token:
            changes.append(("token-changed", f"token:{id_}"))
    accounts = sorted(before.by_account.keys() | after.by_account.keys())
    changed = [name for name in accounts if before.by_account.get(name) != after.by_account.get(name)]
    return changes + [("user-changed", f"user:{name}") for name in changed]


def with_token(access: Access, token: Token) -> Access:
    """The file with one token more."""
    return replace(access, tokens=(*access.tokens, token))


def revoked(access: Access, id_: str, now: datetime) -> Access:
    """The file with a token revoked. Raises ``KeyError`` for one that is not there."""
    if id_ not in access.by_id:
        raise KeyError(id_)
    kept: Sequence[Token] = [replace(t, revoked_at=t.revoked_at or now) if t.id == id_ else t for t in access.tokens]
    return replace(access, tokens=tuple(kept))


def with_user(access: Access, user: User) -> Access:
    """The file with a person's account, in place of the one of the same name."""
    others = tuple(u for u in access.users if u.account != user.account)
    return replace(access, users=(*others, user))


def without_user(access: Access, account: str) -> Access:
    """The file without an account. Raises ``KeyError`` for one that is not there."""
    if account not in access.by_account:
        raise KeyError(account)
    return replace(access, users=tuple(u for u in access.users if u.account != account))
