"""Clients that npm has: installed when they are needed, checked against the hashes of a lock, and run in a home of their own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

from bench.processes import ROOT, end_with_parent

PINNED = Path(__file__).parent / "npm"  # package.json and its lock, with a hash for each platform's binary
CACHE = ROOT / ".venv" / "clients"
NEEDED = "'make clients' needs node and npm: 'apt-get install -y npm' on Debian, nodejs.org elsewhere"


class NotInstalled(Exception):
    """It can't be had here. The message is one line that says what is missing."""


@dataclass(frozen=True, slots=True)
class Package:
    """`name` in npm, and the program that it brings."""

    name: str
    program: str

    @property
    def pinned(self) -> str:
        """The version that package.json names."""
        version: str = json.loads((PINNED / "package.json").read_text())["dependencies"][self.name]
        return version

    def install(self, version: str) -> Path:
        """The program of that version, from npm the first time. Raises NotInstalled.

        The pinned versions come together, and are checked against the hashes of their lock.
        """
        pinned = version == self.pinned
        lock = hashlib.sha256((PINNED / "package-lock.json").read_bytes()).hexdigest()[:12]
        folder = CACHE / (f"pinned-{lock}" if pinned else f"{self.program}-{version}")
        program = folder / "node_modules" / ".bin" / self.program
        if program.exists():
            return program
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            raise NotInstalled(NEEDED)
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", f"{self.name}@{version}"]
        if pinned:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(PINNED / name, folder / name)
            command = [npm, "ci"]
        with tempfile.TemporaryDirectory(prefix="npm-") as cache:  # else npm keeps the whole download a second time
            quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--cache", cache]
            made = subprocess.run([*command, *quiet], cwd=folder, capture_output=True, text=True)
        if made.returncode or not program.exists():
            raise NotInstalled(f"npm could not install {self.name}@{version}: {(made.stderr or made.stdout).strip()[-500:]}")
        return program


def follow(
    command: Sequence[str], home: Path, env: Mapping[str, str], seconds: float, on_message: Callable[[dict[str, Any]], None]
) -> tuple[int, str]:
    """Run it in an empty folder below `home`, for so long at the most: its exit status, and the lines that are no JSON.

    `on_message` gets each line that is a JSON object as it is printed.
    """
    (work := home / "work").mkdir()
    process = subprocess.Popen(
        command,
        cwd=work,
        env={"PATH": os.environ["PATH"], "TERM": "dumb", "LANG": "C.UTF-8", "HOME": str(home), **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=end_with_parent,
    )
    other: list[str] = []
    clock = Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))  # its own group: it, and what it runs
    clock.start()
    try:
        for line in process.stdout or ():
            message = parsed(line)
            if message is None:
                other.append(line)
            else:
                on_message(message)
        return process.wait(), "".join(other)
    finally:
        clock.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def parsed(line: str) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
