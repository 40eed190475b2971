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

from services.runtime import addresses, uris


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
    topic_prefix: str = "shixian."
    transport: Literal["faust", "aiokafka"] = "faust"
    """What brings the workers their batches: Faust, or aiokafka without it."""
    partitions: int = 12
    replication: int = 1
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
    case_facts: int = 250
    """Facts that one case can have; what amends or ends it is taken up to twice as often."""
    shutdown_seconds: float = 8.0
    """A service that has not ended this long after SIGTERM ends itself the hard way."""

    @property
    def bootstrap(self) -> str:
        """Kafka's bootstrap servers: those set, or the embedded broker's."""
        return self.kafka or f"127.0.0.1:{self.kafka_port}"

    def require_postgres(self) -> str:
        """The PostgreSQL URI for a service that runs by itself. Raises :class:`SettingError`."""
        if not self.postgres:
            raise SettingError("SHIXIAN_POSTGRES: expected a PostgreSQL URI (`shixian up` brings its own server)")
        return self.postgres

    def url(self, service: str) -> str:
        """Where a program on this machine asks ``service`` (any of the four), without a slash at its end."""
        return addresses.url(self.host, getattr(self, f"{service}_port"))

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
}
_CHOICES = {
    "log": ("auto", "json", "console"),
    "log_level": ("debug", "info", "warning", "error"),
    "transport": ("faust", "aiokafka"),
}


def _parse(name: str, text: str, default: object) -> object:
    variable = f"SHIXIAN_{name.upper()}"
    if name == "now":
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            raise SettingError(f"{variable}: expected an RFC 3339 instant, got {text!r}") from None
        if instant.tzinfo is None:
            raise SettingError(f"{variable}: expected an instant with a time zone, got {text!r}")
        return instant
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
    if isinstance(default, Path):
        return Path(text).expanduser()
    if isinstance(default, int | float):
        try:
            number = type(default)(text)
        except ValueError:
            raise SettingError(f"{variable}: expected a number, got {text!r}") from None
        if name.endswith("_port"):
            # The embedded broker's controller takes the port after its own.
            highest = 65534 if name == "kafka_port" else 65535
            if not 0 <= number <= highest:
                raise SettingError(f"{variable}: expected a port from 0 to {highest}, got {text!r}")
        if not 0 <= number < 1e9:
            raise SettingError(f"{variable}: expected a number from 0 up, got {text!r}")
        if name == "case_facts" and not number:
            raise SettingError(f"{variable}: expected a number from 1 up, got {text!r}")
        return number
    return text


def _text(env: Mapping[str, str], variable: str) -> str:
    """What is set; the content of the file where only that is named. Empty: nothing is set."""
    text, file = env.get(variable, ""), env.get(f"{variable}_FILE", "")
    if text or not file:
        return text
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{variable}_FILE: expected a file that holds the value: {error}") from error


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``environ`` (the process's own by default).

    Raises :class:`SettingError` that names the variable.
    """
    env = os.environ if environ is None else environ
    base = Settings()
    texts = {f.name: _text(env, f"SHIXIAN_{f.name.upper()}") for f in fields(Settings)}
    given = {name: _parse(name, text, getattr(base, name)) for name, text in texts.items() if text != ""}
    return Settings(**given)  # type: ignore[arg-type]  # each value was parsed to its field's type above
