"""``shixian up``: the four services over the local stack, and on request the samples in them."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import structlog
from rich.console import Console
from rich.text import Text

from services import samples
from services.commands import access_file, ends, living_sample, reporting, who
from services.commands.console import verbatim
from services.intake import client
from services.local import ops
from services.local.failures import LocalFailure
from services.local.ports import Wanted
from services.local.supervisor import Service, run_up
from services.ops import local
from services.ops.config import BadConfig, Config, load
from services.runtime import addresses, logs
from services.runtime.failed import Failed
from services.runtime.settings import SettingError, Settings, unknown
from services.stats.cells import Number
from services.stats.report import Report

FORM, ORGAN, YEAR = "cn-gz-2013", samples.ORGAN, samples.YEAR
COUNTED_SECONDS = 60.0

log = structlog.get_logger(__name__)


def services(settings: Settings) -> list[Service]:
    """The services in the order in which they are stopped: first the desk, which asks the others."""
    return [
        Service(
            name,
            [sys.executable, "-P", "-m", f"services.{name}"],
            f"{settings.url(name)}/readyz",
            # Their files get more than the console.
            {"SHIXIAN_LOG_LEVEL": "debug" if settings.log_level == "debug" else "info"},
            Wanted(port, f"SHIXIAN_{name.upper()}_PORT", settings.host, "SHIXIAN_HOST"),
        )
        for name, port in _ports(settings).items()
    ]


def _ports(settings: Settings) -> dict[str, int]:
    return {
        "desk": settings.desk_port,
        "intake": settings.intake_port,
        "tracker": settings.tracker_port,
        "stats": settings.stats_port,
    }


def watching(settings: Settings) -> list[Service]:
    """Prometheus and Alertmanager with our rules. Raises ``ProgramMissing`` or ``BadConfig``."""
    own = Config(desk_url=settings.desk_address)
    config = load(Path(settings.alert_config), own) if settings.alert_config else own
    targets = {name: addresses.target(settings.host, port) for name, port in _ports(settings).items()}
    certificate = str(Path(settings.tls_cert).expanduser().resolve()) if settings.tls_cert else ""
    token = metrics_token(settings)
    files = local.files(
        config, targets, settings.alertmanager_port, settings.alert_webhook, str(token or ""), certificate
    )
    return ops.services(settings.home, _ops_ports(settings), files)


def metrics_token(settings: Settings) -> Path | None:
    """The file of the token with which Prometheus reads the metrics, written anew; None where nobody needs one.

    Raises OSError, and ``Failed`` where there is no key to sign it with.
    """
    if not settings.has_accounts:
        return None
    text = who.of_prometheus(settings)
    folder = settings.home.expanduser().resolve() / "ops"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    access_file.put(folder / "metrics-token", text.encode())
    return folder / "metrics-token"


def _ops_ports(settings: Settings) -> ops.Ports:
    return ops.Ports(settings.prometheus_port, settings.alertmanager_port)


def run(settings: Settings, *, demo: bool, with_ops: bool = False) -> None:
    """Run everything until a signal. Raises :class:`Failed`.

    Unless the user asks for more, the services log only what needs attention, so that the report is not lost among it.
    """
    try:
        settings.require_safe()
    except SettingError as error:
        raise Failed(str(error)) from error
    if settings.has_accounts and not settings.desk_key and not settings.desk_key_file.exists():
        access_file.new_key(settings.desk_key_file)
    if "SHIXIAN_LOG_LEVEL" not in os.environ:
        settings = replace(settings, log_level="warning")
    logs.configure(settings, "up")
    if names := unknown():
        log.warning("settings_unknown", names=names)
    verbatim(stderr=True).print(
        f"正在启动 Starting Kafka, PostgreSQL, intake, tracker, stats, desk ({settings.home}) ...",
        soft_wrap=True,
        highlight=False,
    )

    async def on_ready() -> None:
        if demo:
            await asyncio.to_thread(_demo, settings)
        watched = await asyncio.to_thread(ops.pages, _ops_ports(settings)) if with_ops else {}
        _addresses(settings, demo, watched)

    try:
        children = services(settings) + (watching(settings) if with_ops else [])
        run_up(settings, children, on_ready)
    except LocalFailure as error:
        raise Failed(ends.one_line(error)) from error
    except OSError as error:
        raise Failed(ends.of_system(error)) from error
    except (BadConfig, client.Unavailable, client.Refused) as error:
        raise Failed(str(error)) from error


def _demo(settings: Settings) -> None:
    """Post the sample (facts already there are not counted again), wait until it is counted, print the report."""
    lines = list(samples.sample())
    own = who.headers(settings)
    client.post(settings.url("intake"), lines, trust_env=False, headers=lambda: own)
    expected = reporting.fold(lines, FORM, ORGAN, YEAR, datetime.now(UTC))
    url = settings.url("stats")
    limit = time.monotonic() + COUNTED_SECONDS
    while not _holds(report := reporting.fetch(url, FORM, ORGAN, YEAR, headers=own), expected):
        if time.monotonic() > limit:
            raise Failed(f"the sample was posted, but not counted in {COUNTED_SECONDS:.0f} s; see the log above")
        time.sleep(0.1)
    reporting.print_table(report, verbatim(), only="requests")
    living_sample.post(settings)


def _cells(report: Report) -> dict[tuple[str, str, str], Number]:
    return {
        (table.id, row.id, column): value
        for table in report.tables
        for row in table.rows
        for column, value in row.cells.items()
    }


def _holds(report: Report, expected: Report) -> bool:
    """Whether ``report`` counts at least all that ``expected`` does: the user may have posted more."""
    counted = _cells(report)
    return all(counted.get(cell, 0) >= value for cell, value in _cells(expected).items())


def _addresses(settings: Settings, demo: bool, watched: Mapping[str, str]) -> None:
    banner = "时限 Shixian is up. 系统已启动。  Ctrl-C stops it, the data stay. 按 Ctrl-C 停止，数据保留。"
    desk = settings.url("desk")
    rows = [
        ("办理时限 deadlines", f"{desk}/"),
        ("年度报告 annual report", f"{desk}/annual/{ORGAN}/{YEAR}" if demo else f"{desk}/annual"),
        ("指标 metrics", f"{settings.url('stats')}/metrics"),
        ("报送 post facts to", f"{settings.url('intake')}/v1/events"),
        ("数据 data", str(settings.home)),
        ("日志 logs", str(settings.home / "logs")),
    ]
    if watched:
        rows[4:4] = [("告警 alerts", watched["alertmanager"]), ("监控 Prometheus", watched["prometheus"])]
    # Written at once: who waits for the first line of it may read all of it.
    lines = [Text(f"  {label}  {value}") for label, value in rows]
    Console().print(Text("\n").join([Text(), Text(banner, style="bold"), *lines]), soft_wrap=True)
