"""What the audit trail tells of callers who are not known, and what follows from it: who is locked out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.access.audit import Entry, Record, sealed
from services.access.lockout import MOST_TRIED
from services.intake.lockouts import Lockouts
from services.runtime import trail as trails
from services.runtime.health import Part
from services.runtime.problems import ProblemError
from services.runtime.settings import Settings
from services.runtime.trail import Trail

NOW = datetime(2025, 3, 3, 8, tzinfo=UTC)


def stranger(address: str = "192.0.2.1") -> Entry:
    return Entry(account="unknown", action="facts-posted", address=address, about="the token has expired")


def test_a_stranger_is_recorded_once_a_minute_and_takes_nobody_s_room(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [NOW]
    nothing: Any = None
    trail = Trail("intake", nothing, Settings(), Part("audit"), now=lambda: now[0])
    for _ in range(3):
        trail.refused(stranger(), 401)
    trail.refused(stranger("192.0.2.2"), 401)
    trail.refused(stranger(), 403)
    assert len(trail._waiting) == 3
    now[0] += timedelta(minutes=1)
    trail.refused(stranger(), 401)
    assert len(trail._waiting) == 4
    monkeypatch.setattr(trails, "MOST_WAITING", 10)
    monkeypatch.setattr(trails, "MOST_REFUSED", 5)
    for number in range(20):
        trail.refused(stranger(f"198.51.100.{number}"), 401)
    assert len(trail._waiting) == 5 and len(trail._seldom._told) <= 5
    trail.require_room()


def record(action: str, minute: int, account: str = "user:li") -> Record:
    entry = Entry(account=account, action=action)
    at = NOW + timedelta(minutes=minute)
    return sealed(Record(at=at, service="intake", writer="w", number=1, entry=entry, status=0, previous=""))


def test_wrong_passwords_at_any_desk_lock_an_account_and_the_right_one_ends_it() -> None:
    lockouts = Lockouts(Settings(), Part("lock-outs"), is_kept=True)
    with pytest.raises(ProblemError) as told:
        lockouts.until("user:li", NOW)
    assert told.value.status == 503, "nobody logs in while it is not known who is locked out"
    lockouts._caught_up()
    for minute in range(4):
        lockouts.take(record("login-refused", minute))
    assert lockouts.until("user:li", NOW + timedelta(minutes=4)) is None
    lockouts.take(record("locked-out", 4))
    assert lockouts.until("user:li", NOW + timedelta(minutes=4)) == NOW + timedelta(minutes=5)
    assert lockouts.until("user:wang", NOW + timedelta(minutes=4)) is None
    lockouts.take(record("facts-posted", 5))
    lockouts.take(record("login", 6))
    lockouts.take(record("login-refused", 7))
    assert lockouts.until("user:li", NOW + timedelta(minutes=7)) is None


def test_the_trail_of_a_flood_of_invented_names_unlocks_nobody() -> None:
    lockouts = Lockouts(Settings(), Part("lock-outs"), is_kept=True)
    lockouts._caught_up()
    for _ in range(5):
        lockouts.take(record("login-refused", 0))
    refused = record("login-refused", 0)
    for number in range(MOST_TRIED + 1):
        entry = Entry(account=f"unknown:{number}", action="login-refused")
        lockouts.take(msgspec.structs.replace(refused, entry=entry))
    assert lockouts.until("user:li", NOW) == NOW + timedelta(minutes=1)
