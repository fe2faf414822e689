"""The short form of the log's benchmark: every page is there, rows are deleted meanwhile, nothing is left behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.figures import LOG, PAGES
from bench.processes import PYTHON, ROOT, environment
from tests.bench.test_run import left_over, without_warning


@pytest.mark.timeout(300)
def test_a_short_run(tmp_path: Path) -> None:
    command = [PYTHON, "-m", "bench.run", "--short", "--only", "log"]
    ran = subprocess.run(
        command, cwd=ROOT, env=environment({"TMPDIR": str(tmp_path)}), capture_output=True, text=True, timeout=280
    )
    assert (ran.returncode, without_warning(ran.stderr)) == (0, ""), ran.stdout
    figures = [
        line for line in ran.stdout.splitlines() if line.startswith(("log of 1,000,000 rows: ", "log: r")) and " at " in line
    ]
    assert len(figures) == len(LOG.checks) == len(PAGES) + 2
    (deleted,) = [line for line in figures if "rows deleted" in line]
    assert deleted.endswith("pass")
    assert left_over(tmp_path) == [] and list(tmp_path.iterdir()) == []
