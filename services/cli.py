"""The command ``shixian``: its subcommands in the order of ``--help``. Each imports what it needs when it runs, so that
``--help`` is quick."""

import errno
import sys
from typing import Any

import typer

from services.commands import (
    access_cli,
    facts_cli,
    law_cli,
    letters_cli,
    office_cli,
    output,
    recovery_cli,
    rehearse_cli,
    report_cli,
    run_cli,
)
from services.runtime import collector

app = typer.Typer(
    name="shixian",
    help="Time limits of requests to public authorities, tracked and counted. 依申请公开的时限跟踪与年度统计。",
    add_completion=False,
    pretty_exceptions_enable=False,
)

_UsageError: Any = typer.BadParameter.__base__
"""Typer's own class for a wrong call; it exports only its children."""

for command in (
    run_cli.up,
    run_cli.intake,
    run_cli.tracker,
    run_cli.stats,
    run_cli.desk,
    run_cli.post,
    facts_cli.import_,
    facts_cli.watch,
    run_cli.sample,
    report_cli.report,
    report_cli.what_if,
    law_cli.due,
    law_cli.check,
    rehearse_cli.rehearse,
    recovery_cli.rebuild,
    recovery_cli.audit,
    recovery_cli.export,
    recovery_cli.restore,
    law_cli.schema,
    office_cli.hand_over,
    access_cli.audit_trail,
    access_cli.desk_key,
):
    app.command(command.__name__.rstrip("_").replace("_", "-"))(command)
app.add_typer(letters_cli.letters, name="dead-letters")
app.add_typer(office_cli.duties, name="duties")
app.add_typer(access_cli.token, name="token")
app.add_typer(access_cli.user, name="user")


def _told(error: output.OutputLost) -> int:
    """The exit code where standard output can't be written. A reader that has seen enough is no news."""
    if error.errno == errno.EPIPE:
        return 1
    typer.echo(f"shixian: {error.filename}: {error.strerror}", err=True)
    return 2


def main() -> None:
    """The entry point: what is wrong with a call, or that nothing can be printed, is one line on stderr and exit code
    2."""
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    collector.rarely()
    output.prepare()
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except output.OutputLost as error:
        code = _told(error)
    except _UsageError as error:
        typer.echo(f"shixian: {' '.join(error.format_message().split())}", err=True)
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    sys.exit(code)
