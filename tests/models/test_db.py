from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.errors import DatabaseAway
from omniroute.models.configuration import ConfigVersionRow, SettingRow
from omniroute.models.db import Database, insert_new


def put(session: Session, key: str = "colour", value: object = "blue") -> str:
    session.add(SettingRow(key=key, value=value))
    return key


def stored(database: Database) -> dict[str, object]:
    with database.unit_of_work() as session:
        return {row.key: row.value for row in session.scalars(sa.select(SettingRow))}


def test_what_is_written_is_there_and_the_result_comes_back(database: Database) -> None:
    assert database.write(lambda session: put(session)) == "colour"
    assert stored(database) == {"colour": "blue"}


def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    def work(session: Session) -> None:
        put(session)
        session.flush()
        raise KeyError("changed my mind")

    with pytest.raises(KeyError, match="changed my mind"):
        database.write(work)
    assert stored(database) == {}


def test_a_unit_of_work_can_only_read(database: Database) -> None:
    with pytest.raises((DatabaseAway, sa.exc.InternalError)), database.unit_of_work() as session:
        put(session)
        session.flush()
    assert stored(database) == {}


def test_a_write_inside_a_write_is_a_mistake_and_not_a_deadlock(database: Database) -> None:
    with pytest.raises(RuntimeError, match="pass the session on"):
        database.write(lambda session: database.write(put))
    database.write(put)
    assert stored(database) == {"colour": "blue"}


def test_insert_new_leaves_alone_what_is_there(database: Database) -> None:
    database.write(put)
    rows = [{"key": "colour", "value": "red"}, {"key": "shape", "value": "round"}]
    database.write(lambda session: insert_new(session, SettingRow, rows))
    database.write(lambda session: insert_new(session, SettingRow, []))
    assert stored(database) == {"colour": "blue", "shape": "round"}


def test_a_read_sees_one_state_on_sqlite(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.unit_of_work() as session:
        assert session.scalars(sa.select(SettingRow.key)).all() == []
        database.write(put)
        assert session.scalars(sa.select(SettingRow.key)).all() == []
    assert stored(database) == {"colour": "blue"}
    database.close()


def test_many_threads_count_right(database: Database) -> None:
    def count() -> None:
        for _ in range(20):
            database.write(
                lambda session: session.execute(sa.update(ConfigVersionRow).values(version=ConfigVersionRow.version + 1)) and None
            )

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.unit_of_work() as session:
        assert session.scalars(sa.select(ConfigVersionRow.version)).one() == 81


def test_a_forked_child_opens_connections_of_its_own(database: Database) -> None:
    database.write(put)
    pid = os.fork()
    if pid == 0:
        done = 1
        try:
            database.write(lambda session: put(session, "child"))
            done = 0 if len(stored(database)) == 2 else 2
        finally:
            os._exit(done)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert set(stored(database)) == {"colour", "child"}


def test_schema_and_ping(database: Database) -> None:
    database.ping()
    assert database.schema() == "current"
    database.write(lambda session: session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'")) and None)
    assert (database.schema(), database.revision()) == ("ahead", "9999")


def test_what_answers_and_how_much_it_holds(database: Database) -> None:
    name = "SQLite" if database.is_sqlite else "PostgreSQL"
    assert re.fullmatch(rf"{name} \d+\.\d+(\.\d+)?", database.server())
    assert database.size() > 100_000


def test_schema_of_an_empty_database(empty_url: str) -> None:
    database = Database(empty_url)
    assert (database.schema(), database.revision()) == ("absent", None)
    database.close()


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all/omniroute.db", "postgresql+psycopg://u@127.0.0.1:1/none"])
def test_a_database_that_is_away_is_named_without_its_address(url: str) -> None:
    database = Database(url)
    with pytest.raises(DatabaseAway) as caught:
        database.ping()
    assert caught.value.status == 503
    assert "127.0.0.1" not in str(caught.value) and "nowhere" not in str(caught.value)
    with pytest.raises(DatabaseAway):
        database.write(put)
    database.close()


def test_sqlite_is_in_wal_and_enforces_foreign_keys(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    read = ("journal_mode", "foreign_keys", "synchronous")
    found = database.write(lambda session: [session.execute(sa.text(f"PRAGMA {name}")).scalar() for name in read])
    assert found == ["wal", 1, 1]
    database.close()


def test_a_lock_that_is_never_released_is_told(sqlite_url: str) -> None:
    database = Database(sqlite_url, write_wait=0.02)
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseAway, match="can't be used right now"):
        database.write(put)
    holder.execute("ROLLBACK")
    holder.close()
    database.write(put)
    assert stored(database) == {"colour": "blue"}
    database.close()


# What follows runs in a process of its own, patched by gevent as a worker is.

UNDER_THE_LOCK = """
    from gevent import monkey
    monkey.patch_all()
    import sqlite3, sys, gevent
    import sqlalchemy as sa
    from omniroute.models.configuration import SettingRow
    from omniroute.models.db import Database

    database = Database(sys.argv[1])
    database.write(lambda session: session.add(SettingRow(key="warm", value=1)))
    holder = sqlite3.connect(sys.argv[1].removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    ticks = 0
    reads = 0

    def tick():
        global ticks
        while True:
            gevent.sleep(0.01)
            ticks += 1

    def read():
        global reads
        while True:
            with database.unit_of_work() as session:
                session.scalars(sa.select(SettingRow)).all()
            reads += 1
            gevent.sleep(0.01)

    others = [gevent.spawn(tick), gevent.spawn(read)]
    writers = [
        gevent.spawn(database.write, lambda session, n=n: session.add(SettingRow(key=f"k{n}", value=n))) for n in range(5)
    ]
    gevent.sleep(1.0)
    held = (ticks, reads, sum(writer.ready() for writer in writers))
    holder.execute("ROLLBACK")
    gevent.joinall(writers, raise_error=True)
    with database.unit_of_work() as session:
        rows = len(session.scalars(sa.select(SettingRow)).all())
    gevent.killall(others)
    database.close()
    print(*held, rows)
"""


def test_greenlets_keep_running_while_another_process_holds_the_write_lock(sqlite_url: str) -> None:
    ticks, reads, written, rows = map(int, run(UNDER_THE_LOCK, sqlite_url).split())
    # 100 ticks fit in the second; one stalled busy-wait would leave next to none.
    assert ticks >= 20 and reads >= 10
    assert written == 0
    assert rows == 6


ERRORS_AND_KILLS = """
    from gevent import monkey
    monkey.patch_all()
    import sys, gevent
    import sqlalchemy as sa
    from sqlalchemy.orm import Session
    from omniroute.models.configuration import SettingRow
    from omniroute.models.db import Database

    database = Database(sys.argv[1])

    def broken(session):
        session.add(SettingRow(key="broken", value=1))
        session.flush()
        raise KeyError("inside")

    try:
        database.write(broken)
    except KeyError as exc:
        print(exc.args[0])
    try:
        database.write(lambda session: database.write(broken))
    except RuntimeError:
        print("nested")
    for n in range(20):
        with gevent.Timeout(0.0003 * n, False):
            database.ping()
            database.write(lambda session: bool(session.execute(sa.text("SELECT 1"))))
    jobs = [
        gevent.spawn(database.write, lambda session, n=n: session.add(SettingRow(key=f"k{n}", value=n))) for n in range(50)
    ]
    gevent.joinall(jobs, raise_error=True)
    with database.unit_of_work() as session:
        print(len(session.scalars(sa.select(SettingRow)).all()))
    database.close()
    database.write(lambda session: session.add(SettingRow(key="again", value=1)))
    print("again")
"""


def test_errors_cross_the_thread_quietly(database_url: str) -> None:
    assert run(ERRORS_AND_KILLS, database_url).split() == ["inside", "nested", "50", "again"]


def run(script: str, *args: str) -> str:
    """Standard output of the script; whatever it prints as an error fails the test."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *args],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout
