"""deploy/omniroute.service: what it says holds, and what it starts serves, told ready and ended as systemd would do it."""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bench.processes import ROOT, Server, environment, free_port
from omniroute.settings import READERS

UNIT = ROOT / "deploy" / "omniroute.service"
PLACE = "/opt/omniroute"
# prctl(2): PR_SET_NO_NEW_PRIVS, and PR_SET_MDWE where the kernel knows it (Linux 6.3), as NoNewPrivileges= and
# MemoryDenyWriteExecute= ask for.
CONFINED = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
libc.prctl(65, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def said(name: str) -> list[str]:
    """The values of a key, in order."""
    lines = (line.partition("=") for line in UNIT.read_text().splitlines() if not line.startswith("#"))
    return [value for key, _, value in lines if key == name]


def command(name: str) -> list[str]:
    """As it stands there, with this project in the place of the installed one."""
    (line,) = said(name)
    first, *rest = shlex.split(line)
    program = Path(first).relative_to(f"{PLACE}/.venv/bin")
    return [str(Path(sys.executable).parent / program), *rest]


def settings() -> dict[str, str]:
    (line,) = said("Environment")
    return dict(part.split("=", 1) for part in shlex.split(line))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The program as it is installed: this project, but for anybody's .env."""
    folder = tmp_path / "opt"
    folder.mkdir()
    for name in ("app.py", "wsgi.py", "gunicorn.conf.py", "omniroute", "migrations", "static", "templates"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def test_what_it_starts_tells_that_it_is_ready_serves_and_ends_in_order(tmp_path: Path, place: Path) -> None:
    port, told = free_port(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "notify"))
    told.settimeout(60)
    env = settings() | {"DATA_DIR": str(tmp_path / "state"), "PORT": str(port), "PYTHONPATH": ""}
    prepared = subprocess.run(command("ExecStartPre"), cwd=place, env=environment(env), capture_output=True, timeout=60)
    assert prepared.returncode == 0, prepared.stderr
    env["NOTIFY_SOCKET"] = str(tmp_path / "notify")
    start = [sys.executable, "-c", CONFINED, *command("ExecStart")]
    with Server("the unit", start, tmp_path / "log", f"http://127.0.0.1:{port}", env, cwd=place) as server, told:
        assert b"READY=1" in told.recv(4096)  # Type=notify
        server.wait_until_up("/readyz", 60)
        assert server.stop(30) == 0


def test_its_settings_exist_and_it_listens_on_this_machine_only() -> None:
    ours = settings().keys() - {"PYTHONDONTWRITEBYTECODE"}
    assert ours <= READERS.keys() and settings()["HOST"] == "127.0.0.1"
    assert settings()["DATA_DIR"] == f"/var/lib/{said('StateDirectory')[0]}"
    assert said("Type") == ["notify"] and said("WorkingDirectory") == [PLACE]


def test_it_waits_longer_than_gunicorn_and_lets_it_end_its_own(place: Path, tmp_path: Path) -> None:
    (seconds,) = said("TimeoutStopSec")
    assert said("KillMode") == ["mixed"] and float(seconds) > graceful_timeout(place, tmp_path)
    assert int(said("LimitNOFILE")[0]) >= 2 * 1000 * 2 * 8  # two sockets a stream, 1,000 connections a worker, 8 workers


def graceful_timeout(place: Path, data: Path) -> float:
    """gunicorn's, as the default settings make it."""
    asked = "import runpy; print(runpy.run_path('gunicorn.conf.py')['graceful_timeout'])"
    env = environment({"DATA_DIR": str(data)})
    return float(subprocess.run([sys.executable, "-c", asked], cwd=place, env=env, capture_output=True, check=True).stdout)


def test_systemd_understands_it_and_finds_it_confined(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    assert program, "install systemd, which is only asked, never started: apt-get install --no-install-recommends systemd"
    here = tmp_path / UNIT.name
    python = Path(sys.executable).parent
    text = UNIT.read_text().replace(f"{PLACE}/.venv/bin", str(python)).replace(PLACE, str(ROOT))
    here.write_text(text.replace("=omniroute\nGroup=omniroute", "=root\nGroup=root"))  # a user that there is
    checked = subprocess.run([program, "verify", str(here)], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0 and UNIT.name not in checked.stderr, checked.stderr
    judged = [program, "security", "--offline=true", "--threshold=20", "--no-pager", str(UNIT)]  # 0: confined, 100: not at all
    assert subprocess.run(judged, capture_output=True, timeout=60).returncode == 0
