"""The benchmark as a whole starts what it needs, measures, and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from bench.processes import PYTHON, ROOT, environment
from tests.upstream.client import until


def benchmark(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Its processes have `folder` as TMPDIR, which tells them from everybody else's."""
    env = environment({"TMPDIR": str(folder)})
    command = [PYTHON, "-m", "bench.run", "--no-gateway", "--short", *options]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def left_over(folder: Path) -> list[str]:
    mark = f"TMPDIR={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text())
        except OSError:  # it ended just now
            continue
    return found


def without_warning(errors: str) -> str:
    """Tests may well run on a busy machine, and the benchmark says so."""
    return "\n".join(line for line in errors.splitlines() if line and "machine is busy" not in line)


def test_a_short_run(tmp_path: Path) -> None:
    with benchmark(tmp_path, "--only", "plain-chat") as run:
        output, errors = run.communicate(timeout=60)
    assert (run.returncode, without_warning(errors)) == (0, "")
    assert output.splitlines()[-1].startswith("plain-chat: bare: rps ")
    assert left_over(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_stopped_in_the_middle_it_stops_everything(tmp_path: Path) -> None:
    with benchmark(tmp_path, "--only", "paced-500") as run:
        until(lambda: any("load.py" in each for each in left_over(tmp_path)), 30, lambda: "a load to run")
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    assert (run.returncode, without_warning(errors)) == (130, "stopped; nothing is kept")
    assert left_over(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
