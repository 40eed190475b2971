"""``shixian export`` and ``shixian restore``: the whole log to a file, and from the file into an empty cluster.

A record is one line: topic (without the installation's prefix), partition, offset, timestamp, key, value and headers.
Restored, it has them all again, the offset too: positions, dead letters and places named elsewhere stay true. Behind
the records stand the published reports, which the log has no record of.
"""

import asyncio
import os
from pathlib import Path

import structlog
from aiokafka.errors import KafkaError

from services.archive import exporting, restoring
from services.archive.blocks import Damaged
from services.archive.exporting import Counted
from services.runtime.batch import PositionRefused
from services.runtime.failed import Failed, Progress, reason_of
from services.runtime.retry import LogUnavailable
from services.runtime.settings import Settings

log = structlog.get_logger(__name__)

__all__ = ["Counted", "Failed", "export", "restore"]


def export(settings: Settings, path: Path, progress: Progress) -> Counted:
    """Write the log up to its present end, and the publications, to ``path``. An interrupted run is resumed.

    Raises :class:`Failed`.
    """
    if path.exists():
        raise Failed(f"{path} is there already")
    draft = path.with_name(f"{path.name}.part")
    try:
        counted = asyncio.run(exporting.write(settings, draft, progress))
        _settle(draft, path)
    except (LogUnavailable, PositionRefused) as error:
        raise Failed(str(error)) from error
    except OSError as error:
        raise Failed(f"{draft}: {error.strerror or error}") from error
    return counted


def _settle(draft: Path, path: Path) -> None:
    """Give the file its name once it is on the disk: after a loss of power that names a whole backup or none."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)
    try:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        # Not every file system knows this of a folder (network shares, FUSE): the backup is there, and whole.
        log.info("folder_not_synced", folder=str(path.parent), reason=error.strerror)


def restore(settings: Settings, path: Path, progress: Progress) -> Counted:
    """Write the file's records into the cluster and its publications into the tables. A run that was stopped is gone on
    with.

    The whole file is checked first. Topics that hold anything else than the beginning of their part of the file are
    refused, and so is another publication in the place of one. Raises :class:`Failed`.
    """
    try:
        head, counted = restoring.check(path, progress)
        asyncio.run(restoring.put(settings, path, head, counted, progress))
    except Damaged as error:
        raise Failed(f"{path}: {error}") from error
    except (LogUnavailable, PositionRefused) as error:
        raise Failed(str(error)) from error
    except KafkaError as error:
        raise Failed(f"Kafka: {reason_of(error)}") from error
    except OSError as error:  # a TimeoutError is an OSError
        raise Failed(f"{path}: {error.strerror or reason_of(error)}") from error
    return counted
