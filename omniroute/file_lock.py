"""One process at a time, by an advisory lock on a folder: no lock file is left behind, and a dead process holds nothing."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Wait for the lock on `folder`, which must exist, and keep it until the block ends. Blocks the OS thread."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
