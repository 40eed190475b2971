"""Every threshold of the alerts in one place, with the defaults that ``deploy/`` is generated from.

Days, unless they say working days, are calendar days in the organ's zone; both must be among those that the metrics
count (0, 1, 3, 5, 7, 14).
Durations are Prometheus's (``90s``, ``5m``, ``1d``).
"""

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path

WORDS = ("warning", "critical")
"""A forecast, and the breach of the same symptom."""


class BadConfig(ValueError):
    """A configuration file names what is no threshold, or gives it a value of another type."""


@dataclass(frozen=True)
class Config:
    """Thresholds and addresses."""

    desk_url: str = "http://127.0.0.1:8700"
    """Where officers open a request: the links of the alerts lead there."""
    runbooks_url: str = "https://shixian.example/docs/runbooks"
    """Where docs/runbooks is published; set it to your own place."""
    scrape: str = "15s"
    evaluate: str = "15s"

    # Requests
    due_soon_days: int = 3
    """Working days of the organ's calendar: 0, 1, 3, 5 or 10."""
    due_soon_for: str = "10m"
    overdue_for: str = "2m"
    untouched_days: tuple[int, int] = (7, 3)
    untouched_for: str = "15m"
    clarification_days: tuple[int, int] = (3, 1)
    clarification_for: str = "15m"
    consultation_days: int = 3
    consultation_for: str = "10m"
    waiting_for: str = "1h"
    attention_days: int = 3

    # Steps inside an office, duties of the organ
    step_days: int = 1
    """Calendar days before a step's last day: 0, 1, 3, 5 or 7; likewise of duties."""
    step_for: str = "10m"
    unaccepted_days: int = 3
    """After so many calendar days a unit should have taken on what it was given: 1, 3 or 7."""
    duty_days: int = 5
    duty_for: str = "10m"

    # Calendars
    provisional_month: int = 12
    provisional_days: tuple[int, int] = (1, 21)
    """The days of that month from which dates that are still provisional are a warning, and critical."""
    provisional_for: str = "1h"
    calendar_days: tuple[int, int] = (45, 14)
    calendar_for: str = "1h"

    # Intake: burn rates of the error budget, as in the SRE workbook
    intake_objective: float = 0.999
    burn_critical: tuple[tuple[float, str, str], ...] = ((14.4, "1h", "5m"), (6.0, "6h", "30m"))
    burn_warning: tuple[tuple[float, str, str], ...] = ((3.0, "1d", "2h"), (1.0, "3d", "6h"))
    intake_least: int = 20
    """Fewer requests than this in the long window mean nothing."""
    intake_for: str = "2m"

    # The pipeline
    lag_seconds: tuple[int, int] = (60, 600)
    lag_for: str = "2m"
    lag_keep: str = "2m"
    """How long a lag alert stays after its condition is gone: a service that dies takes its own figures with it."""
    stuck_window: str = "5m"
    stuck_for: str = "5m"
    sweep_seconds: tuple[int, int] = (120, 600)
    sweep_for: str = "1m"
    outbox_events: tuple[int, int] = (1000, 20_000)
    outbox_for: str = "5m"
    dead_letters: tuple[int, int] = (0, 100)
    dead_letters_window: str = "1h"
    snapshot_seconds: int = 120
    audit_for: str = "0s"

    # Services
    down_for: str = "1m"
    not_ready_for: tuple[str, str] = ("2m", "10m")
    pool_share: float = 0.9
    pool_for: str = "5m"

    # Notifications
    officers_wait: str = "1m"
    officers_interval: str = "1h"
    officers_repeat: str = "1d"
    """An organ hears of the same alert again after this long: once a day."""
    operators_wait: str = "30s"
    operators_interval: str = "5m"
    operators_repeat: str = "4h"


def load(path: Path, base: Config | None = None) -> Config:
    """``base`` (the defaults) with a TOML file's values over it. Raises :class:`BadConfig`, naming the key."""
    base = base or Config()
    known = {f.name: getattr(base, f.name) for f in fields(Config)}
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadConfig(f"{path}: {error}") from error
    for key, value in given.items():
        if key not in known:
            raise BadConfig(f"{path.name}: {key}: is no threshold; known are {', '.join(known)}")
        if isinstance(known[key], tuple):
            value = tuple(tuple(v) if isinstance(v, list) else v for v in value) if isinstance(value, list) else value
        if not isinstance(value, type(known[key])) or (isinstance(value, tuple) and len(value) != len(known[key])):
            raise BadConfig(f"{path.name}: {key}: expected a value like {known[key]!r}, got {value!r}")
        given[key] = value
    return replace(base, **given)
