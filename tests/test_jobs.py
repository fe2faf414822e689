"""Background jobs in real processes: in the web workers, or in one of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import PYTHON, Server
from omniroute.models.db import Database
from omniroute.state.sql import SqlState
from omniroute.usage.jobs import NAME
from omniroute.usage.logs import insert_rows
from tests.gateway import Gateway, running_gateway
from tests.upstream.client import until

LONG_AGO = 1_500_000_000.0
Start = Callable[..., Gateway]


@contextmanager
def stored(here: Gateway) -> Iterator[Database]:
    """The database of a gateway, with one row that is much too old."""
    database = Database(f"sqlite:///{here.data_dir / 'omniroute.db'}")
    database.write(lambda session: insert_rows(session, [{"id": "old", "at": LONG_AGO}]))
    yield database
    database.close()


def old_rows(here: Gateway) -> int:
    return len(here.api("GET", "/api/usage/logs?until=2020-01-01T00:00:00Z")["logs"])


def working(database: Database) -> bool:
    return SqlState(database).held([NAME], time.time())[NAME] == 1


def test_the_web_workers_do_them_by_default(tmp_path: Path) -> None:
    with running_gateway(tmp_path, workers=2) as here, stored(here) as database:
        until(lambda: working(database), 15, lambda: "a worker to take the lease")
    assert not working(database)  # an orderly end lets go
    with running_gateway(tmp_path, workers=2) as here:
        until(lambda: old_rows(here) == 0, 15, lambda: "the old row to go")


def test_a_process_of_its_own_does_them_where_the_web_workers_do_not(gateway: Start, tmp_path: Path) -> None:
    here = gateway(BACKGROUND_JOBS="off")
    with stored(here) as database:
        assert not working(database) and old_rows(here) == 1
        command = [PYTHON, "-m", "omniroute", "work"]
        given = {"DATA_DIR": str(here.data_dir), "HOME": str(tmp_path)}
        with Server("the worker", command, tmp_path / "worker.log", "", given) as worker:
            until(lambda: old_rows(here) == 0, 15, lambda: f"the old row to go\n{worker.output()}")
            assert working(database)
            assert worker.stop() == 0, worker.output()
        assert not working(database) and "Traceback" not in worker.output()


def test_the_worker_wants_tables_of_this_version(tmp_path: Path) -> None:
    given = {"DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path)}
    with Server("the worker", [PYTHON, "-m", "omniroute", "work"], tmp_path / "worker.log", "", given) as worker:
        assert worker.process.wait(30) == 1
        assert "run 'python -m omniroute prepare' first" in worker.output()
