"""Why a process can't go on, as codes. The words for them, in two languages, stand with the commands.

A service gives its cause in the field ``cause`` of its last line in the log, which is how `shixian up` knows it: nobody
has to read sentences.
"""

import errno
import socket
from enum import StrEnum

import asyncpg

from services.runtime.batch import LogHole, LogTooShort
from services.runtime.migrations import MigrationRefused
from services.runtime.settings import SettingError


class Cause(StrEnum):
    """What keeps a part from working."""

    SETTING = "setting"
    PORT_TAKEN = "port-taken"
    HOST_UNUSABLE = "host-unusable"
    DISK_FULL = "disk-full"
    HOME_HELD = "home-held"
    HOME_IS_FILE = "home-is-file"
    HOME_NOT_OURS = "home-not-ours"
    HOME_READ_ONLY = "home-read-only"
    HOME_FOREIGN = "home-foreign"
    HOME_VERSION = "home-version"
    HOME_UNUSABLE = "home-unusable"
    JARS = "jars"
    PROGRAM_MISSING = "program-missing"
    KAFKA_FAILED = "kafka-failed"
    POSTGRES_FAILED = "postgres-failed"
    NOT_READY = "not-ready"
    DATABASE_BEHIND = "database-behind"
    LOG_TOO_SHORT = "log-too-short"
    LOG_HOLE = "log-hole"
    MIGRATION_REFUSED = "migration-refused"
    LOGIN_REFUSED = "login-refused"
    WORKER_STALLED = "worker-stalled"
    KILLED = "killed"
    FAILED = "failed"
    """An error that nobody has foreseen: the part's log has it."""


FULL = (errno.ENOSPC, errno.EDQUOT)
_BY_TYPE: tuple[tuple[type[BaseException], Cause], ...] = (
    (SettingError, Cause.SETTING),
    (LogTooShort, Cause.LOG_TOO_SHORT),
    (LogHole, Cause.LOG_HOLE),
    (MigrationRefused, Cause.MIGRATION_REFUSED),
    (asyncpg.InvalidAuthorizationSpecificationError, Cause.LOGIN_REFUSED),
    (asyncpg.InsufficientPrivilegeError, Cause.LOGIN_REFUSED),
    (asyncpg.InvalidCatalogNameError, Cause.LOGIN_REFUSED),
    (asyncpg.DiskFullError, Cause.DISK_FULL),
    (socket.gaierror, Cause.HOST_UNUSABLE),
)
_BY_NUMBER = {
    errno.EADDRINUSE: Cause.PORT_TAKEN,
    errno.EADDRNOTAVAIL: Cause.HOST_UNUSABLE,
    **dict.fromkeys(FULL, Cause.DISK_FULL),
}
BY_EVENT = {"worker_stalled": Cause.WORKER_STALLED, "event_loop_blocked": Cause.WORKER_STALLED}
"""What the watchdog's last lines mean; there is no exception to take the cause from."""


def cause_of(error: BaseException | None) -> Cause:
    """The code for an error, or for the first of its causes that has one.

    An exception of ours names its own by the attribute ``end``.
    """
    while error is not None:
        if isinstance(own := getattr(error, "end", None), Cause):
            return own
        for kind, cause in _BY_TYPE:
            if isinstance(error, kind):
                return cause
        if isinstance(error, OSError) and error.errno in _BY_NUMBER:
            return _BY_NUMBER[error.errno]
        error = error.__cause__
    return Cause.FAILED
