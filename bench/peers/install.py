"""The other gateways, each in a folder of its own below .venv/peers, with exact versions that are checked against hashes."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.processes import PYTHON, ROOT

PINNED = Path(__file__).parent
FOLDER = ROOT / ".venv" / "peers"
REQUIREMENTS = PINNED / "requirements-litellm.txt"
NPM = ("package.json", "package-lock.json")
PORTKEY = "@portkey-ai/gateway"


class NotInstalled(Exception):
    """It can't be had here. The message is one line that says why."""


def litellm() -> Path:
    """The program `litellm`; installed the first time (about 750 MB). Raises NotInstalled."""
    folder = FOLDER / "litellm"
    program = folder / "bin" / "litellm"
    if _stands(folder, REQUIREMENTS.read_bytes()):
        return program
    _run([str(ROOT / "scripts" / "make-venv"), PYTHON, str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--only-binary", ":all:", "--require-hashes", "-r", str(REQUIREMENTS)])
    return _done(folder, REQUIREMENTS.read_bytes(), program)


def portkey() -> Path:
    """The gateway's program for node; installed the first time (about 25 MB). Raises NotInstalled."""
    folder = FOLDER / "portkey"
    program = folder / "node_modules" / PORTKEY / "build" / "start-server.js"
    lock = b"".join((PINNED / name).read_bytes() for name in NPM)
    if shutil.which("node") is None:
        raise NotInstalled("there is no node: 'apt-get install -y npm' on Debian, nodejs.org elsewhere")
    if _stands(folder, lock):
        return program
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalled("there is no npm: 'apt-get install -y npm' on Debian, nodejs.org elsewhere")
    folder.mkdir(parents=True)
    for name in NPM:
        shutil.copy(PINNED / name, folder / name)
    with tempfile.TemporaryDirectory(prefix="npm-") as cache:  # else npm keeps the whole download a second time
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--cache", cache]
        _run([npm, "ci", *quiet], folder)
    return _done(folder, lock, program)


def versions() -> dict[str, str]:
    """The version of each, as pinned."""
    named = re.search(r"^litellm==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    assert named is not None
    pinned = json.loads((PINNED / "package.json").read_text())
    return {"litellm": named[1], "portkey": pinned["dependencies"][PORTKEY]}


def _stands(folder: Path, lock: bytes) -> bool:
    """Whether it was installed whole and by this lock; what was not is removed."""
    mark = folder / "installed"
    if mark.exists() and mark.read_text() == _digest(lock):
        return True
    shutil.rmtree(folder, ignore_errors=True)
    return False


def _done(folder: Path, lock: bytes, program: Path) -> Path:
    if not program.exists():
        raise NotInstalled(f"its program is not where it was: {program.relative_to(folder)}")
    (folder / "installed").write_text(_digest(lock))
    return program


def _digest(lock: bytes) -> str:
    return hashlib.sha256(lock).hexdigest()


def _run(command: Sequence[str], folder: Path = ROOT) -> None:
    try:
        made = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
    except subprocess.TimeoutExpired as exc:
        raise NotInstalled(f"'{Path(command[0]).name}' was not done after {exc.timeout:g} s") from exc
    if made.returncode:
        said = (made.stderr or made.stdout).strip().splitlines()
        raise NotInstalled(f"'{Path(command[0]).name}' failed: {said[-1] if said else made.returncode}"[:300])
