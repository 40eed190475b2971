"""How to reach Kafka: one text, plain or as a URL, and what it means to a client.

==========================================================  =======================================================
``host:9092,host:9092``                                     no encryption
``ssl://host:9093,host:9093?ca=/etc/ca.pem``                TLS; ``cert`` and ``key`` name a client certificate's
                                                            files; without ``ca`` the system's authorities count
``sasl_ssl://user:password@host:9093?mechanism=PLAIN``      TLS and a user; ``mechanism`` is ``SCRAM-SHA-512`` unless
                                                            it says ``SCRAM-SHA-256`` or ``PLAIN``
``sasl_plaintext://user:password@host:9092``                a user without encryption
==========================================================  =======================================================

A password's special characters are percent-encoded.
"""

import ssl
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote

MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
_PARAMETERS = {
    "ssl": {"ca", "cert", "key"},
    "sasl_ssl": {"ca", "cert", "key", "mechanism"},
    "sasl_plaintext": {"mechanism"},
}


class BadAddress(ValueError):
    """The text is no address of brokers; says what is wrong, without the password."""


@lru_cache(maxsize=8)
def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    scheme, mark, rest = text.partition("://")
    if not mark:
        if "@" in text:
            raise BadAddress("expected host:port, more after commas; a user needs sasl_ssl:// or sasl_plaintext://")
        return text, {}
    scheme = scheme.lower()
    if scheme not in _PARAMETERS:
        raise BadAddress(f"expected one of {', '.join(f'{s}://' for s in _PARAMETERS)}")
    place, _, query = rest.partition("?")
    if "@" in query or "#" in rest:
        raise BadAddress("percent-encode what user and password hold: ? is %3F, # is %23, @ is %40, / is %2F, % is %25")
    login, at, hosts = place.rpartition("@")
    given = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := given.keys() - _PARAMETERS[scheme]:
        raise BadAddress(f"{', '.join(sorted(unknown))}: expected of {scheme}:// only {_PARAMETERS[scheme]}")
    if not hosts or "/" in hosts:
        raise BadAddress("expected host:port, more after commas, no path")
    options: dict[str, Any] = {"security_protocol": scheme.upper()}
    if scheme.startswith("sasl"):
        user, colon, password = login.partition(":")
        if not colon:
            raise BadAddress(f"{scheme}:// expects user:password@ before the hosts")
        mechanism = given.get("mechanism", MECHANISMS[0])
        if mechanism not in MECHANISMS:
            raise BadAddress(f"mechanism: expected one of {', '.join(MECHANISMS)}, got {mechanism!r}")
        options |= {
            "sasl_mechanism": mechanism,
            "sasl_plain_username": unquote(user),
            "sasl_plain_password": unquote(password),
        }
    elif at:
        raise BadAddress("ssl:// takes no user; it is sasl_ssl:// that does")
    if scheme.endswith("ssl"):
        options["ssl_context"] = _context(given)
    return hosts, options


def _context(given: dict[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=given.get("ca"))
        if "cert" in given:
            context.load_cert_chain(given["cert"], given.get("key"))
    except (OSError, ssl.SSLError) as error:
        raise BadAddress(f"ca, cert or key: {error}") from error
    return context


def hosts(text: str) -> list[str]:
    """The brokers as ``host:port``, which no secret is in. Raises :class:`BadAddress`."""
    return [host.strip() for host in _parsed(text)[0].split(",")]


def security(text: str) -> dict[str, Any]:
    """What aiokafka's clients take for encryption and login; none for a plain address. Raises :class:`BadAddress`."""
    return dict(_parsed(text)[1])


def client(text: str) -> dict[str, Any]:
    """The same with ``bootstrap_servers``: ``AIOKafkaConsumer(**client(text))``. Raises :class:`BadAddress`.

    Whoever connects reads bounded batches from then on (:mod:`services.events.decompression`).
    """
    from services.events import decompression  # not loaded by who connects to nothing

    decompression.bound()
    return {"bootstrap_servers": ",".join(hosts(text)), **security(text)}
