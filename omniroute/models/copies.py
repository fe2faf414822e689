"""Copies of an SQLite file, put aside beside it before its tables are changed: `<name>-<revision>-<time>.backup.db`."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import time
from pathlib import Path

from omniroute.models.schema import SchemaError

KEPT = 3  # the last so many; each holds all that the database did
_NAME = re.compile(r"(?P<of>.+)-\d{4}-(?P<time>\d{8}T\d{6}Z)\.backup(?P<suffix>\.\w+)?")  # revisions are four digits


def put_aside(path: Path, revision: str) -> Path:
    """A copy of the file as it is now, for its owner alone. Whoever asks holds the write lock, so nobody changes it meanwhile.

    It has its name only once it is whole. Raises SchemaError where it can't be written.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    copy = path.with_name(f"{path.stem}-{revision}-{stamp}.backup{path.suffix}")
    unfinished = path.with_name(f"{path.stem}.unfinished-backup")  # the next one writes over what a kill has left
    try:
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(unfinished)) as target:
            target.execute("PRAGMA journal_mode=MEMORY").close()  # no second file, which a kill could leave
            source.backup(target)
        unfinished.rename(copy)
    except (OSError, sqlite3.Error) as exc:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        size = max(1, round(path.stat().st_size / 1e6))
        raise SchemaError(
            f"the database is to be copied before its tables are changed, and {copy} can't be written: {reason}; nothing was "
            f"changed: make room for {size} MB in that folder, let this user write there, and try again"
        ) from exc
    return copy


def keep_the_last(newest: Path) -> None:
    """Delete older copies beside this one, which has just been made, but for the last KEPT with it. One that can't be deleted
    stays, as does whatever has another name: that is the operator's own.
    """
    made = _NAME.fullmatch(newest.name)
    if made is None:
        return
    others = [
        (found["time"], each)
        for each in newest.parent.iterdir()
        if each != newest
        and (found := _NAME.fullmatch(each.name))
        and (found["of"], found["suffix"]) == (made["of"], made["suffix"])
    ]
    for _, old in sorted(others)[: 1 - KEPT]:
        with contextlib.suppress(OSError):
            old.unlink()
