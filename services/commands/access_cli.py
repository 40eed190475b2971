"""The subcommands ``token``, ``user``, ``desk-key`` and ``audit-trail``. Each imports what it needs when it runs."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from services.commands.console import at_home, fail, read_settings

token = typer.Typer(help="Tokens of systems that call the APIs.", no_args_is_help=True)
user = typer.Typer(help="Accounts of people at the desk, where there is no OpenID provider.", no_args_is_help=True)

Organs = Annotated[list[str] | None, typer.Option("--organ", help="An organ's code; may be given several times.")]
Every = Annotated[bool, typer.Option("--every-organ", help="Not limited to organs.")]
LONGEST = 100
"""Characters of the name of a token or an account."""


def _path() -> Path:
    given = read_settings().access
    if not given:
        fail("SHIXIAN_ACCESS: expected the file that the services read tokens and accounts from")
    return Path(given).expanduser()


def _changed(how: Any) -> Any:
    from services.commands.access_file import change
    from services.runtime.failed import Failed

    try:
        return change(_path(), how)
    except Failed as error:
        fail(str(error))


def _organs(organs: list[str] | None, every: bool) -> tuple[str, ...] | None:
    if bool(organs) == every:
        fail("--organ: expected the organs by their codes, or --every-organ, not both")
    if not all(one.strip() for one in organs or ()):
        fail("--organ: expected an organ's code, got an empty one")
    return None if every else tuple(sorted(set(organs or ())))


@token.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="Whose it is, e.g. the name of an intake system; not a person's name.")],
    scope: Annotated[list[str], typer.Option(help="What it may do; may be given several times.")],
    organ: Organs = None,
    every_organ: Every = False,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How long it is valid.")] = 365,
) -> None:
    """Make a token and print it, once: only its hash is kept."""
    from services.access import tokens
    from services.access.file import Token, with_token
    from services.access.principal import OF_ALL, SCOPES

    scopes = tuple(one for one in SCOPES if one in scope)
    if unknown := sorted(set(scope) - set(SCOPES)):
        fail(f"--scope: expected one of {', '.join(SCOPES)}, got {unknown[0]!r}")
    if not (name.strip() and len(name) <= LONGEST and name.isprintable()):
        fail(f"expected a name of 1 to {LONGEST} characters in one line, got {name[:60]!r}")
    if not every_organ and (whole := sorted(OF_ALL & set(scopes))):
        fail(f"--scope: {whole[0]} is about all organs, and so goes with --every-organ only")
    organs = _organs(organ, every_organ)
    id_, text, kept = tokens.new()
    now = datetime.now(UTC).replace(microsecond=0)
    expires = now + timedelta(days=days)
    made = Token(id=id_, name=name, hash=kept, scopes=scopes, organs=organs, created_at=now, expires_at=expires)
    _changed(lambda access: with_token(access, made))
    typer.echo(text)
    typer.echo(
        f"令牌只显示这一次，{expires:%Y-%m-%d} 到期。 Shown only this once; it expires on {expires:%Y-%m-%d}.",
        err=True,
    )


@token.command("list")
def list_tokens() -> None:
    """The tokens: id, state, until when, last use (within an hour), scopes, organs, name."""
    from services.access.tokens import is_over
    from services.commands.access_file import read
    from services.runtime.failed import Failed

    now = datetime.now(UTC)
    try:
        tokens = read(_path()).tokens
    except Failed as error:
        fail(str(error))
    used, why = _last_uses()
    for one in tokens:
        state = "revoked" if one.revoked_at else "expired" if is_over(one.expires_at, now) else "valid"
        until = f"{one.expires_at:%Y-%m-%d}" if one.expires_at else "-"
        organs = "*" if one.organs is None else ",".join(one.organs)
        last = used.get(f"token:{one.id}")
        seen = "?" if why else f"{last:%Y-%m-%dT%H:%MZ}" if last else "-"
        typer.echo(f"{one.id}  {state:<7}  {until:<10}  {seen:<17}  {','.join(one.scopes)}  {organs}  {one.name}")
    if why:
        typer.echo(f"shixian: the log, which says when they were last used, can't be read: {why}", err=True)


def _last_uses() -> tuple[dict[str, datetime], str]:
    """When each token was last used; or why that is not known. Starts nothing: a list is no reason to."""
    import asyncio
    import logging

    from services.local.run_file import running
    from services.runtime.batch import PositionRefused
    from services.runtime.damage import LogDamaged
    from services.runtime.retry import LogUnavailable
    from services.runtime.trail_reading import last_uses

    settings = read_settings()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    if not settings.kafka and (here := running(settings)) is None:
        return {}, "`shixian up` is not running, and SHIXIAN_KAFKA is not set"
    if not settings.kafka and here is not None:
        settings = replace(settings, kafka=here.kafka)
    try:
        return asyncio.run(last_uses(settings)), ""
    except (LogUnavailable, LogDamaged, PositionRefused) as error:
        return {}, str(error)


@token.command("revoke")
def revoke_token(id_: Annotated[str, typer.Argument(metavar="ID", help="As `shixian token list` shows it.")]) -> None:
    """Make a token invalid, a second or two from now in every service that reads the file."""
    from services.access.file import revoked

    now = datetime.now(UTC).replace(microsecond=0)
    try:
        _changed(lambda access: revoked(access, id_, now))
    except KeyError:
        fail(f"{id_!r}: expected the id of a token, as `shixian token list` shows it")
    typer.echo(f"{id_} revoked")


@user.command("add")
def add_user(
    account: Annotated[str, typer.Argument(help="A short name that stands in the audit trail, e.g. a staff number.")],
    role: Annotated[
        list[str], typer.Option(help="officer, supervisor, publisher, auditor or admin; several may be given")
    ],
    organ: Organs = None,
    every_organ: Every = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Change the account that is there: its password, roles and organs.")
    ] = False,
) -> None:
    """Make an account; the password is asked for, or read from standard input."""
    import re

    from services.access import passwords
    from services.access.file import Access, User, with_user
    from services.access.principal import OF_ALL, ROLES
    from services.commands.access_file import read
    from services.runtime.failed import Failed

    roles = tuple(one for one in ROLES if one in role)
    if unknown := sorted(set(role) - set(ROLES)):
        fail(f"--role: expected one of {', '.join(ROLES)}, got {unknown[0]!r}")
    if not every_organ and (whole := [one for one in roles if ROLES[one] & OF_ALL]):
        fail(f"--role: what an {whole[0]} does is about all organs, and so goes with --every-organ only")
    if not re.fullmatch(rf"[\w.@-]{{1,{LONGEST}}}", account):
        allowed = "letters, digits, '.', '-', '_' and '@'"
        fail(f"expected an account of 1 to {LONGEST} {allowed}, got {account[:60]!r}")
    organs = _organs(organ, every_organ)

    def judged(access: Access) -> Access:
        there = account in access.by_account
        if there and not replace:
            raise Failed(f"{account}: there is such an account; --replace changes its password, roles and organs")
        if replace and not there:
            raise Failed(f"{account}: there is no such account to replace; without --replace it is made")
        return access

    try:
        judged(read(_path()))  # before anyone types a password
    except Failed as error:
        fail(str(error))
    if sys.stdin.isatty():
        password = typer.prompt("密码 Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    try:
        made = User(account=account, password=passwords.hashed(account, password), roles=roles, organs=organs)
    except passwords.WeakPassword as error:
        fail(f"password: {error}")
    _changed(lambda access: with_user(judged(access), made))
    typer.echo(f"{account}: {', '.join(roles)}; {'*' if organs is None else ', '.join(organs)}")


@user.command("list")
def list_users() -> None:
    """The accounts: name, roles, organs."""
    from services.commands.access_file import read
    from services.runtime.failed import Failed

    try:
        users = read(_path()).users
    except Failed as error:
        fail(str(error))
    for one in users:
        typer.echo(f"{one.account}  {','.join(one.roles)}  {'*' if one.organs is None else ','.join(one.organs)}")


@user.command("remove")
def remove_user(account: Annotated[str, typer.Argument(help="As `shixian user list` shows it.")]) -> None:
    """Take an account away; who is logged in with it is out a second or two later."""
    from services.access.file import without_user

    try:
        _changed(lambda access: without_user(access, account))
    except KeyError:
        fail(f"{account!r}: expected an account, as `shixian user list` shows it")
    typer.echo(f"{account} removed")


def desk_key(
    public: Annotated[bool, typer.Option("--public", help="Print the public half, for the other services.")] = False,
) -> None:
    """Make the key that the desk signs with, or put a fresh one first; the old one is believed until the next time."""
    from services.access.file import BadFile
    from services.access.signed import Keys
    from services.commands.access_file import new_key
    from services.runtime.failed import Failed

    path = read_settings().desk_key_file
    try:
        if public:
            typer.echo(Keys.read(path.read_bytes()).text(private=False).decode(), nl=False)
            return
        new_key(path)
    except (OSError, BadFile) as error:
        fail(f"{path}: {error}")
    except Failed as error:
        fail(str(error))
    typer.echo(str(path))


def audit_trail() -> None:
    """Print the audit trail as JSON lines, and look whether its chain holds; exit code 1 where it does not."""

    def run(settings: Any) -> bool:
        import asyncio

        from aiokafka.errors import KafkaError

        from services.commands.audit_trail import printed

        try:
            return asyncio.run(printed(settings, typer.echo, lambda text: typer.echo(text, err=True)))
        except (KafkaError, OSError) as error:
            fail(f"the audit trail can't be read: {error or type(error).__name__}")

    raise typer.Exit(0 if at_home(run) else 1)
