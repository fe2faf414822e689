"""The benchmark's rows, and how much of them a page looks at: counted in steps of SQLite's machine, not in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from bench.figures import RARE_KEY
from bench.rows import DAYS, fill
from omniroute.models.db import Database
from omniroute.models.logs import LogRow
from omniroute.models.migration import migrate
from omniroute.models.usage import DayRow, HourRow
from omniroute.routing.configuration import Configuration
from omniroute.usage.search import LogFilters, find

COUNT, UNTIL = 50_000, 1_800_000_000.0
NOTHING = Configuration(1, {}, {}, {}, {}, {})
FINE = 100  # steps: as exact as the count is

Steps = Callable[[Callable[[Session], Any]], int]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("rows") / "omniroute.db"
    made = f"sqlite:///{path}"
    migrate(made)
    database = Database(made)
    fill(database, COUNT, UNTIL)
    database.close()
    return made


@pytest.fixture
def session(url: str) -> Iterator[Session]:
    engine = sa.create_engine(url)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def steps(session: Session) -> Steps:
    """How many steps some reading takes."""
    counted = [0]

    def note() -> int:
        counted[0] += FINE
        return 0

    connection = session.connection().connection.dbapi_connection
    assert connection is not None
    connection.set_progress_handler(note, FINE)  # type: ignore[attr-defined]

    def count(read: Callable[[Session], Any]) -> int:
        counted[0] = 0
        read(session)
        return counted[0]

    return count


def test_rows_and_rollups_agree(session: Session) -> None:
    count, first, cost = session.execute(sa.select(sa.func.count(), sa.func.min(LogRow.at), sa.func.sum(LogRow.cost))).one()
    assert count == COUNT and UNTIL - DAYS * 86_400 <= first < UNTIL - (DAYS - 1) * 86_400
    for table in (HourRow.__table__, DayRow.__table__):
        assert session.execute(sa.select(sa.func.sum(table.c.requests), sa.func.sum(table.c.cost))).one() == (COUNT, cost)


def test_the_same_seed_makes_the_same_rows(url: str, tmp_path: Path, session: Session) -> None:
    again = f"sqlite:///{tmp_path / 'again.db'}"
    migrate(again)
    database = Database(again)
    fill(database, 100, UNTIL)
    with database.unit_of_work() as other:
        made = other.execute(sa.select(LogRow.id, LogRow.key_id).order_by(LogRow.at)).all()
    database.close()
    assert made == session.execute(sa.select(LogRow.id, LogRow.key_id).order_by(LogRow.at).limit(100)).all()


def page(scan: int = COUNT // 10, **filters: Any) -> Callable[[Session], list[str]]:
    return lambda session: [row.id for row in find(session, NOTHING, LogFilters(**filters), None, 50, scan).rows]


def everything(session: Session) -> None:
    session.execute(sa.text("SELECT id FROM log_rows WHERE combo = 'none of that name'")).all()


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"key_id": "key-3"},
        {"key_id": RARE_KEY},
        {"key_id": "nobody"},
        {"connection_id": "openai-1"},
        {"combo": "night"},
        {"outcome": "failed"},
        {"model": "gpt"},
        {"status": 504, "key_id": "key-7"},
        {"request_id": "a"},
        {"request_id": "abc"},
        {"request_id": "no such id"},
        {"since": UNTIL - 9 * 86_400, "until": UNTIL - 8 * 86_400},
    ],
    ids=str,
)
def test_a_page_looks_at_a_part_of_the_rows(steps: Steps, session: Session, filters: dict[str, Any]) -> None:
    assert steps(page(**filters)) < steps(everything) / 2
    for name, value in filters.items():
        if name in ("key_id", "combo", "connection_id", "status"):
            rows = session.scalars(sa.select(LogRow).where(LogRow.id.in_(page(**filters)(session))))
            assert {getattr(row, name) for row in rows} <= {value}


def test_a_search_in_vain_is_bounded(steps: Steps) -> None:
    """Requests that nobody served may have asked for any name, so their hours have to be looked at."""
    few, many, all = (steps(page(scan, model="xyzzy")) for scan in (500, COUNT // 10, COUNT))
    assert few < many < all
