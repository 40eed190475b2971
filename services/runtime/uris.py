"""Addresses in settings, looked at before a library does: its complaint would show what it took for a port or a host.

An unescaped slash in a password ends the host, and the rest of the password is quoted as a bad port. So what can't be
read is refused here, in words that show nothing of it.
"""

import re

_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(\[[0-9A-Za-z:.%]+\]|[^\[\]:@]*)(:\d{1,5})?")
_UNSAFE = re.compile(r"[#\s\\\x00-\x1f\x7f]")
_ENCODE = "percent-encode what user and password hold: / is %2F, @ is %40, # is %23, ? is %3F, % is %25, : is %3A"


def postgres(text: str) -> str:
    """What was expected, where ``text`` is no PostgreSQL URI; empty where it is one. It may have several hosts."""
    return _trouble(text, ("postgresql", "postgres"), "postgresql://user:password@host:port/database")


def http(text: str) -> str:
    """The same for a URL."""
    return _trouble(text, ("http", "https"), "http://host:port, or https://")


def _trouble(text: str, schemes: tuple[str, ...], shape: str) -> str:
    scheme, mark, rest = text.partition("://")
    place = re.split(r"[/?]", rest, maxsplit=1)[0]
    login, at, hosts = place.rpartition("@")
    well = (
        bool(mark)
        and scheme.lower() in schemes
        and not _UNSAFE.search(rest)
        and not _BROKEN.search(rest)
        and "@" not in login + rest[len(place) :]
        and login.count(":") <= 1
        and not {"[", "]"} & set(login)
        and all(_HOST.fullmatch(host) for host in hosts.split(","))
    )
    return "" if well else f"{shape}; {_ENCODE}" if at or "@" in rest else shape
