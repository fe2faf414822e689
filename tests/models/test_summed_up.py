"""Rows that were logged before there were rollups: the migration counts them as the program does."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.models.db import Database
from omniroute.models.logs import LogRow
from omniroute.models.migration import FOLDER, migrate
from omniroute.models.schema import REVISIONS
from omniroute.models.usage import BOUNDS, DayRow, HourRow
from omniroute.usage.logs import storable
from omniroute.usage.rollups import add_rows

BEFORE = REVISIONS[: REVISIONS.index("0005")]
NEW = ("cost", "price_source", "combo", "step_id")
TABLES = (HourRow.__table__, DayRow.__table__)


def made_up(chance: random.Random, n: int) -> dict[str, Any]:
    provider = chance.choice([None, "agentrouter", "openai"])
    times = (None, 0, *BOUNDS, *(bound + 1 for bound in BOUNDS))
    row = storable(
        {
            "id": f"r-{n}",
            "at": 1_800_000_000 + chance.choice([0, 40]) * 86_400 + chance.random() * 3 * 86_400,
            "key_id": chance.choice([None, "k-1"]),
            "provider_id": provider,
            "connection_id": provider and "c-1",
            "upstream_model": provider and chance.choice(["opus", "glm"]),
            "requested_model": chance.choice([None, "a", "b"]),
            "endpoint": "chat",
            "status": chance.choice([200, 504]),
            "kind": chance.choice(["ok", "timeout"]),
            "usage_source": chance.choice(["reported", "partial", "absent"]),
            "input_tokens": chance.choice([None, 0, 3_000_000_000]),
            "first_ms": chance.choice(times),
            "total_ms": chance.choice(times),
            "attempts": [{"target": "t", "ms": 1}] * chance.randrange(3),
        }
    )
    return {name: value for name, value in row.items() if name not in NEW}


def counted(session: Session) -> list[list[Any]]:
    return [session.execute(sa.select(table).order_by(table.c.at, table.c.digest)).all() for table in TABLES]


def test_rows_from_before_are_summed_up_as_add_rows_does_it(empty_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__", "000[5-9]*.py"))
    migrate(empty_url, folder, BEFORE)
    chance = random.Random(5)
    rows = [made_up(chance, n) for n in range(300)]
    database = Database(empty_url)
    database.write(lambda session: session.connection().execute(sa.insert(LogRow), rows) and None)
    database.close()
    migrate(empty_url)

    def again(session: Session) -> None:
        for table in TABLES:
            session.execute(sa.delete(table))
        add_rows(session, [storable(row) for row in rows])

    with database.unit_of_work() as session:
        migrated = counted(session)
    database.write(again)
    with database.unit_of_work() as session:
        assert migrated == counted(session)
    assert len(migrated[0]) > len(migrated[1]) > 20
    database.close()
