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

import pytest

from tests.faults.conftest import ending_house, stored
from tests.faults.streams import furnish
from tests.faults.unwritten import alerts, asked, made_up_for, unwritten
from tests.relay.limits.houses import House
from tests.relay.ways import WAYS
from tests.upstream.client import Upstream, until

SIZE = 48 * 1024 * 1024  # bytes of the disk


@dataclass
class Disk:
    """`fill` takes all room away from what the gateway keeps, in `folder`/data; `free` gives it back."""

    folder: Path
    fill: Callable[[House], None]
    free: Callable[[House], None]


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A file system of its own in memory. Raises AssertionError where even root may not mount one."""
    data = folder / "data"
    data.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", data], capture_output=True, text=True)
    assert mounted.returncode == 0, f"root can mount nothing here, which this test needs (CAP_SYS_ADMIN): {mounted.stderr}"
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


# Only root may mount, and must be able to: what a disk without room does is not what a limit does.
DISKS = {"no room in files": small_files} | ({"no room on the disk": small_disk} if os.geteuid() == 0 else {})


@pytest.fixture(params=DISKS.values(), ids=DISKS.keys())
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with request.param(tmp_path / "house") as made:
        yield made


def checkpointed(house: House) -> None:
    """The write-ahead log is emptied, so that the next write needs room."""

    def emptied() -> bool:
        with closing(sqlite3.connect(house.folder / "data" / "omniroute.db")) as database:
            return bool(database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)

    until(emptied, 10, lambda: "nobody to read")


def test_a_full_disk(tmp_path: Path, upstream: Upstream, disk: Disk) -> None:
    with ending_house(disk.folder, upstream, DRAIN_SECONDS="0.5") as house:
        free, limited = furnish(house, upstream)
        for name in WAYS:
            assert asked(house, free, name, True).status == asked(house, limited, name, False).status == 200
        count = 2 * len(WAYS)
        house.rows(count)
        disk.fill(house)
        count += unwritten(house, (free, limited))
        assert "full" in alerts(house)[0]["remedy"] and "disk" in house.gateway.output()
        disk.free(house)
        until(lambda: asked(house, limited, "chat", False).status == 200, 20, lambda: "limits to be looked up again")
        made_up_for(house, count + 1)
        house.gateway.server.process.terminate()
        assert house.gateway.server.process.wait(30) == 0
        assert stored(house, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
