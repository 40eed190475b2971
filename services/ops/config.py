"""Every threshold of the alerts in one place, with the defaults that ``deploy/`` is generated from.

Days, unless they say working days, are calendar days in the organ's zone; both must be among those that the metrics
count (:mod:`services.runtime.horizons`), which :func:`load` sees to.
Durations are Prometheus's (``90s``, ``5m``, ``1d``).
"""

import tomllib
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, get_type_hints

from services.ops import allowed
from services.ops.allowed import FALLING, LATER, RISING, Ahead, Count, Duration, Positive, Rate, Window

WORDS = ("warning", "critical")
"""A forecast, and the breach of the same symptom."""


class BadConfig(ValueError):
    """A configuration file names what is no threshold, or gives it a value that it can't have."""


@dataclass(frozen=True)
class Config:
    """Thresholds and addresses."""

    desk_url: allowed.Url = "http://127.0.0.1:8700"
    """Where officers open a request: the links of the alerts lead there."""
    runbooks_url: allowed.Url = "https://shixian.example/docs/runbooks"
    """Where docs/runbooks is published; set it to your own place."""
    scrape: Window = "15s"
    evaluate: Window = "15s"

    # Requests
    due_soon_days: allowed.WorkingDaysAhead = 3
    """Working days of the organ's calendar: 0, 1, 3, 5 or 10."""
    due_soon_for: Duration = "10m"
    overdue_for: Duration = "2m"
    untouched_days: Annotated[tuple[Ahead, Ahead], FALLING] = (7, 3)
    untouched_for: Duration = "15m"
    clarification_days: Annotated[tuple[Ahead, Ahead], FALLING] = (3, 1)
    clarification_for: Duration = "15m"
    consultation_days: Ahead = 3
    consultation_for: Duration = "10m"
    waiting_for: Duration = "1h"
    attention_days: Count = 3

    # Steps inside an office, duties of the organ
    step_days: allowed.OfficeDaysAhead = 1
    """Calendar days before a step's last day: 0, 1, 3, 5 or 7; likewise of duties."""
    step_for: Duration = "10m"
    unaccepted_days: allowed.DaysWaited = 3
    """After so many calendar days a unit should have taken on what it was given: 1, 3 or 7."""
    duty_days: allowed.OfficeDaysAhead = 5
    duty_for: Duration = "10m"

    # Calendars
    provisional_month: allowed.Month = 12
    provisional_days: Annotated[tuple[Positive, Positive], RISING] = (1, 21)
    """The days of that month from which dates that are still provisional are a warning, and critical."""
    provisional_for: Duration = "1h"
    calendar_days: Annotated[tuple[Count, Count], FALLING] = (45, 14)
    calendar_for: Duration = "1h"

    # Intake: burn rates of the error budget, as in the SRE workbook
    intake_objective: allowed.Objective = 0.999
    burn_critical: tuple[tuple[Rate, Window, Window], ...] = ((14.4, "1h", "5m"), (6.0, "6h", "30m"))
    burn_warning: tuple[tuple[Rate, Window, Window], ...] = ((3.0, "1d", "2h"), (1.0, "3d", "6h"))
    intake_least: Count = 20
    """Fewer requests than this in the long window mean nothing."""
    intake_for: Duration = "2m"

    # The pipeline
    lag_seconds: Annotated[tuple[Count, Count], RISING] = (60, 600)
    lag_for: Duration = "2m"
    lag_keep: Duration = "2m"
    """How long a lag alert stays after its condition is gone: a service that dies takes its own figures with it."""
    stuck_window: Window = "5m"
    stuck_for: Duration = "5m"
    sweep_seconds: Annotated[tuple[Count, Count], RISING] = (120, 600)
    """Beyond the pause between two rounds (SHIXIAN_SWEEP_SECONDS), which the tracker tells."""
    sweep_for: Duration = "1m"
    sweep_failures_window: Window = "2h"
    """A case that the sweep failed over is tried again after an hour: twice that, so that the alert stays on."""
    outbox_events: Annotated[tuple[Count, Count], RISING] = (1000, 20_000)
    outbox_for: Duration = "5m"
    dead_letters: Annotated[tuple[Count, Count], RISING] = (0, 100)
    dead_letters_window: Window = "1h"
    reference_window: Window = "2h"
    snapshot_seconds: Positive = 120
    audit_for: Duration = "0s"

    # Services
    down_for: Duration = "1m"
    not_ready_for: Annotated[tuple[Duration, Duration], LATER] = ("2m", "10m")
    replica_not_ready_for: Duration = "10m"
    """For one replica, whatever the others say: long enough for a start that reads the whole of the reference topic."""
    restarts: Annotated[tuple[Count, Count], RISING] = (3, 10)
    """More of them than this in the window: hands and a release restart a process once or twice."""
    restarts_window: Window = "1h"
    pool_share: allowed.Share = 0.9
    pool_for: Duration = "5m"

    # Notifications
    officers_wait: Duration = "1m"
    officers_interval: Window = "1h"
    officers_repeat: Window = "1d"
    """An organ hears of the same alert again after this long: once a day."""
    operators_wait: Duration = "30s"
    operators_interval: Window = "5m"
    operators_repeat: Window = "4h"
    watchdog_url: allowed.UrlOrNone = ""
    """Where *Watchdog*, which fires always, is posted: to what complains when it stops coming. Empty: nowhere."""
    watchdog_repeat: Window = "5m"
    """How often; the receiver's patience must be longer."""


def load(path: Path, base: Config | None = None) -> Config:
    """``base`` (the defaults) with a TOML file's values over it. Raises :class:`BadConfig`, naming the key."""
    base = base or Config()
    known = [f.name for f in fields(Config)]
    hints = get_type_hints(Config, include_extras=True)
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadConfig(f"{path}: {error}") from error
    for key, value in given.items():
        if key not in known:
            raise BadConfig(f"{path.name}: {key}: is no threshold; known are {', '.join(known)}")
        try:
            given[key] = allowed.read(hints[key], value)
        except allowed.NotAllowed as error:
            raise BadConfig(f"{path.name}: {key}: expected {error}, got {value!r}") from error
    config = replace(base, **given)
    for key, expected in _unreachable(config):
        raise BadConfig(f"{path.name}: {key}: expected {expected}, got {getattr(config, key)!r}")
    return replace(config, desk_url=config.desk_url.rstrip("/"), runbooks_url=config.runbooks_url.rstrip("/"))


def _unreachable(config: Config) -> Iterator[tuple[str, str]]:
    """Values that are well by themselves and with which, beside the others, an alert could not fire: with what would
    be right."""
    days = monthrange(2025, config.provisional_month)[1]  # the 29th of February is in few years only
    if config.provisional_days[1] > days:
        yield "provisional_days", f"days of month {config.provisional_month}, which has {days}"
    budget = 1 - config.intake_objective
    for key in ("burn_critical", "burn_warning"):
        for rate, long, short in getattr(config, key):
            if rate * budget >= 1:
                yield key, f"rates below {1 / budget:.6g}: beyond it more calls would have to fail than there are"
            if allowed.seconds(long) < allowed.seconds(short):
                yield key, "the long window before the short one"
    # A rate needs two samples in its window.
    least = 2 * allowed.seconds(config.scrape)
    for key in ("stuck_window", "dead_letters_window", "restarts_window", "sweep_failures_window"):
        if allowed.seconds(getattr(config, key)) < least:
            yield key, f"at least twice as long as scrape ({config.scrape})"
    for key in ("burn_critical", "burn_warning"):
        if any(allowed.seconds(short) < least for _, _, short in getattr(config, key)):
            yield key, f"windows at least twice as long as scrape ({config.scrape})"
