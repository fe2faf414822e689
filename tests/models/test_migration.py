from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from omniroute.models.access import AdminRow, SessionRow
from omniroute.models.db import Database
from omniroute.models.migration import FOLDER, Migrated, migrate
from omniroute.models.schema import HEAD, REVISIONS, SchemaError, state_of
from omniroute.models.tables import METADATA, TABLES


def test_revisions_are_those_of_the_folder() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


def test_every_table_is_listed() -> None:
    assert {table.__table__.name for table in TABLES} == set(METADATA.tables)


def test_migrated_tables_are_the_declared_ones(empty_url: str) -> None:
    assert migrate(empty_url) == Migrated("absent", None)
    database = Database(empty_url)
    with database.unit_of_work() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert session.execute(sa.text("SELECT id, version FROM config_version")).all() == [(1, 1)]
    database.close()


def test_all_constraints_have_the_same_names_on_both(empty_url: str) -> None:
    migrate(empty_url)
    database = Database(empty_url)
    with database.unit_of_work() as session:
        seen = sa.inspect(session.connection())
        for name, table in METADATA.tables.items():
            found = {seen.get_pk_constraint(name)["name"]}
            found |= {one["name"] for one in (*seen.get_unique_constraints(name), *seen.get_foreign_keys(name))}
            assert found == {constraint.name for constraint in table.constraints}
            indexes = {one["name"] for one in seen.get_indexes(name) if not one.get("duplicates_constraint")}
            assert indexes == {index.name for index in table.indexes}
    database.close()


def test_a_second_time_there_is_nothing_to_do(empty_url: str) -> None:
    migrate(empty_url)
    assert migrate(empty_url) == Migrated("current", None)


def test_several_at_once_end_with_one_migration(empty_url: str) -> None:
    done: list[str] = []
    threads = [threading.Thread(target=lambda: done.append(migrate(empty_url).before)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["absent", "current", "current"]


def test_a_newer_database_is_left_alone(database_url: str) -> None:
    database = Database(database_url)
    database.write(lambda session: bool(session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))))
    database.close()
    with pytest.raises(SchemaError, match="revision 9999, which this version does not know"):
        migrate(database_url)


def test_what_can_not_be_reached_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "omniroute.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(SchemaError, match=r"^the database can't be brought to this version: file is not a database"):
        migrate(f"sqlite:///{tmp_path / 'omniroute.db'}")
    with pytest.raises(SchemaError, match="refused") as caught:
        migrate("postgresql+psycopg://someone:hidden@127.0.0.1:1/none")
    assert "hidden" not in str(caught.value) and "\n" not in str(caught.value)


def test_the_file_is_its_owners_alone_and_in_wal(tmp_path: Path) -> None:
    path = tmp_path / "new" / "omniroute.db"
    migrate(f"sqlite:///{path}")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_failed_migration_changes_nothing_and_leaves_a_backup(tmp_path: Path) -> None:
    # A file that says it holds the last revision but one, so that the newest migration runs, and fails on what is there.
    path = tmp_path / "omniroute.db"
    url = f"sqlite:///{path}"
    migrate(url)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM alembic_version")
        connection.execute("INSERT INTO settings VALUES ('theme', '\"dark\"')")
        connection.commit()
    with pytest.raises(SchemaError, match="already exists"):
        migrate(url)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT key FROM settings").fetchall() == [("theme",)]
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == []


NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "HEAD"


def upgrade():
    with op.batch_alter_table("admins") as table:
        table.add_column(sa.Column("nickname", sa.String(20), nullable=False, server_default=""))
        table.alter_column("password_hash", new_column_name="hash")
"""


def test_a_later_migration_keeps_the_rows_and_puts_a_copy_aside(own_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "next.py").write_text(NEXT.replace("HEAD", HEAD))
    database = Database(own_url)
    database.write(lambda session: session.add(AdminRow(id="admin", password_hash="x", created_at=1, password_changed_at=1)))
    database.write(lambda session: session.add(session_row()))
    database.close()
    done = migrate(own_url, folder, (*REVISIONS, "next"))
    with database.unit_of_work() as session:
        assert session.execute(sa.text("SELECT hash, nickname FROM admins")).all() == [("x", "")]
        assert session.execute(sa.text("SELECT id FROM sessions")).all() == [
            ("s",)
        ]  # SQLite drops the old table: not this one's rows
    database.close()
    assert done.before == "behind"
    if not database.is_sqlite:
        assert done.backup is None
        return
    assert done.backup is not None and done.backup.stat().st_mode & 0o777 == 0o600
    with contextlib.closing(sqlite3.connect(done.backup)) as connection:
        assert connection.execute("SELECT password_hash FROM admins").fetchall() == [("x",)]


def session_row() -> SessionRow:
    return SessionRow(digest="d", id="s", admin_id="admin", created_at=1, seen_at=1, expires_at=1, address="", user_agent="")


@pytest.mark.parametrize(("revision", "state"), [(None, "absent"), (HEAD, "current"), ("9999", "ahead"), ("0000", "ahead")])
def test_state_of(revision: str | None, state: str) -> None:
    assert state_of(revision) == state


def test_a_developer_finds_nothing_to_write_and_can_go_back(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    script = """
        from develop import app
        from flask_migrate import check, downgrade, upgrade
        with app.app_context():
            upgrade()
            check()
            downgrade(revision="base")
    """
    environ = os.environ | {"DATA_DIR": str(tmp_path), "PYTHONPATH": f"{FOLDER.parent}:{folder}"}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    with contextlib.closing(sqlite3.connect(tmp_path / "omniroute.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("alembic_version",)]
