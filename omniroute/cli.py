"""The command line: `python -m omniroute <verb>`, and the same verbs as `flask --app app omniroute <verb>`.

Exit code 1 when something went wrong, 2 when the command or a setting is; one line says what. Most imports stand in the
functions: `prepare` runs before every start and is to be quick when there is nothing to do.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from omniroute.clock import Clock
from omniroute.errors import DatabaseAway, OmniRouteError, SettingError
from omniroute.models.glance import glance, no_file
from omniroute.models.schema import HEAD, require_current
from omniroute.security.vault import Vault
from omniroute.settings import Settings

if TYPE_CHECKING:
    from omniroute.accounts.operations import Accounts
    from omniroute.backup.operations import Backup
    from omniroute.models.db import Database


class _WrongSetting(click.ClickException):
    exit_code = 2


class _Verbs(click.Group):
    """Turns our errors into click's, which prints one line and leaves with a code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OmniRouteError as exc:
            raise (_WrongSetting if isinstance(exc, SettingError) else click.ClickException)(str(exc)) from exc


@click.group("omniroute", cls=_Verbs)
def commands() -> None:
    """Prepare and look after a gateway. Settings come from the environment and .env."""


@commands.command()
def prepare() -> None:
    """Make everything ready for a start: secrets, tables, the first admin."""
    settings = Settings.from_env()
    seen = glance(settings.sqlalchemy_url)
    if seen is not None and seen.revision == HEAD and seen.has_admin:
        Vault(settings.storage_encryption_keys).check(seen.sealed)
        return
    from omniroute.connections.storage_key import check_storage_key

    if seen is None or seen.revision != HEAD:
        _migrate(settings)
    with _database(settings) as database:
        check_storage_key(database, Vault(settings.storage_encryption_keys))
        if _accounts(settings, database).ensure_initial_password():
            click.echo("The dashboard's password is INITIAL_PASSWORD.")


@commands.command()
def migrate() -> None:
    """Bring the tables to this version. Safe to run anywhere, any number of times."""
    _migrate(Settings.from_env())


@commands.command("check-tables")
def check_tables() -> None:
    """Exit code 1, and a line, if the database's tables are of another version. One that is away is not looked at."""
    with contextlib.suppress(DatabaseAway), _database(Settings.from_env()):
        pass


@commands.command("setup-link")
def setup_link() -> None:
    """Print the one-time link again that sets the dashboard's password."""
    settings = Settings.from_env()
    with _database(settings) as database:
        link = _setup_link(settings, _accounts(settings, database))
    click.echo(link or "The gateway is set up already; 'reset-password' sets a new password.")


@commands.command("reset-password")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the new password from standard input instead of asking.")
def reset_password(from_stdin: bool) -> None:
    """Set a new password for the dashboard; ends all sessions."""
    from omniroute.security.audit import CLI

    settings = Settings.from_env()
    with _database(settings) as database:
        if from_stdin:
            new = sys.stdin.readline().rstrip("\n")
        else:
            new = click.prompt("New password", hide_input=True, confirmation_prompt=True)
        _accounts(settings, database).reset_password(new, CLI)
    click.echo("The password is set. All sessions have ended.")


@commands.command("revoke-sessions")
def revoke_sessions() -> None:
    """End all sessions of the dashboard."""
    from omniroute.security.audit import CLI

    settings = Settings.from_env()
    with _database(settings) as database:
        click.echo(f"{_accounts(settings, database).revoke_all(CLI)} sessions ended.")


@commands.command("rotate-storage-key")
def rotate_storage_key() -> None:
    """Seal all stored API keys with the first key of STORAGE_ENCRYPTION_KEY.

    To change the key: put the new one before the old one with a comma between, restart, run this, then take the old one out.
    """
    from omniroute.connections import storage_key
    from omniroute.providers import catalog
    from omniroute.security.audit import CLI
    from omniroute.state.configuration import ConfigurationStore

    settings, clock = Settings.from_env(), Clock()
    vault = Vault(settings.storage_encryption_keys)
    with _database(settings) as database:
        store = ConfigurationStore(database, catalog.load().moved(settings.provider_base_urls), vault, settings, clock)
        click.echo(f"{storage_key.rotate_storage_key(store, vault, clock, CLI)} stored secrets sealed anew.")


@commands.command("export-config")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--with-keys", is_flag=True, help="With the secrets, sealed under a passphrase that is asked for.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the passphrase from standard input instead of asking.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def export_config(file: Path, with_keys: bool, from_stdin: bool, force: bool) -> None:
    """Write the whole configuration into FILE, without logs, sessions and the dashboard's password."""
    from omniroute.backup.operations import require_passphrase
    from omniroute.security.audit import CLI

    if file.exists() and not force:
        raise click.ClickException(f"{file} is there already; --force writes over it")
    passphrase = ""
    if with_keys:
        passphrase = _typed_in(from_stdin) or click.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
        require_passphrase(passphrase)
    with _backup() as backup:
        made = backup.export(CLI, passphrase)
    file.unlink(missing_ok=True)
    file.touch(mode=0o600, exist_ok=False)  # nobody else's to read, whatever was there
    file.write_bytes(made.raw)
    click.echo(f"The configuration is in {file}{', its keys under that passphrase' if with_keys else ', without keys'}.")


@commands.command("import-config")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--merge", is_flag=True, help="Remove nothing: add what is missing, change what has the same id.")
@click.option("--yes", is_flag=True, help="Do not ask before it is done.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the passphrase from standard input instead of asking.")
def import_config(file: Path, merge: bool, yes: bool, from_stdin: bool) -> None:
    """Restore the configuration in FILE: what would change is told first, and it is all done or nothing."""
    from omniroute.security.audit import CLI

    raw, mode = file.read_bytes(), "merge" if merge else "replace"
    with _backup() as backup:
        passphrase = _typed_in(from_stdin)
        upload = backup.read(raw, passphrase)
        if upload.closed and not from_stdin and not yes:
            passphrase = click.prompt(
                "Passphrase of the keys in it (blank: without keys)", "", hide_input=True, show_default=False
            )
            upload = backup.read(raw, passphrase)
        shown = backup.preview(upload, mode, CLI)
        for change in shown.plan.changes:
            click.echo(f"{change.verb:8}{change.kind}: {change.name}{' (may manage)' if change.manages else ''}")
        for each in shown.plan.lacking:
            click.echo(f"off until typed in again: {each.name}: {', '.join(each.what)}")
        for note in shown.notes:
            click.echo(note)
        if not shown.plan.changes:
            click.echo("Nothing would change.")
            return
        if not yes:
            click.confirm("Do this?", abort=True)
        done = backup.restore_shown(shown.carried, CLI)
    click.echo(f"The configuration is restored: {len(done.plan.changes)} changes.")


@commands.command()
@click.option("--repair", is_flag=True, help="Make sums and counters what the log says.")
def reconcile(repair: bool) -> None:
    """Compare the log with its sums and with what counts against budgets and quotas. Exit code 1 when they differ."""
    from omniroute.providers import catalog
    from omniroute.state.configuration import ConfigurationStore
    from omniroute.state.opened import shared_state
    from omniroute.usage.reconcile import Reconcile

    settings, clock = Settings.from_env(), Clock()
    with _database(settings) as database:
        known = catalog.load().moved(settings.provider_base_urls)
        store = ConfigurationStore(database, known, Vault(settings.storage_encryption_keys), settings, clock)
        books = Reconcile(database, shared_state(settings, database), clock)
        if repair:
            books.repair(store.current())
        balance = books.balance(store.current())
    click.echo(f"{balance.hours} hours and {balance.counters} limits compared; {balance.open} requests hold reservations.")
    for each in balance.differences:
        click.echo(f"{each.where}: {each.what} is {each.kept}, the log says {each.rows}")
    if balance.differences:
        raise click.ClickException(f"{len(balance.differences)} differences" + ("" if repair else "; --repair mends them"))
    click.echo("They agree.")


@commands.command()
def work() -> None:
    """Do what is done in the background, until told to end. Several may run, and beside the web workers."""
    import signal

    from app import make_services
    from omniroute.jobs import jobs_of
    from omniroute.logs import configure_logs

    settings = Settings.from_env()
    configure_logs(settings.log_level)
    with _database(settings):
        pass  # its tables are those of this version
    services = make_services(settings, Clock())
    jobs = jobs_of(services)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: jobs.stop())
    jobs.run()
    services.database.close()


@commands.command("providers-page")
def providers_page() -> None:
    """Print the page docs/providers.md, made from the shipped catalogue."""
    from omniroute.providers import catalog, page

    click.echo(page.page(catalog.load(), page.sources()), nl=False)


def main() -> None:
    commands(prog_name="python -m omniroute")


def _migrate(settings: Settings) -> None:
    from omniroute.models import migration

    done = migration.migrate(settings.sqlalchemy_url)
    if done.backup:
        click.echo(f"The database as it was is kept in {done.backup}.")
    if done.before != "current":
        click.echo("The database is ready." if done.before == "absent" else "The database is brought to this version.")


@contextlib.contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    """Open for the block. Raises SchemaError if its tables are not those of this version."""
    from omniroute.models.db import Database

    with contextlib.closing(Database(settings.sqlalchemy_url)) as database:
        require_current(None if no_file(settings.sqlalchemy_url) else database.revision())
        yield database


@contextlib.contextmanager
def _backup() -> Iterator[Backup]:
    from app import make_services

    settings = Settings.from_env()
    with _database(settings):
        pass  # its tables are those of this version
    services = make_services(settings, Clock())
    with contextlib.closing(services.database):
        yield services.backup


def _typed_in(from_stdin: bool) -> str:
    return sys.stdin.readline().rstrip("\n") if from_stdin else ""


def _accounts(settings: Settings, database: Database) -> Accounts:
    from omniroute.accounts.operations import Accounts
    from omniroute.security.sessions import Sessions
    from omniroute.security.throttle import LoginThrottle

    clock = Clock()
    return Accounts(database, Sessions(database, clock), LoginThrottle(database, clock), settings, clock)


def _setup_link(settings: Settings, accounts: Accounts) -> str | None:
    token = accounts.setup_token()
    return f"{settings.address}/setup?token={token}" if token is not None else None
