"""A real disk without room under the SQLite database: what has no limits is served, what has is refused with words, somebody is
told, and all of it is made up for as soon as there is room, without a restart.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.processes import get_json
from tests.faults.conftest import ending_house, metric, stored
from tests.faults.streams import furnish
from tests.relay.limits.houses import House
from tests.relay.ways import WAYS
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, Client

SIZE = 48 * 1024 * 1024  # bytes of the disk


@dataclass
class Disk:
    """`fill` takes all room away from what the gateway keeps, in `folder`/data; `free` gives it back."""

    folder: Path
    fill: Callable[[House], None]
    free: Callable[[House], None]


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A file system of its own in memory. Raises CalledProcessError where nobody may mount one."""
    data = folder / "data"
    data.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", data], check=True, capture_output=True)
    filler = data / "filler"

    def fill(house: House) -> None:
        checkpointed(house)
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    try:
        yield Disk(folder, fill, lambda house: filler.unlink())
    finally:
        subprocess.run(["umount", "--lazy", data], check=True)


@contextmanager
def small_files(folder: Path) -> Iterator[Disk]:
    """No file of the gateway's may grow beyond so much: the kernel refuses it, as with a disk without room."""
    folder.mkdir()

    def limit(house: House, size: int) -> None:
        for pid in (house.gateway.server.pid, *house.gateway.server.children()):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def fill(house: House) -> None:
        checkpointed(house)
        limit(house, 8192)  # what it prints is less

    yield Disk(folder, fill, lambda house: limit(house, resource.RLIM_INFINITY))


@pytest.fixture(params=["no room on the disk", "no room in files"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """Where mounting is not allowed, the first way is as the second."""
    with contextlib.ExitStack() as stack:
        made = None
        if request.param == "no room on the disk" and os.geteuid() == 0:
            with contextlib.suppress(subprocess.CalledProcessError):
                made = stack.enter_context(small_disk(tmp_path / "mounted"))
        yield made or stack.enter_context(small_files(tmp_path / "limited"))


def checkpointed(house: House) -> None:
    """The write-ahead log is emptied, so that the next write needs room."""

    def emptied() -> bool:
        with closing(sqlite3.connect(house.folder / "data" / "omniroute.db")) as database:
            return bool(database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)

    until(emptied, 10, lambda: "nobody to read")


def asked(house: House, key: str, name: str, stream: bool) -> Answer:
    way = WAYS[name]
    with Client(house.gateway.url, timeout=30) as client:
        return way.post(client, stream=stream, headers={"Authorization": f"Bearer {key}"}).read()


def alerts(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.gateway.api("GET", "/api/alerts")["alerts"]
    return found


def well(house: House) -> bool:
    ready = get_json(f"{house.gateway.url}/readyz")["database"] == "ok"
    return ready and not alerts(house) and metric(house, "omniroute_log_queue_rows") == 0


def test_a_full_disk(tmp_path: Path, upstream: Upstream, disk: Disk) -> None:
    with ending_house(disk.folder, upstream, DRAIN_SECONDS="0.5") as house:
        free, limited = furnish(house, upstream)
        for name in WAYS:
            assert asked(house, free, name, True).status == asked(house, limited, name, False).status == 200
        count = 2 * len(WAYS)
        house.rows(count)
        disk.fill(house)
        for name, way in WAYS.items():
            for stream in (False, True):
                answer = asked(house, free, name, stream)
                assert answer.status == 200 and answer.whole and way.text(answer, stream)
                refused = asked(house, limited, name, stream)
                assert refused.status == 503, refused
                way.error(refused.json)
                told = way.beside(refused.json)
                assert told["class"] == "limits_unavailable" and "Health page" in told["remedy"]
                count += 2
        said = until(lambda: [each for each in alerts(house) if each["kind"] == "database_not_written"], 10, lambda: "an alert")
        assert "full" in said[0]["remedy"]
        assert get_json(f"{house.gateway.url}/readyz")["database"] == "not written"
        assert "disk" in house.gateway.output()
        assert metric(house, "omniroute_log_queue_rows") > 0 and metric(house, "omniroute_log_rows_dropped_total") == 0
        disk.free(house)
        until(lambda: asked(house, limited, "chat", False).status == 200, 20, lambda: "limits to be looked up again")
        rows = house.rows(count + 1)
        assert sum(row["class"] == "limits_unavailable" for row in rows) >= 2 * len(WAYS)
        until(
            lambda: well(house), 15, lambda: f"all to be well: {alerts(house)}, {metric(house, 'omniroute_log_queue_rows')} wait"
        )
        house.books_agree()
        house.gateway.server.process.terminate()
        assert house.gateway.server.process.wait(30) == 0
        assert stored(house, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
