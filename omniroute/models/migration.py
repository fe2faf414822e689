"""Bringing the tables up to this version, one process at a time, with a copy of an SQLite file put aside before.

It is one transaction, on SQLite too: whatever ends it in the middle, even a kill, leaves the tables as they were, and the
next run does it all. Imported only when there is something to migrate: Alembic takes 0.3 s.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.pool import NullPool

from omniroute import file_lock
from omniroute.models import copies
from omniroute.models.schema import REVISIONS, SchemaError, State, require_current, state_of

FOLDER = Path(__file__).parents[2] / "migrations"
ADVISORY_LOCK = 7_120_453_016  # any number, the same in every process that migrates this database
LOCK_SECONDS = 30.0

# By SQLSTATE or SQLite's name of the error: what to do about it.
REMEDIES = {
    "55P03": ": something else holds a table, or migrates; end it and try again",
    "SQLITE_BUSY": ": something else writes to the file; end it and try again",
    "SQLITE_FULL": ": make room on its disk and try again",
    "SQLITE_READONLY": ": let this user write to the file and its folder, and try again",
    "SQLITE_CANTOPEN": ": let this user write to the file and its folder, and try again",
}


@dataclass(frozen=True, slots=True)
class Migrated:
    """`before` is the state that was found; `backup` the copy made of an SQLite file that held tables already."""

    before: State
    backup: Path | None


def migrate(url: str, folder: Path = FOLDER, known: Sequence[str] = REVISIONS, lock_seconds: float = LOCK_SECONDS) -> Migrated:
    """Migrate the database at `url` to the newest revision of `folder`, the last one `known`, if it is not there yet.

    All or nothing, and safe to run by several processes at once: the second waits and finds the work done. `lock_seconds` is
    how long a step waits for a table that others use.
    Raises SchemaError when the database is from a newer version, or can't be reached or changed.
    """
    try:
        with (
            _no_copy_of_the_unchanged() as copied,
            _sqlite(url, lock_seconds) if url.startswith("sqlite") else _postgres(url, lock_seconds) as connection,
        ):
            before = _bring_up(connection, folder, known, copied)
    except sa.exc.DatabaseError as exc:
        reason = str(exc.orig).strip().partition("\n")[0]
        raise SchemaError(f"the database can't be brought to this version: {reason}; nothing was changed{_remedy(exc)}") from exc
    except OSError as exc:
        raise SchemaError(f"the database can't be brought to this version: {exc}; nothing was changed") from exc
    backup = copied[0] if copied else None
    if backup is not None:
        copies.keep_the_last(backup)
    return Migrated(before, backup)


@contextlib.contextmanager
def _no_copy_of_the_unchanged() -> Iterator[list[Path]]:
    """The copies that are made within. Whatever fails there, the commit included, has changed nothing: they go again, or each
    try of a restart policy would leave one more on a disk that is full.
    """
    made: list[Path] = []
    try:
        yield made
    except BaseException:
        for copy in made:
            with contextlib.suppress(OSError):
                copy.unlink()
        raise


def _remedy(exc: sa.exc.DatabaseError) -> str:
    return REMEDIES.get(str(getattr(exc.orig, "sqlstate", None) or getattr(exc.orig, "sqlite_errorname", None)), "")


def _bring_up(connection: sa.Connection, folder: Path, known: Sequence[str], copied: list[Path]) -> State:
    """What state it was in. A copy that was made of it is added to `copied`."""
    revision = _revision(connection)
    before = state_of(revision, known)
    if before == "ahead":
        require_current(revision, known)
    if before == "current":
        return before
    if before != "absent" and connection.dialect.name == "sqlite":
        copied.append(copies.put_aside(Path(str(connection.engine.url.database)), str(revision)))
    _upgrade(connection, folder)
    return before


def _upgrade(connection: sa.Connection, folder: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if broken := _broken_references(connection):
        raise SchemaError(f"the migration would leave rows that refer to nothing, in: {broken}; nothing was changed")


@contextlib.contextmanager
def _sqlite(url: str, lock_seconds: float) -> Iterator[sa.Connection]:
    """A transaction with the write lock, while no other process of this machine migrates.

    Foreign keys are not enforced in it: a batch migration drops the old table, which would delete what refers to it.
    """
    path = _path(url)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file_lock.held(path.parent):
        path.touch(mode=0o600)
        engine = sa.create_engine(url, poolclass=NullPool, connect_args={"timeout": lock_seconds})
        sa.event.listen(engine, "connect", _on_connect)
        sa.event.listen(engine, "begin", _on_begin)
        with engine.begin() as connection:
            yield connection


def _on_connect(connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL").close()


def _on_begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextlib.contextmanager
def _postgres(url: str, lock_seconds: float) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, poolclass=NullPool, connect_args={"prepare_threshold": None, "connect_timeout": 10})
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL lock_timeout = '10min'"))  # another one that migrates a long log
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": ADVISORY_LOCK})
        # A table that a running dyno holds must not hang the release for ever.
        connection.execute(sa.text(f"SET LOCAL lock_timeout = {int(lock_seconds * 1000)}"))
        yield connection


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _broken_references(connection: sa.Connection) -> str:
    if connection.dialect.name != "sqlite":
        return ""
    return ", ".join(sorted({row[0] for row in connection.execute(sa.text("PRAGMA foreign_key_check"))}))


def _path(url: str) -> Path:
    return Path(str(sa.make_url(url).database))
