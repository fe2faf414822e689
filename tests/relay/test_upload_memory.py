"""A long upload takes no memory: not on its way in, not on its way out, not when it is sent a second time."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.gateway import Gateway
from tests.relay.passing import FORMS, MODEL, field, file, form, send
from tests.upstream.client import Upstream

SIZE = 30 * 1024 * 1024
ROOM = 8 * 1024 * 1024  # of growth: some pieces in buffers, and what any request leaves behind


def worker_of(gateway: Gateway) -> Path:
    """What the kernel knows of the gateway's one worker."""
    parent = gateway.server.process.pid
    return Path("/proc") / Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[0]


def peak(worker: Path) -> int:
    """The most memory that it held since it was last forgotten, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", (worker / "status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def forget_peak(worker: Path) -> None:
    """From now on, proc_pid_clear_refs(5)."""
    (worker / "clear_refs").write_text("5")


@pytest.mark.parametrize("last", [True, False], ids=["model last", "model first"])
def test_thirty_megabytes(gateway: Callable[..., Gateway], upstream: Upstream, last: bool) -> None:
    here = gateway()
    here.add_connection(here.add_upstream("chat", upstream.v1), "sk-good-2", "second", priority=1)
    key = here.make_key()
    sound = bytes(range(256)) * (SIZE // 256)
    model = field("model", f"chat/{MODEL}")
    assert send(here, key, FORMS[0]).status == 200
    worker = worker_of(here)
    forget_peak(worker)
    before = peak(worker)
    upstream.queue("503", key="sk-good-1", path=FORMS[0])
    answer = send(here, key, FORMS[0], form(file(sound), model) if last else form(model, file(sound)))
    assert answer.status == 200 and answer.headers["x-omniroute-decision"].endswith("attempts=2")
    assert (answer.json["size"], answer.json["sha256"]) == (SIZE, sha256(sound).hexdigest())
    assert answer.json["fields"] == {"model": MODEL}
    assert peak(worker) - before < ROOM
    upstream.reset()
