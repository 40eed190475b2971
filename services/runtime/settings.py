"""Every setting of every service, read once from the environment.

A setting is an upper-case variable with the prefix ``SHIXIAN_``; with ``_FILE`` after its name, a file that holds the
value, for secrets. What is not set has the default below; what is set
wrongly is refused at start with the variable's name and what was expected (:class:`SettingError`).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Literal

import platformdirs

from services.runtime import addresses, setting_values, uris
from services.runtime.clock import day_of


class SettingError(ValueError):
    """An environment variable holds something that its setting can't be."""


def default_home() -> Path:
    """The folder for the local stack's data: the XDG data folder's ``shixian``."""
    return Path(platformdirs.user_data_dir("shixian"))


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings shared by the services; durations in seconds, ports are TCP ports."""

    home: Path = field(default_factory=default_home)
    kafka: str = ""
    """Bootstrap servers, ``host:port`` with commas between, or a URL with TLS and login (``services.events.brokers``);
    empty: the embedded broker."""
    postgres: str = ""
    """A PostgreSQL URI; empty: the embedded server."""
    host: str = "127.0.0.1"
    """The address or name that the HTTP servers listen on."""
    intake_port: int = 8701
    tracker_port: int = 8702
    stats_port: int = 8703
    desk_port: int = 8700
    desk_url: str = ""
    """Where people reach the desk: alerts, files and old addresses lead there; empty: its port on this machine."""
    tracker_url: str = ""
    """Where programs that read reports reach the tracker; empty: its port on this machine."""
    intake_api: str = ""
    tracker_api: str = ""
    stats_api: str = ""
    """Where the desk asks the three; empty: their ports on this machine."""
    disk_folder: str = ""
    """The folder whose free space the service watches; `shixian up` names the home. Empty: none."""
    disk_reserve: int = 256
    """Free space in MB below which the service is not ready and intake takes no facts; 0: not watched."""
    kafka_port: int = 19092
    """The embedded broker's port (its controller takes the next one); 0: any free pair."""
    prometheus_port: int = 9090
    alertmanager_port: int = 9093
    """Both for ``shixian up --ops``."""
    alert_webhook: str = ""
    """Where ``up --ops`` sends alerts, a URL; empty: nowhere, they are shown only."""
    alert_config: str = ""
    """A TOML file with thresholds for ``up --ops`` that differ from the defaults."""
    rules: str = ""
    """A folder of the office's own statutes, calendars, forms and scenarios, over those that ship; empty: none."""
    access: str = ""
    """The access file with tokens and accounts (docs/access.md); empty: none, and the only principal is ``local``."""
    insecure: bool = False
    """Listen beyond this machine though nobody has to say who they are."""
    four_eyes: bool = False
    """A second person has to confirm what is published."""
    token: str = ""
    """What the commands of this machine say who they are with."""
    hosts: str = ""
    """Names by which the services are called, besides addresses and this machine's, with commas; ``*.`` for any under
    one."""
    origins: str = ""
    """Origins of other web pages that may call the APIs, with commas; empty: none."""
    desk_key: str = ""
    """The file of the key that the desk signs with and the others check by; empty: ``desk-key.json`` beside the access
    file, else in ``access`` at home."""
    oidc: str = ""
    """The issuer of an OpenID provider, a URL; empty: none."""
    oidc_client: str = ""
    """The desk's client id there."""
    oidc_secret: str = ""
    """The desk's secret there; empty for a public client."""
    oidc_audience: str = "shixian"
    """The audience of the provider's access tokens that the APIs take."""
    oidc_roles: str = "roles"
    oidc_organs: str = "organs"
    """The claims with a person's roles and organs."""
    session_hours: float = 8.0
    """After this long a person logs in anew."""
    idle_minutes: float = 30.0
    """After this long without a page, too."""
    tls_cert: str = ""
    tls_key: str = ""
    """Files of a certificate and its key (PEM): the services speak HTTPS."""
    trusted_proxies: str = ""
    """Addresses or networks of proxies whose ``X-Forwarded-`` headers are believed, with commas."""
    rate: float = 200.0
    """Calls a second that one principal may make, over ten seconds; 0: as many as it likes. Not for ``local``."""
    concurrent: int = 32
    """Calls of one principal at work at once; 0: as many as it likes. Not for ``local``."""
    audit_months: int = 12
    """How long the audit trail is kept, at least six months."""
    topic_prefix: str = "shixian."
    transport: Literal["faust", "aiokafka"] = "faust"
    """What brings the workers their batches: Faust, or aiokafka without it."""
    partitions: int = 12
    replication: int = 1
    compression: Literal["zstd", "lz4", "gzip", "none"] = "zstd"
    """How what is written to the log is compressed; each of them is read."""
    log: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otlp: str = ""
    """A collector for traces (OTLP over HTTP), e.g. ``http://collector:4318``; empty: no tracing."""
    otlp_ratio: float = 1.0
    """The share of traces that are kept, of those that begin here."""
    now: datetime | None = None
    """The instant that the services take for now when they start; their clock runs on from there."""
    sweep_seconds: float = 5.0
    settle_seconds: float = 10.0
    """How long a case must have been quiet before the sweep acts on an instant already past when its facts came."""
    units: str = ""
    """Organs whose units stand in the metrics each by itself, with commas; of others all units are counted together."""
    score: str = ""
    """A TOML file with the points of the units' score; empty: there is none."""
    case_facts: int = 250
    """Facts that one case can have; what amends or ends it is taken up to twice as often."""
    shutdown_seconds: float = 8.0
    """A service that has not ended this long after SIGTERM ends itself the hard way."""

    @property
    def codec(self) -> str | None:
        """What is written to the log is compressed by this; None: not at all."""
        return None if self.compression == "none" else self.compression

    @property
    def bootstrap(self) -> str:
        """Kafka's bootstrap servers: those set, or the embedded broker's, which lets in who may read its password."""
        if self.kafka:
            return self.kafka
        try:
            password = (self.home.expanduser() / "kafka" / "password").read_text("ascii").strip()
        except OSError:  # none yet, or another user's: the broker says so
            password = ""
        login = f"sasl_plaintext://shixian:{password}@" if password else ""
        return f"{login}127.0.0.1:{self.kafka_port}{'?mechanism=PLAIN' if login else ''}"

    def require_postgres(self) -> str:
        """The PostgreSQL URI for a service that runs by itself. Raises :class:`SettingError`."""
        if not self.postgres:
            raise SettingError("SHIXIAN_POSTGRES: expected a PostgreSQL URI (`shixian up` brings its own server)")
        return self.postgres

    def url(self, service: str) -> str:
        """Where a program on this machine asks ``service`` (any of the four), without a slash at its end."""
        return addresses.url(self.host, getattr(self, f"{service}_port"), secure=bool(self.tls_cert))

    @property
    def has_accounts(self) -> bool:
        """Whether callers have to say who they are."""
        return bool(self.access or self.oidc)

    @property
    def desk_key_file(self) -> Path:
        """The file of the desk's key, there or not."""
        if self.desk_key:
            return Path(self.desk_key).expanduser()
        beside = Path(self.access).expanduser().parent if self.access else self.home.expanduser() / "access"
        return beside / "desk-key.json"

    def require_safe(self) -> None:
        """Refuse what would let in everyone who reaches a port, and what can't work without accounts. Raises
        :class:`SettingError`."""
        if bool(self.tls_cert) != bool(self.tls_key):
            raise SettingError("SHIXIAN_TLS_CERT, SHIXIAN_TLS_KEY: expected both or none")
        for name in ("tls_cert", "tls_key", "access"):
            # Of os.path: a folder that may not be entered is no error there, but one in which nothing is found.
            if (file := getattr(self, name)) and not os.path.isfile(Path(file).expanduser()):  # noqa: PTH113
                raise SettingError(f"SHIXIAN_{name.upper()}: expected a file that can be read; there is none at {file}")
        if self.disk_folder and not os.path.isdir(Path(self.disk_folder).expanduser()):  # noqa: PTH112
            # The room of whatever is above it would be watched instead.
            raise SettingError(f"SHIXIAN_DISK_FOLDER: expected a folder; there is none at {self.disk_folder}")
        if self.four_eyes and not self.has_accounts:
            raise SettingError(
                "SHIXIAN_FOUR_EYES: without accounts all callers are one, and nobody could confirm what another "
                "proposed; expected accounts (SHIXIAN_ACCESS or SHIXIAN_OIDC), or no"
            )
        if self.has_accounts or self.insecure or addresses.is_loopback(self.host):
            return
        raise SettingError(
            f"SHIXIAN_HOST: {self.host} can be reached from other machines, and nobody would have to say who they are; "
            "expected accounts (SHIXIAN_ACCESS or SHIXIAN_OIDC), or SHIXIAN_INSECURE=yes"
        )

    @property
    def organs_by_unit(self) -> frozenset[str]:
        """The organs whose units have metrics of their own."""
        return frozenset(one.strip() for one in self.units.split(",") if one.strip())

    @property
    def tracker_address(self) -> str:
        """The tracker's public address without a slash at its end."""
        return (self.tracker_url or self.url("tracker")).rstrip("/")

    @property
    def desk_address(self) -> str:
        """The desk's public address without a slash at its end."""
        return (self.desk_url or self.url("desk")).rstrip("/")

    def api(self, service: str) -> str:
        """Where the desk asks ``service`` (intake, tracker or stats), without a slash at its end."""
        given: str = getattr(self, f"{service}_api")
        return (given or self.url(service)).rstrip("/")

    @property
    def facts_topic(self) -> str:
        return f"{self.topic_prefix}facts"

    @property
    def cases_topic(self) -> str:
        return f"{self.topic_prefix}cases"

    @property
    def reference_topic(self) -> str:
        return f"{self.topic_prefix}reference"

    @property
    def audit_topic(self) -> str:
        return f"{self.topic_prefix}audit"

    @property
    def dead_letters_topic(self) -> str:
        return f"{self.topic_prefix}dead-letters"


_ADDRESSES = {
    "postgres": uris.postgres,
    "otlp": uris.http,
    "alert_webhook": uris.http,
    "tracker_url": uris.http,
    "desk_url": uris.http,
    "intake_api": uris.http,
    "tracker_api": uris.http,
    "stats_api": uris.http,
    "oidc": uris.http,
}
_CHOICES = {
    "log": ("auto", "json", "console"),
    "log_level": ("debug", "info", "warning", "error"),
    "transport": ("faust", "aiokafka"),
    "compression": ("zstd", "lz4", "gzip", "none"),
}


def _parse(name: str, text: str, default: object) -> object:
    variable = f"SHIXIAN_{name.upper()}"
    if name == "now":
        return _instant(variable, text)
    if name == "kafka":
        from services.events import brokers  # with TLS, which a command that asks nobody need not load

        try:
            brokers.client(text)
        except brokers.BadAddress as error:
            raise SettingError(f"{variable}: {error}") from error
    if name in _ADDRESSES and (expected := _ADDRESSES[name](text)):
        raise SettingError(f"{variable}: can't be read; expected {expected}")  # the text may hold a password
    if name in _CHOICES and text not in _CHOICES[name]:
        raise SettingError(f"{variable}: expected one of {', '.join(_CHOICES[name])}, got {text!r}")
    if expected := setting_values.text_problem(name, text):
        raise SettingError(f"{variable}: expected {expected}; got {text[:200]!r}")
    if isinstance(default, Path):
        return Path(text).expanduser()
    if isinstance(default, bool):
        if text not in ("yes", "no"):
            raise SettingError(f"{variable}: expected yes or no, got {text[:40]!r}")
        return text == "yes"
    if name == "trusted_proxies":
        try:
            addresses.networks(text)
        except ValueError as error:
            raise SettingError(f"{variable}: expected addresses or networks with commas between: {error}") from None
    if isinstance(default, int | float):
        return _number(name, variable, text, type(default))
    return text


def _instant(variable: str, text: str) -> datetime:
    try:
        day_of(text[:10])  # RFC 3339 has no other way to write an instant's day
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise SettingError(f"{variable}: expected an RFC 3339 instant, got {text!r}") from None
    if instant.tzinfo is None:
        raise SettingError(f"{variable}: expected an instant with a time zone, got {text!r}")
    return instant


def _number(name: str, variable: str, text: str, kind: type[int] | type[float]) -> int | float:
    try:
        number = kind(text)
    except ValueError:
        raise SettingError(f"{variable}: expected a number, got {text!r}") from None
    if expected := setting_values.number_problem(name, number):
        raise SettingError(f"{variable}: expected {expected}, got {text!r}")
    return number


def _text(env: Mapping[str, str], variable: str) -> str:
    """What is set; the content of the file where only that is named. Empty: nothing is set."""
    text, file = env.get(variable, ""), env.get(f"{variable}_FILE", "")
    if text or not file:
        return text
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{variable}_FILE: expected a file that holds the value: {error}") from error


_OTHERS = {"SHIXIAN_JARS", "SHIXIAN_MAVEN"}
"""What else is read: where the embedded broker's jars are, and where they come from (services.local.jars)."""


def unknown(environ: Mapping[str, str] | None = None) -> list[str]:
    """Variables that look like settings and are none: misspelt, or of another release. Nothing reads them."""
    env = os.environ if environ is None else environ
    known = {f"SHIXIAN_{f.name.upper()}{end}" for f in fields(Settings) for end in ("", "_FILE")} | _OTHERS
    return sorted(name for name in env if name.startswith("SHIXIAN_") and name not in known)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``environ`` (the process's own by default).

    Raises :class:`SettingError` that names the variable.
    """
    env = os.environ if environ is None else environ
    base = Settings()
    texts = {f.name: _text(env, f"SHIXIAN_{f.name.upper()}") for f in fields(Settings)}
    given = {name: _parse(name, text, getattr(base, name)) for name, text in texts.items() if text != ""}
    return Settings(**given)  # type: ignore[arg-type]  # each value was parsed to its field's type above
