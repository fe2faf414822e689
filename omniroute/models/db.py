"""The database: SQLite or Postgres, plain sessions, one writer a process on SQLite.

Measured under gevent with SQLite: a greenlet that yields inside a write transaction makes the others' busy-wait block the
whole loop, and a deferred BEGIN that reads and then writes fails at once when another process has committed between. So
all SQLite writes of a process run on one OS thread, with BEGIN IMMEDIATE, and nothing yields inside. Reads run on the
calling greenlet: in WAL they wait for nobody.

Engines are made on first use and per process, so a fork inherits no open connection.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import DeclarativeBase, Session, configure_mappers
from sqlalchemy.pool import StaticPool

from omniroute.errors import DatabaseAway
from omniroute.models.schema import State, state_of
from omniroute.threads import cooperative, on_thread, one_thread

if TYPE_CHECKING:
    from gevent.threadpool import ThreadPool

T = TypeVar("T")

WRITE_WAIT = 10.0  # seconds
CONNECTIONS = 5  # of a process to Postgres at the most
ONLY_READS = "25006"  # Postgres's SQLSTATE for a write where it takes none
READ_WAIT = 1.0  # seconds; in WAL a reader waits only while the log is recovered, and then it stalls the loop

SMALL_CACHE = "cache_size=-512"  # kB a connection, a quarter of SQLite's own: the system has the file in memory as well

# Names that are the same on SQLite and Postgres, so that a later migration can drop what an earlier one made.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMING)


db = SQLAlchemy(model_class=Base, disable_autonaming=True)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class Database:
    """`url` is SQLAlchemy's: `sqlite:////path/to/file` or `postgresql+psycopg://...`. Making one connects nowhere.

    `write_wait` is how many seconds a write waits for another process's, on SQLite; `connections` how many a process has to
    Postgres at the most.
    """

    def __init__(self, url: str, write_wait: float = WRITE_WAIT, connections: int = CONNECTIONS) -> None:
        self.url = url
        self._write_wait, self._connections = write_wait, connections
        self.is_sqlite = url.startswith("sqlite")
        self.not_written = False  # the last write of this process was refused: away, full, locked or only to be read
        self._opened: _Opened | None = None
        self._inside: ContextVar[bool] = ContextVar("inside a write", default=False)

    @contextlib.contextmanager
    def unit_of_work(self) -> Iterator[Session]:
        """A session for reading; the database itself refuses a write in it. Raises DatabaseAway.

        What it saw is one state of the database on SQLite; on Postgres each statement sees what is committed by then.
        """
        with _faults_named(), Session(self._open().reading, expire_on_commit=False) as session, session.begin():
            yield session

    def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one transaction, committed when it returns and rolled back when it raises.

        It must return plain values, not rows, and must neither yield to other greenlets nor call `write` again: on
        SQLite it runs on the process's only writer thread. Raises DatabaseAway and whatever `work` raises.
        """
        if self._inside.get():
            raise RuntimeError("Database.write inside Database.write: pass the session on instead")
        opened = self._open()
        try:
            with _faults_named():
                if opened.thread is not None:
                    done = on_thread(opened.thread, lambda: self._transact(opened, work))
                elif self.is_sqlite:
                    with opened.turn:
                        done = self._transact(opened, work)
                else:
                    done = self._transact(opened, work)
        except DatabaseAway:
            self.not_written = True
            raise
        self.not_written = False
        return done

    def write_at_once(self, work: Callable[[sqlite3.Connection], T | None]) -> T | None:
        """On SQLite, while nobody else writes: run `work` in one transaction right here, committed unless it returns None.

        None as well when another one has the database, or anything is wrong with it: `write` waits, and tells. `work` is to be
        as short as a few statements by a key, for everything waits for it.
        """
        opened = self._open()
        if self._inside.get() or not opened.turn.acquire(blocking=False):
            return None
        try:
            connection = opened.at_once(self.url)
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = work(connection)
                connection.execute("ROLLBACK" if done is None else "COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            return done
        except sqlite3.Error as exc:
            if getattr(exc, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                opened.close_at_once()  # whatever state it is in
            return None
        finally:
            opened.turn.release()

    def _transact(self, opened: _Opened, work: Callable[[Session], T]) -> T:
        token = self._inside.set(True)
        try:
            with Session(opened.writing, expire_on_commit=False) as session, session.begin():
                return work(session)
        finally:
            self._inside.reset(token)

    def ping(self) -> None:
        """One statement there and back. Raises DatabaseAway."""
        with self.unit_of_work() as session:
            session.execute(sa.text("SELECT 1"))

    def schema(self) -> State:
        """Where the tables stand against this version of the program. Raises DatabaseAway."""
        return state_of(self.revision())

    def revision(self) -> str | None:
        """Which one the tables are of; None when there are none. Raises DatabaseAway."""
        with self.unit_of_work() as session:
            if not sa.inspect(session.connection()).has_table("alembic_version"):
                return None
            return session.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()

    def server(self) -> str:
        """What answers, such as "SQLite 3.46.1" or "PostgreSQL 17.2". Raises DatabaseAway."""
        with self.unit_of_work() as session:
            if self.is_sqlite:
                return f"SQLite {session.scalar(sa.text('SELECT sqlite_version()'))}"
            told = str(session.scalar(sa.text("SHOW server_version")))
        return f"PostgreSQL {told.split()[0]}"  # packages add their own name

    def size(self) -> int:
        """Bytes that it takes on disk, without what waits in SQLite's write-ahead log. Raises DatabaseAway."""
        pages = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        with self.unit_of_work() as session:
            asked = pages if self.is_sqlite else "SELECT pg_database_size(current_database())"
            return int(session.scalar(sa.text(asked)) or 0)

    @property
    def in_use(self) -> int:
        """How many connections of the pool are lent out now; SQLite's one for writing is not of the pool."""
        pool = None if self._opened is None else self._opened.reading.pool
        return pool.checkedout() if isinstance(pool, sa.QueuePool) else 0

    def close(self) -> None:
        """Close all connections of this process. The next use opens new ones."""
        opened, self._opened = self._opened, None
        if opened is not None and opened.pid == os.getpid():
            opened.reading.dispose()
            opened.close_at_once()
            if opened.thread is not None:
                on_thread(opened.thread, opened.writing.dispose)
                opened.thread.kill()
            else:
                opened.writing.dispose()

    def _open(self) -> _Opened:
        opened = self._opened
        if opened is None or opened.pid != os.getpid():
            opened = _open_sqlite(self.url, self._write_wait) if self.is_sqlite else _open_postgres(self.url, self._connections)
            self._opened = opened
        return opened


def inserting(*, sqlite: bool) -> Callable[[Any], Any]:
    """An INSERT of the database's own, which may say what happens to a row that is there."""
    if sqlite:
        return sqlite_insert
    from sqlalchemy.dialects.postgresql import insert  # deferred: an SQLite installation does without its two megabytes

    return insert


def insert_new(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Add `rows` (all with the same keys) in one statement; one whose primary or unique key is there already is left alone."""
    if not rows:
        return
    insert = inserting(sqlite=session.get_bind().dialect.name == "sqlite")
    session.connection().execute(insert(table).on_conflict_do_nothing(), list(rows))


@dataclass(frozen=True, slots=True)
class _Opened:
    """What one process holds. `turn` stands in for the writer thread where no loop runs, and guards what is written at once."""

    pid: int
    reading: sa.Engine
    writing: sa.Engine
    thread: ThreadPool | None
    turn: threading.Lock
    direct: list[sqlite3.Connection] = field(default_factory=list)  # one at most, made when it is asked for

    def at_once(self, url: str) -> sqlite3.Connection:
        """A connection that waits for nobody, and leaves the log of changes to the one that writes."""
        if not self.direct:
            path = sa.make_url(url).database or ""
            connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            for pragma in ("synchronous=NORMAL", "foreign_keys=ON", "wal_autocheckpoint=0", SMALL_CACHE):
                connection.execute(f"PRAGMA {pragma}").close()
            self.direct.append(connection)
        return self.direct[0]

    def close_at_once(self) -> None:
        while self.direct:
            self.direct.pop().close()


def _open_sqlite(url: str, write_wait: float) -> _Opened:
    configure_mappers()  # here, so that its lock is never taken on the writer thread
    reads, writes = ({"check_same_thread": False, "timeout": wait} for wait in (READ_WAIT, write_wait))
    # What a failing statement was given has no place in a log.
    reading = sa.create_engine(url, pool_size=5, max_overflow=20, connect_args=reads, hide_parameters=True)
    writing = sa.create_engine(url, poolclass=StaticPool, connect_args=writes, hide_parameters=True)
    sa.event.listen(reading, "connect", _on_connect("query_only=ON", SMALL_CACHE))
    sa.event.listen(reading, "begin", _on_begin("BEGIN"))
    sa.event.listen(writing, "connect", _on_connect("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", SMALL_CACHE))
    sa.event.listen(writing, "begin", _on_begin("BEGIN IMMEDIATE"))
    return _Opened(os.getpid(), reading, writing, one_thread() if cooperative() else None, threading.Lock())


def _open_postgres(url: str, connections: int) -> _Opened:
    from omniroute.models.postgres import open_postgres  # deferred: an SQLite installation does without psycopg

    configure_mappers()
    writing = open_postgres(url, connections)
    reading = writing.execution_options(postgresql_readonly=True)
    return _Opened(os.getpid(), reading, writing, None, threading.Lock())


def _on_connect(*pragmas: str) -> Callable[[Any, Any], None]:
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself; _on_begin does
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    return prepare


def _on_begin(statement: str) -> Callable[[sa.Connection], None]:
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin


@contextlib.contextmanager
def _faults_named() -> Iterator[None]:
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError, sa.exc.TimeoutError) as exc:
        if isinstance(exc, sa.exc.InternalError) and getattr(exc.orig, "sqlstate", None) != ONLY_READS:
            raise
        told = str(exc.__cause__) if isinstance(exc.__cause__, sqlite3.Error) else ""  # Postgres's words name hosts and users
        if isinstance(exc, sa.exc.InternalError):
            told = "it only reads"
        why = f" ({told})" if told else ""
        raise DatabaseAway(f"The database can't be used right now{why}; nothing was changed. Try again in a moment.") from exc
