"""A quick look into an SQLite file with the standard library alone.

`make run` prepares before every start. When there is nothing to do this look finds that out in a few milliseconds,
where importing SQLAlchemy would take half a second of the three that a start may last.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Glance:
    """`sealed` are the stored API keys, as they are stored."""

    revision: str | None
    has_admin: bool
    sealed: tuple[str, ...]


def no_file(url: str) -> bool:
    """Whether it would be an SQLite file, and there is none."""
    return url.startswith(_PREFIX) and not Path(url.removeprefix(_PREFIX)).exists()


def glance(url: str) -> Glance | None:
    """What the file holds; None when it is no SQLite file with our tables of today, for a longer look to find out why."""
    path = Path(url.removeprefix(_PREFIX))
    if not url.startswith(_PREFIX) or not path.is_file():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=1.0)) as connection:
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            admin = connection.execute("SELECT 1 FROM admins").fetchone()
            sealed = connection.execute("SELECT sealed FROM connections WHERE sealed <> ''").fetchall()
    except sqlite3.Error:
        return None
    return Glance(revision[0] if revision else None, admin is not None, tuple(row[0] for row in sealed))
