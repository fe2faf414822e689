"""Programs that a benchmark or a test starts, and stops again by their pid, whatever happens between."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
SERVED_BY = str(Path.cwd() / os.environ.get("AS_INSTALLED", PYTHON))  # what gateways and the bare relay run under
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
direct = build_opener(ProxyHandler({}))  # loopback never goes through a proxy


class NotStarted(Exception):
    """A program ended, or did not answer in time. The message ends with the last lines of its output."""


class Server:
    """One program with its output in a file. Usable as a context manager; `stop` may be called twice.

    It gets a session of its own, so that Ctrl-C reaches only the one who started it, who then stops things in order.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, url: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT
    ) -> None:
        self.name, self.log, self.url = name, log, url
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment(env),
                cwd=cwd,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def children(self) -> list[int]:
        """Pids of the processes that it forked and that are still there: gunicorn's workers."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until_up(self, path: str, seconds: float = 20.0) -> Self:
        """Wait until GET `path` answers 2xx; stop it and raise NotStarted when it ends first or `seconds` are over."""
        deadline = time.monotonic() + seconds
        while not answers(self.url + path):
            if not self.alive:
                raise NotStarted(f"{self.name} ended with status {self.process.returncode}:\n{self.tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise NotStarted(f"{self.name} does not answer at {self.url}{path} after {seconds:g} s:\n{self.tail()}")
            time.sleep(0.03)
        return self

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.output().splitlines()[-lines:])

    def stop(self, seconds: float = 10.0) -> int:
        """Ask it to end, insist after `seconds`, and return its exit status."""
        if self.alive:
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)  # its own session: only it and what it forked
            return self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def end_with_parent() -> None:
    """Runs in the child: have the kernel end it when whoever started it is killed and can't (prctl(2), Linux)."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """A small, known environment: nobody's proxies, settings or credentials reach what is measured or tested."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **(more or {})}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with direct.open(url, timeout=5) as answer:
            return answer.status is not None and 200 <= answer.status < 300
    except HTTPError as exc:
        exc.close()
        return False
    except (URLError, OSError):
        return False


def get_json(url: str) -> Any:
    with direct.open(url, timeout=5) as answer:
        return json.load(answer)


def resident_mb(pid: int) -> float:
    """Memory of a process that is in RAM, shared pages counted whole, in MB (2**20)."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def family(pid: int) -> list[int]:
    """It and all that it started, and they, as far as they are still there."""
    found = [pid]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # it ended just now
                found.extend(int(child) for child in children.read_text().split())
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time that these have used so far, their own and the kernel's for them, in steps of 1/100 s."""
    return sum(_cpu_seconds(pid) for pid in pids)


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def shared_out_mb(pids: Iterable[int]) -> float:
    """Memory of these in RAM, in MB (2**20); of a page that several share, each has its part (`Pss` of proc(5))."""
    return sum(_shared_out_kb(pid) for pid in pids) / 1024


def _shared_out_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
