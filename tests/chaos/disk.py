"""A small disk of the run's own: a tmpfs that the harness mounts as root, fills to the last byte and frees again."""

import ctypes
import os
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
MEGABYTE = 2**20
BASE_MEGABYTES, FACT_BYTES = 1500, 12_000
"""What the servers take before the first fact, and each fact with all that follows from it; both rather too much."""


class NoDisk(RuntimeError):
    """This process may not mount one; the text says why."""


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise NoDisk(f"{what}: {os.strerror(ctypes.get_errno())}")


class Disk:
    """The mount; it is in a namespace of this process and its children, so it ends with them whatever happens."""

    def __init__(self, folder: Path, facts: int) -> None:
        self.folder = folder
        self._megabytes = BASE_MEGABYTES + facts * FACT_BYTES // MEGABYTE

    def mount(self) -> None:
        """Mount it. Raises :class:`NoDisk`."""
        if os.geteuid() != 0:
            raise NoDisk("only root may mount a disk")
        self.folder.mkdir(parents=True)
        _checked(_LIBC.unshare(_CLONE_NEWNS), "unshare")
        _checked(_LIBC.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "private mounts")
        options = f"size={self._megabytes}m,mode=755".encode()
        _checked(_LIBC.mount(b"tmpfs", os.fsencode(self.folder), b"tmpfs", 0, options), "mount")

    @property
    def free(self) -> int:
        """Bytes."""
        about = os.statvfs(self.folder)
        return about.f_bavail * about.f_frsize

    def fill(self) -> None:
        """Take all that is free, again where somebody freed some meanwhile."""
        with (self.folder / "filler").open("ab") as filler:
            while (free := self.free) > 0:
                try:
                    os.posix_fallocate(filler.fileno(), filler.seek(0, os.SEEK_END), free)
                except OSError:  # somebody was faster with the last pages
                    if free < MEGABYTE:
                        return

    def empty(self) -> None:
        """Give it back."""
        (self.folder / "filler").unlink(missing_ok=True)
