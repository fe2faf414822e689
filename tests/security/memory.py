"""What the gateway's workers hold in memory, as the kernel counts it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.gateway import Gateway

MB = 1024 * 1024


@contextmanager
def growth_below(gateway: Gateway, most: int) -> Iterator[None]:
    """No worker's peak may rise by more than `most` bytes within the block."""
    workers = [Path(f"/proc/{pid}") for pid in gateway.server.children()]
    before = []
    for worker in workers:
        (worker / "clear_refs").write_text("5")  # the peak so far is forgotten, proc_pid_clear_refs(5)
        before.append(held(worker, "VmRSS"))
    yield
    for worker, at_first in zip(workers, before, strict=True):
        grown = held(worker, "VmHWM") - at_first
        assert grown < most, f"{worker} grew by {grown / MB:.0f} MB, {most / MB:.0f} MB are allowed"


def held(worker: Path, what: str) -> int:
    """Bytes: VmRSS now, VmHWM at most so far. Raises FileNotFoundError when the worker has died."""
    found = re.search(rf"{what}:\s+(\d+) kB", (worker / "status").read_text())
    assert found is not None
    return int(found[1]) * 1024
