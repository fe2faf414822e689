"""A minute of the soak, and what its verdict is made of. The whole of it is `make soak`."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from bench.processes import ROOT, environment
from bench.soak import broken_laws
from bench.soak_clients import FORMATS, Manners, Seen, request
from bench.soak_targets import FAULTS

WORKER = {
    "memory_mb": {"first": 90.0, "warm": 100.0, "last": 101.0},
    "memory_mb_per_minute": 0.2,
    "files": {"first": 20, "warm": 200, "last": 210},
    "files_at_end": 60,
}
TOLD: dict[str, Any] = {
    "minutes": 60.0,
    "asked": 12,
    "answered": 10,
    "failed": 0,
    "attempts_most": 4,
    "rows": 12,
    "rows_dropped": 0,
    "upstream_busy_at_end": 0,
    "upstream_connections_at_end": 80,
    "streams_open_at_end": 0,
    "database_in_use_at_end": 0,
    "books": "",
    "ready": "ready",
    "workers": [WORKER, dict(WORKER)],
}
LAWS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a failure": lambda told: told.update(failed=1),
    "no answer": lambda told: told.update(answered=0),
    "too many attempts": lambda told: told.update(attempts_most=9),
    "a row missing": lambda told: told.update(rows=11),
    "a row dropped": lambda told: told.update(rows_dropped=1),
    "an upstream still busy": lambda told: told.update(upstream_busy_at_end=1),
    "a stream still open": lambda told: told.update(streams_open_at_end=1),
    "the pool not empty": lambda told: told.update(database_in_use_at_end=1),
    "the books": lambda told: told.update(books="hour: 1 where 2"),
    "not ready": lambda told: told.update(ready="unready"),
    "a worker that died": lambda told: told["workers"].append(WORKER),
    "memory": lambda told: told["workers"][1].update(memory_mb_per_minute=1.0),
    "memory of a short run": lambda told: (
        told.update(minutes=1.0),
        told["workers"][1].update(memory_mb={"first": 90.0, "warm": 100.0, "last": 150.0}),
    ),
    "files that grow": lambda told: told["workers"][0].update(files={"first": 20, "warm": 200, "last": 300}),
    "files that stay": lambda told: told["workers"][0].update(files_at_end=160),
}


@pytest.mark.timeout(300)
def test_no_request_fails_while_one_target_is_up() -> None:
    """Answers are paced faster than in the long one, so that there are more of them."""
    paced = ["--clients", "60", "--chunks", "20", "--interval", "0.15", "--pause", "0.3"]
    command = [sys.executable, "-m", "bench.soak", "--minutes", "0.75", *paced]
    ran = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=250)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("up: ") >= 2, "there were no spells"
    told = json.loads(ran.stdout[ran.stdout.index("{") :])
    assert told["left"] > 10 and told["streams"] > 100, told


@pytest.mark.parametrize("change", LAWS.values(), ids=LAWS.keys())
def test_each_law_can_be_broken(change: Callable[[dict[str, Any]], object]) -> None:
    told = copy.deepcopy(TOLD)
    assert not broken_laws(told)
    change(told)
    assert len(broken_laws(told)) == 1


@pytest.mark.parametrize("format", FORMATS)
def test_a_stream_without_its_end_is_no_answer(format: str) -> None:
    _, end, member = FORMATS[format]
    seen = Seen()
    seen.note(b"HTTP/1.1 200 OK\r\n\r\ndata: {}\n\n", format, True, 0.1)
    seen.note(b"HTTP/1.1 503 Busy\r\n\r\n" + end, format, True, 0.1)
    seen.note(b"HTTP/1.1 200 OK\r\n\r\n{" + member + b": 1}", format, False, 0.1)
    seen.note(b"HTTP/1.1 200 OK\r\n\r\n" + end, format, True, 0.1)
    assert (seen.answered, seen.failed, seen.streams) == (2, 2, 1) and set(FAULTS) > {"refused", "429"}


def test_clients_speak_all_formats() -> None:
    manners = Manners(1, ("a", "b", "c"), 1.0, 0.1, 1.0)
    sent = [request(number, "combo", True, manners) for number in range(12)]
    assert len({each.split(b" ")[1] for each in sent}) == len(FORMATS) and len(set(sent)) == 12
