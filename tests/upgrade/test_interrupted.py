"""Migrations that meet each other, are killed in the middle, or can't have what others hold."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from bench.processes import PYTHON
from omniroute.models.migration import migrate
from omniroute.models.schema import HEAD, SchemaError
from tests.upgrade.olden import Olden, Rows
from tests.upstream.client import until

# Each makes a row of the sums: more than SQLite keeps in memory, so that it writes long before the migration is over.
MANY = """
INSERT INTO log_rows (id, at, method, path, endpoint, format, streamed, status, kind, usage_source, attempts, dropped,
    upstream_model)
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 25000)
SELECT 'row-' || n, 1700000000 + n * 60, 'POST', '/v1/messages', '/v1/messages', 'anthropic_messages', FALSE, 200, 'ok',
    'reported', '[]', '[]', 'model-' || n
FROM numbers
"""
SPILLED = 1_000_000  # bytes of the write-ahead log: some of the migration is in it


def started(olden: Olden) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PYTHON, "-m", "omniroute", "migrate"],
        cwd=olden.folder,
        env=olden.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_of_two_at_once_one_migrates_and_the_other_waits(olden: Olden) -> None:
    olden.bring_to("0001")
    both = [started(olden), started(olden)]
    told = [each.communicate(timeout=120)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0], told
    assert sorted("The database is brought to this version." in each for each in told) == [False, True]
    assert olden.revision() == HEAD and len(olden.copies()) == (1 if olden.is_sqlite else 0)


def test_one_that_was_killed_is_done_by_the_next(lite: Olden) -> None:
    lite.bring_to("0001")
    lite.execute(MANY)
    before = lite.rows()
    log = lite.file.with_name("omniroute.db-wal")
    killed = started(lite)
    try:
        until(lambda: lite.copies() and log.exists() and log.stat().st_size > SPILLED, 60, lambda: "it to be in the middle")
    finally:
        killed.kill()
        killed.communicate()
    assert lite.rows() == before, "it was over already, or half of it is left"
    all_done(lite, before)


def test_one_that_was_killed_on_postgres_is_done_by_the_next(postgres_olden: Olden) -> None:
    olden = postgres_olden
    olden.bring_to("0001")
    before = olden.rows()
    with holding(olden, "log_rows") as others:
        killed = started(olden)
        until(lambda: waits(others, "relation"), 60, lambda: "it to wait for the table, in the middle")
        killed.kill()
        killed.communicate()
        after = started(olden)
        until(lambda: waits(others, "advisory"), 60, lambda: "the next one to wait for what the server still does for the first")
    assert after.communicate(timeout=120)[0] == "The database is brought to this version.\n" and after.returncode == 0
    all_done(olden, before)


def all_done(olden: Olden, before: Rows) -> None:
    done = olden.told("migrate")
    assert (done.returncode, done.stderr) == (0, "")
    after = olden.rows()
    assert after["alembic_version"] == [{"version_num": HEAD}]
    assert {each["id"] for each in after["log_rows"]} == {each["id"] for each in before["log_rows"]}
    assert sum(each["requests"] for each in after["usage_days"]) == len(before["log_rows"])


def test_a_table_that_others_hold_is_not_waited_for_for_ever(olden: Olden) -> None:
    olden.bring_to("0001")
    before = olden.rows()
    with holding(olden, "log_rows"), pytest.raises(SchemaError) as caught:
        migrate(olden.url, lock_seconds=0.3)
    assert "nothing was changed: something else " in str(caught.value) and "\n" not in str(caught.value)
    assert olden.rows() == before and olden.copies() == []
    migrate(olden.url, lock_seconds=0.3)


@contextlib.contextmanager
def holding(olden: Olden, table: str) -> Iterator[psycopg.Connection | None]:
    """Somebody in the middle of a transaction: on SQLite with the one write lock, on Postgres with this table."""
    if olden.is_sqlite:
        with contextlib.closing(sqlite3.connect(olden.file, isolation_level=None)) as lite:
            lite.execute("BEGIN IMMEDIATE")
            yield None
        return
    with psycopg.connect(olden.url.replace("+psycopg", "")) as connection:
        connection.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE".encode())
        yield connection
        connection.rollback()


def waits(connection: psycopg.Connection | None, lock: str) -> bool:
    """Whether somebody waits for a lock of this kind in this database."""
    assert connection is not None
    asked = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = %s AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    row = connection.execute(asked, (lock,)).fetchone()
    return row is not None and row[0] > 0
