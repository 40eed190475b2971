"""Who calls, and what they may do: a principal with scopes and organs; what each role of a person stands for."""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from msgspec import Struct

Scope = Literal[
    "facts:write", "requests:read", "reports:read", "reports:publish", "metrics:read", "audit:read", "admin"
]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""What a token can be given. ``admin`` stands for all of them, and registers organs, units, items and calendars."""

OF_ALL: frozenset[str] = frozenset({"metrics:read", "audit:read", "admin"})
"""What is about all organs together, and so is nothing for whoever is limited to some: figures of a service, the trail
of every account, the registration of organs and calendars that others count on."""

Role = Literal["officer", "supervisor", "publisher", "auditor", "admin"]
ROLES: dict[Role, frozenset[Scope]] = {
    "officer": frozenset({"facts:write", "requests:read", "reports:read"}),
    "supervisor": frozenset({"requests:read", "reports:read"}),
    "publisher": frozenset({"requests:read", "reports:read", "reports:publish"}),
    "auditor": frozenset({"audit:read"}),
    "admin": frozenset({"admin"}),
}
"""What a person may do, by role; with several, all of it."""

Kind = Literal["local", "token", "person", "provider", "service"]


class Principal(Struct, frozen=True, kw_only=True):
    """Who makes a call. ``account`` is what the log and the audit trail name; it holds no name of a person."""

    account: str
    kind: Kind
    scopes: frozenset[str]
    organs: frozenset[str] | None = None
    """The organs that it may speak for, and whose data (and their children's) it may read; None: all."""
    roles: tuple[str, ...] = ()

    def may(self, scope: str) -> bool:
        """Whether it has the scope; :data:`OF_ALL` need every organ. ``admin`` stands for those that can be given."""
        if self.organs is not None and scope in OF_ALL:
            return False
        return scope in self.scopes or ("admin" in self.scopes and scope in SCOPES)

    def speaks_for(self, organ: str) -> bool:
        """Whether it may post what is the organ's. A parent does not speak for its children."""
        return self.organs is None or organ in self.organs

    def reads(self, organ: str, parents: Mapping[str, str | None]) -> bool:
        """Whether it may read what is the organ's: its own, and that of the organs under its own. ``parents`` gives
        each registered organ's parent."""
        if self.organs is None:
            return True
        seen: set[str] = set()
        at: str | None = organ
        while at is not None and at not in seen:
            if at in self.organs:
                return True
            seen.add(at)
            at = parents.get(at)
        return False

    def readable(self, parents: Mapping[str, str | None]) -> frozenset[str] | None:
        """All organs that it may read, registered or not; None: all there are."""
        if self.organs is None:
            return None
        return self.organs | {organ for organ in parents if self.reads(organ, parents)}


LOCAL = Principal(account="local", kind="local", scopes=frozenset({*SCOPES, "audit:write"}))
"""The one principal of an installation without accounts."""


def scopes_of(roles: Iterable[str]) -> frozenset[str]:
    """What the roles may do together; a name that is no role adds nothing."""
    return frozenset[str]().union(*(ROLES[role] for role in ROLES if role in set(roles)))
