"""Addresses: what a server listens on, and the URL by which a program on this machine asks it.

The two differ: nobody can connect to ``0.0.0.0``, and an IPv6 address stands in brackets in a URL.
"""

import ipaddress
import socket


def client_host(host: str) -> str:
    """The host to ask for a server that listens on ``host``: the loopback address for one that listens on all."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host  # a name
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return str(address)


def host_port(host: str, port: int) -> str:
    """``host:port``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def target(host: str, port: int) -> str:
    """``host:port`` by which a program on this machine asks a server that listens on ``host`` and ``port``."""
    return host_port(client_host(host), port)


def url(host: str, port: int, *, secure: bool = False) -> str:
    """The same as a URL, without a slash at its end."""
    return f"{'https' if secure else 'http'}://{target(host, port)}"


def is_loopback(host: str) -> bool:
    """Whether a server on ``host`` is reached from this machine alone. A name that leads nowhere is none's to reach:
    listening there fails by itself."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        pass
    try:
        resolved = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return True
    return all(ipaddress.ip_address(str(one[4][0]).partition("%")[0]).is_loopback for one in resolved)


def networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Addresses and networks with commas between. Raises ``ValueError``."""
    return [ipaddress.ip_network(one.strip(), strict=False) for one in text.split(",") if one.strip()]


def is_address(text: str) -> bool:
    """Whether it is an IP address and no name."""
    try:
        ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True


def listen(host: str, port: int, backlog: int = 512) -> socket.socket:
    """A socket that listens on ``host`` (an address or a name; ``::`` takes IPv4 as well) and ``port``.

    Raises OSError with the reason; ``socket.gaierror``, which is one, for a name that is none.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address, family=family, backlog=backlog, dualstack_ipv6=both)
