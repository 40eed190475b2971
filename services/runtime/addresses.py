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


def url(host: str, port: int) -> str:
    """The same as a URL, without a slash at its end."""
    return f"http://{target(host, port)}"


def listen(host: str, port: int, backlog: int = 512) -> socket.socket:
    """A socket that listens on ``host`` (an address or a name; ``::`` takes IPv4 as well) and ``port``.

    Raises OSError with the reason; ``socket.gaierror``, which is one, for a name that is none.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address, family=family, backlog=backlog, dualstack_ipv6=both)
