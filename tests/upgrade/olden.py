"""Databases as older releases left them: Alembic's own steps up to a revision, each with the rows that it could hold."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.pool import NullPool

from bench.gateway import settings
from bench.processes import PYTHON, environment
from omniroute.models.migration import FOLDER
from omniroute.models.schema import REVISIONS
from tests.databases import Postgres
from tests.relay.stores import SECRETS

HERE = Path(__file__).parent
CLIENT_KEY = "sk-or-h9Jj5TD9U99NKpNodbT4FkGgNhUY_PK3dsUfxp2L_zw"
SESSION = "an-old-session-token"
DATABASES = ("sqlite", "postgres")

Rows = dict[str, list[dict[str, Any]]]


@dataclass
class Olden:
    """A database, and the folder from which commands are given: SQLite's file is in its `data`."""

    folder: Path
    url: str
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def file(self) -> Path:
        return self.folder / "data" / "omniroute.db"

    @property
    def env(self) -> dict[str, str]:
        """What the gateway is given beside bench.gateway.settings."""
        return {**SECRETS, **self.more} | ({} if self.is_sqlite else {"DATABASE_URL": self.url})

    def bring_to(self, revision: str, upstream: str = "http://127.0.0.1:9") -> None:
        """From nothing, by each revision on the way, with its rows. `upstream` is where the nodes point."""
        now = int(time.time())
        filled = {"@now": str(now), "@url": upstream, "@since": str(now - 10), "@until": str(now + 600)}
        for step in REVISIONS[: REVISIONS.index(revision) + 1]:
            self.step_to(step)
            script = (HERE / f"{step}.sql").read_text()
            for name, value in filled.items():
                script = script.replace(name, value)
            self.execute(script)

    def step_to(self, revision: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        self.file.parent.mkdir(exist_ok=True)
        with self.connected() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)

    def execute(self, script: str) -> None:
        """Several statements, committed together."""
        if self.is_sqlite:
            with contextlib.closing(sqlite3.connect(self.file)) as lite:
                lite.executescript(script)
        else:
            with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
                connection.execute(script.encode())

    @contextlib.contextmanager
    def connected(self) -> Any:
        engine = sa.create_engine(self.url, poolclass=NullPool)
        with engine.begin() as connection:
            yield connection

    def rows(self) -> Rows:
        """All that is in it, by table, in the order of their keys."""
        with self.connected() as connection:
            known = sa.MetaData()
            known.reflect(connection)
            return {
                name: [dict(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()]
                for name, table in known.tables.items()
            }

    def revision(self) -> str:
        return str(self.rows()["alembic_version"][0]["version_num"])

    def told(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """What a command of the program says, given as an operator gives it."""
        return subprocess.run(
            [PYTHON, "-m", "omniroute", *words],
            cwd=self.folder,
            env=self.environ(**more),
            capture_output=True,
            text=True,
            timeout=120,
        )

    def environ(self, **more: str) -> dict[str, str]:
        return environment(settings(self.folder) | self.env | more)

    def copies(self) -> list[Path]:
        return sorted(self.file.parent.glob("*backup*"))


def structure(database: Olden) -> dict[str, Any]:
    """Everything that is declared of its tables."""
    with database.connected() as connection:
        seen = sa.inspect(connection)
        return {
            name: {
                "columns": {
                    each["name"]: (str(each["type"]), each["nullable"], each["default"]) for each in seen.get_columns(name)
                },
                "key": seen.get_pk_constraint(name),
                "foreign": sorted(seen.get_foreign_keys(name), key=str),
                "unique": sorted(seen.get_unique_constraints(name), key=str),
                "indexes": sorted(seen.get_indexes(name), key=str),
            }
            for name in sorted(seen.get_table_names())
        }


@contextlib.contextmanager
def empty(kind: str, folder: Path, request: pytest.FixtureRequest) -> Any:
    """A database of this kind, without tables."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "sqlite":
        yield Olden(folder, f"sqlite:///{folder / 'data' / 'omniroute.db'}")
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create()
    yield Olden(folder, server.url(name))
    server.drop(name)
