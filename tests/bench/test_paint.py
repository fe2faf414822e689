"""The short form of Home's first paint: it is seen, weighed, and nothing is left behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.figures import PAINT
from bench.processes import PYTHON, ROOT, environment
from tests.bench.test_run import left_over, without_warning


def test_a_short_run(tmp_path: Path) -> None:
    command = [PYTHON, "-m", "bench.run", "--short", "--only", "paint"]
    ran = subprocess.run(
        command, cwd=ROOT, env=environment({"TMPDIR": str(tmp_path)}), capture_output=True, text=True, timeout=110
    )
    assert (ran.returncode, without_warning(ran.stderr)) == (0, ""), ran.stdout
    figures = [line for line in ran.stdout.splitlines() if line.startswith("Home: ") and " at most " in line]
    assert len(figures) == len(PAINT.checks)
    assert figures[-1].endswith("pass")  # the weight, which no slow machine changes
    assert left_over(tmp_path) == []
