"""The ports of everything that is to be started, tried before anything is: the setting that changes one is named."""

import contextlib
import errno
import os
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]

from services.local.failures import LocalFailure
from services.local.process import PortTaken
from services.runtime import addresses
from services.runtime.ends import Cause


@dataclass(frozen=True, slots=True)
class Wanted:
    """A place to listen, with the settings that name its port and its host (empty: it is always this host)."""

    port: int
    setting: str
    host: str = "127.0.0.1"
    host_setting: str = ""


class HostUnusable(LocalFailure):
    """Nothing can listen on this host."""

    end = Cause.HOST_UNUSABLE


class WrongPort(LocalFailure):
    """Two parts want one port, or a port that must be known beforehand is left open."""

    end = Cause.SETTING


def check(wanted: Sequence[Wanted], ours: Collection[int] = ()) -> None:
    """Try each; ports held by the processes ``ours`` count as free: leftovers that are about to be ended.

    Raises :class:`PortTaken`, :class:`HostUnusable` or :class:`WrongPort`.
    """
    seen: dict[int, Wanted] = {}
    for place in wanted:
        if place.port == 0:
            raise WrongPort(f"{place.setting}: expected a port from 1 to 65535, got 0")
        if (other := seen.setdefault(place.port, place)) is not place:
            names = place.setting if place.setting == other.setting else f"{other.setting} and {place.setting}"
            raise WrongPort(f"{names}: both want port {place.port}; expected a port for each")
    for place in wanted:
        _try(place, ours)


def _try(place: Wanted, ours: Collection[int]) -> None:
    try:
        addresses.listen(place.host, place.port, 1).close()
    except OSError as error:
        shown = addresses.host_port(place.host, place.port)
        if error.errno == errno.EADDRINUSE:
            pid, name = holder(place.port)
            if pid in ours:
                return
            by = f" by process {pid} ({name})" if pid else ""
            raise PortTaken(
                f"port {place.port} of {place.host} is in use{by}; {place.setting} names another",
                address=shown,
                setting=place.setting,
                holder=f"{pid} ({name})" if pid else "",
            ) from error
        if error.errno == errno.EACCES:
            raise PortTaken(
                f"port {place.port} may not be used by this user; {place.setting} names another, from 1024 up",
                address=shown,
                setting=place.setting,
                holder="root",
            ) from error
        setting = place.host_setting or place.setting
        # A name that is none has an error of its own; Python adds much to the system's.
        reason = str(error.strerror) if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise HostUnusable(
            f"{setting}: can't listen on {place.host}: {reason}", setting=setting, host=place.host, reason=reason
        ) from error


def holder(port: int) -> tuple[int, str]:
    """The process that listens on ``port``, where this user may know it; else 0 and nothing."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return connection.pid, psutil.Process(connection.pid).name()
    return 0, ""
