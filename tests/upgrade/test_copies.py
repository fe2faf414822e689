"""The copy of an SQLite file that is made before its tables are changed."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from bench.processes import PYTHON
from omniroute.models.copies import KEPT
from tests.upgrade.olden import Olden

# Rows that a migration writes more of than it found.
ROWS = """
INSERT INTO log_rows (id, at, method, path, endpoint, format, streamed, status, kind, usage_source, attempts, dropped,
    upstream_model)
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000)
SELECT 'row-' || n, 1700000000 + n * 60, 'POST', '/v1/messages', '/v1/messages', 'anthropic_messages', FALSE, 200, 'ok',
    'reported', '[]', '[]', 'model-' || n
FROM numbers
"""


def test_only_the_last_few_are_kept(lite: Olden) -> None:
    lite.bring_to("0004")
    folder = lite.file.parent
    older = [
        folder / f"omniroute-{rev}-202{year}0102T030405Z.backup.db" for year, rev in enumerate(("0009", "0001", "0001", "0002"))
    ]
    others = [folder / "omniroute-mine.db", folder / "omniroute.backup.db"]
    for each in (*older, *others):
        each.touch()
    assert lite.told("migrate").returncode == 0
    new = next(each for each in lite.copies() if each.stat().st_size)
    assert set(lite.copies()) == {new, *older[-(KEPT - 1) :], folder / "omniroute.backup.db"}
    assert all(each.exists() for each in others)


def test_what_only_looks_like_a_copy_is_left_alone(lite: Olden) -> None:
    """What the operator has named himself is neither deleted nor counted."""
    lite.bring_to("0004")
    folder = lite.file.parent
    names = ("omniroute-2026-11.backup.db", "omniroute-my-copy.backup.db", "omniroute-before-20260101T000000Z.backup.db")
    theirs = [
        folder / name for name in (*names, "omniroute-0001-20260101.backup.db", "omniroute-0001-20260101T000000Z.backup.db.old")
    ]
    ours = [folder / f"omniroute-0001-202{year}0102T030405Z.backup.db" for year in range(KEPT - 1)]
    for each in (*theirs, *ours):
        each.touch()
    assert lite.told("migrate").returncode == 0
    new = next(each for each in lite.copies() if each.stat().st_size)
    assert set(folder.glob("omniroute-*.backup.db*")) == {new, *theirs, *ours}


def test_the_copy_just_made_stays_whatever_the_clock_says(lite: Olden) -> None:
    lite.bring_to("0004")
    later = [lite.file.parent / f"omniroute-0001-209{year}0102T030405Z.backup.db" for year in range(KEPT + 1)]
    for each in later:
        each.touch()
    done = lite.told("migrate")
    assert done.returncode == 0
    (new,) = (each for each in lite.copies() if each.stat().st_size)
    assert str(new.name) in done.stdout and set(lite.copies()) == {new, *later[-(KEPT - 1) :]}


def test_without_room_for_it_nothing_is_done(lite: Olden) -> None:
    lite.bring_to("0004")
    grow(lite.file, 4_000_000)
    before = lite.rows()
    done = limited(lite, lite.file.stat().st_size // 2)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"Error: the database is to be copied before its tables are changed, and {lite.file.parent}/")
    assert "nothing was changed: make room for " in done.stderr and done.stderr.count("\n") == 1
    assert lite.copies() == [] and lite.rows() == before
    assert lite.told("migrate").returncode == 0  # once there is room
    assert len(lite.copies()) == 1


def grow(file: Path, size: int) -> None:
    with closing(sqlite3.connect(file)) as lite:
        lite.execute("INSERT INTO settings VALUES ('note', '\"' || hex(randomblob(?)) || '\"')", (size // 2,))
        lite.commit()
        lite.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def limited(lite: Olden, most: int) -> subprocess.CompletedProcess[str]:
    """`migrate` where no file can have more bytes: as on a full disk."""
    return subprocess.run(
        [PYTHON, "-m", "omniroute", "migrate"],
        cwd=lite.folder,
        env=lite.environ(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_where_it_can_not_be_written_nothing_is_done(lite: Olden) -> None:
    """A folder stands where the copy is made: root, as whom these tests may run, can write anywhere else."""
    lite.bring_to("0004")
    before = lite.rows()
    (lite.file.parent / "omniroute.unfinished-backup").mkdir()
    done = lite.told("migrate")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "can't be written: Is a directory; nothing was changed: make room for 1 MB in that folder" in done.stderr
    assert lite.rows() == before and [each.name for each in lite.copies()] == ["omniroute.unfinished-backup"]


def test_a_copy_can_be_put_back(lite: Olden) -> None:
    """As the operator does it: the gateway is stopped, the copy takes the file's place, and the older program is back."""
    lite.bring_to("0003")
    before = lite.rows()
    assert lite.told("migrate").returncode == 0
    (copy,) = lite.copies()
    for name in ("omniroute.db-wal", "omniroute.db-shm"):
        (lite.file.parent / name).unlink(missing_ok=True)
    shutil.copyfile(copy, lite.file)
    assert lite.rows() == before
    assert lite.told("migrate").returncode == 0


def test_a_migration_that_fails_leaves_no_copy_of_what_was_not_changed(lite: Olden) -> None:
    lite.bring_to("0004")
    lite.execute("CREATE TABLE budgets (id TEXT PRIMARY KEY)")
    before = lite.rows()
    done = lite.told("migrate")
    assert done.returncode == 1 and done.stderr.endswith("table budgets already exists; nothing was changed\n"), done.stderr
    assert lite.rows() == before and lite.copies() == []


def test_one_whose_commit_fails_leaves_none_either(lite: Olden) -> None:
    """All of its pages fit into memory, so that the first that finds no room is the commit."""
    lite.bring_to("0001")
    lite.execute(ROWS)
    with closing(sqlite3.connect(lite.file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = lite.rows()
    for _ in range(2):  # as a restart policy does it
        done = limited(lite, lite.file.stat().st_size + 8192)
        assert done.returncode == 1 and "can't be brought to this version: disk I/O error; nothing was changed" in done.stderr, (
            done.stderr
        )
        assert lite.rows() == before and lite.copies() == []
