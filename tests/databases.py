"""Real databases for tests: a fresh SQLite file or a fresh Postgres database each, with the tables of today in it.

The Postgres server is a private one, started when the first test asks, reachable by a Unix socket only, stopped at the
end. Postgres refuses to run as root; then it runs as the user `postgres`, which Debian's package makes.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from omniroute.models.db import Database
from omniroute.models.migration import migrate
from omniroute.models.schema import HEAD
from omniroute.models.tables import METADATA
from tests.left_behind import look_through_postgres, look_through_sqlite

FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=60")


@dataclass(frozen=True)
class Postgres:
    """A running server. `folder` holds its socket."""

    folder: Path
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def create(self, template: str = "template0") -> str:
        """A new database, a copy of `template`; its name."""
        name = f"test_{next(self.numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        with psycopg.connect(f"host={self.folder} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(statement.encode())


class PostgresServer:
    """A private one, by its Unix socket only. `folder` stays the same over a stop and a start, and so does what is in it."""

    def __init__(self) -> None:
        self.binaries = _binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="omniroute-postgres-"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self.running = Postgres(self.folder)
        self.process: subprocess.Popen[bytes] | None = None
        given = ["-D", self.folder / "cluster", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        command = [*_as_nobody_special(), self.binaries / "initdb", *given]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def start(self) -> None:
        options = [part for setting in FAST for part in ("-c", setting)]
        command = [*_as_nobody_special(), self.binaries / "postgres", "-D", self.folder / "cluster", "-k", self.folder, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)
        _wait(self.running, self.process)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """SIGINT and SIGQUIT throw everybody out; SIGTERM waits for them to leave."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=30)
            self.process = None

    def remove(self) -> None:
        self.stop(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this run."""
    server = PostgresServer()
    try:
        server.start()
        yield server.running
    finally:
        server.remove()


@pytest.fixture(scope="session")
def _postgres_template(postgres: Postgres) -> str:
    name = postgres.create()
    migrate(postgres.url(name))
    return name


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "omniroute.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, _sqlite_template: Path) -> Iterator[str]:
    """A SQLite file of this test's own, with the tables in it. A secret that it leaves there fails the test."""
    path = tmp_path / "omniroute.db"
    shutil.copyfile(_sqlite_template, path)
    yield f"sqlite:///{path}"
    look_through_sqlite(path)


@pytest.fixture
def postgres_url(postgres: Postgres, _postgres_template: str) -> Iterator[str]:
    """A Postgres database of this test's own, with the tables in it, to do anything to."""
    name = postgres.create(_postgres_template)
    yield postgres.url(name)
    try:
        look_through_postgres(postgres.url(name))
    finally:
        postgres.drop(name)


@pytest.fixture(scope="session")
def _postgres_reused(postgres: Postgres, _postgres_template: str) -> str:
    return postgres.create(_postgres_template)


@pytest.fixture
def emptied_postgres_url(postgres: Postgres, _postgres_reused: str) -> Iterator[str]:
    """A Postgres database with the tables as they are when new; the next test gets the same one, emptied: four times as fast."""
    yield postgres.url(_postgres_reused)
    try:
        look_through_postgres(postgres.url(_postgres_reused))
    finally:
        _empty(postgres, _postgres_reused)


def _empty(postgres: Postgres, name: str) -> None:
    with psycopg.connect(f"host={postgres.folder} user=postgres dbname={name}", autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        for table in reversed(METADATA.sorted_tables):
            connection.execute(f"DELETE FROM {table.name}".encode())
        connection.execute("INSERT INTO config_version VALUES (1, 1)")
        connection.execute(f"UPDATE alembic_version SET version_num = '{HEAD}'".encode())


@pytest.fixture(params=["sqlite", "emptied_postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The test runs twice: on SQLite and on Postgres. It may change rows, not tables."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def own_url(request: pytest.FixtureRequest) -> str:
    """As `database_url`, for a test that changes tables as well."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """As `database_url`, but without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'omniroute.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def _as_nobody_special() -> list[str]:
    """The server ends with us, whatever ends us; and it is not root."""
    drop = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *drop, "--pdeathsig", "INT"]


def _binaries() -> Path:
    """The newest installed; Debian keeps them outside PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = versions[-1] if versions else shutil.which("initdb")
    assert found, "these tests need PostgreSQL: install Debian's package 'postgresql'"
    return Path(found).parent


def _wait(running: Postgres, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            running.execute("SELECT 1")
            return
        except psycopg.OperationalError:
            assert server.poll() is None, "the Postgres server did not start"
            assert time.monotonic() < until, "the Postgres server did not answer within 60 s"
            time.sleep(0.02)


@contextmanager
def statements() -> Iterator[list[str]]:
    """All that go to any database meanwhile."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        sent.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
