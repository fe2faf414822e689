"""A minute of the soak, and what its verdict is made of. The whole of it is `make soak`."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from bench.processes import ROOT, environment
from bench.soak import FAULTS, Seen, broken_laws

TOLD: dict[str, Any] = {"failed": 0, "answered": 10, "attempts_most": 4, "minutes": 20.0, "memory_mb_per_minute": 0.2}


@pytest.mark.timeout(240)
def test_no_request_fails_while_one_target_is_up() -> None:
    command = [sys.executable, "-m", "bench.soak", "--minutes", "1"]
    ran = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("up: ") >= 3, "there were no spells"


@pytest.mark.parametrize(
    "change",
    [{"failed": 1}, {"answered": 0}, {"attempts_most": 9}, {"memory_mb_per_minute": 1.5}],
    ids=lambda change: next(iter(change)),
)
def test_each_law_can_be_broken(change: dict[str, Any]) -> None:
    assert not broken_laws(TOLD)
    assert broken_laws(TOLD | change)


def test_a_stream_without_its_end_is_no_answer() -> None:
    seen = Seen()
    seen.note(b'HTTP/1.1 200 OK\r\n\r\ndata: {"choices": []}\n\n', True, 0.1)
    seen.note(b'HTTP/1.1 200 OK\r\n\r\n{"choices": []}', False, 0.1)
    seen.note(b'HTTP/1.1 503 Busy\r\n\r\n{"choices": []}', False, 0.1)
    assert (seen.answered, seen.failed) == (1, 2) and set(FAULTS) > {"refused", "429"}
