"""How the shared state reads and writes in the database.

What must be exact happens in one transaction. On SQLite that holds the write lock. On Postgres an advisory lock for the
name goes first, as a statement of its own, so that those after it see what was committed before; several are taken in
order, so that no two transactions wait for each other.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.errors import DatabaseAway
from omniroute.models.db import Database

T = TypeVar("T")

LONGEST = 250  # characters of a name: an entry of a Postgres index has room for 2,704 bytes (btree, "Maximum is 2704")
AT_ONCE = 500  # ids in one statement

# One after the other as they stand in the list: a function in FROM gives its rows in order.
LOCK = sa.text("SELECT pg_advisory_xact_lock(number) FROM unnest(CAST(:numbers AS bigint[])) AS number")


class Transactions:
    def __init__(self, database: Database) -> None:
        self._database = database

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        with _faults_named(), self._database.unit_of_work() as session:
            yield session

    def write(self, work: Callable[[Session], T]) -> T:
        with _faults_named():
            return self._database.write(work)

    def run(self, *statements: sa.Executable) -> None:
        def work(session: Session) -> None:
            for statement in statements:
                session.execute(statement, execution_options={"synchronize_session": False})

        if statements:
            self.write(work)

    def lock(self, session: Session, names: Iterable[str]) -> None:
        """On Postgres, until the end of the transaction; on SQLite the transaction has the lock of everything."""
        if not self._database.is_sqlite and (numbers := sorted({_number(name) for name in names})):
            session.execute(LOCK, {"numbers": numbers})


def short(name: str) -> str:
    """A name as it stands in a table: a long one keeps its beginning, so that it is found by that."""
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()
    return name[: LONGEST - len(digest)] + digest


def pieces(ids: Iterable[str]) -> list[list[str]]:
    listed = list(ids)
    return [listed[start : start + AT_ONCE] for start in range(0, len(listed), AT_ONCE)]


@contextlib.contextmanager
def _faults_named() -> Iterator[None]:
    """Database names those of a database that is away. A broken file, or tables that are not there, are no better here."""
    try:
        yield
    except sa.exc.DatabaseError as exc:
        raise DatabaseAway(f"The database can't keep what workers share ({type(exc).__name__}).") from exc


def _number(name: str) -> int:
    """Any, the same in every process, of 64 bits with a sign."""
    return int.from_bytes(hashlib.blake2b(f"omniroute {name}".encode(), digest_size=8).digest(), signed=True)
