"""The server itself, not only `prepare`, starts with sound secrets or not at all, and says why in a line without any of them."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bench.processes import PYTHON, ROOT, environment, free_port
from omniroute.secrets_file import ensure_secrets
from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream
from tests.upstream.raw import post

SOUND = "a sound secret for tests, 0123456789 and more"
PREPARE = [PYTHON, "-m", "omniroute", "prepare"]  # runs before every start, wherever it is deployed
GUNICORN = [PYTHON, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
STRANGE_KEY = Fernet.generate_key().decode()


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Path:
    """The data directory of a gateway that keeps a connection's key."""
    folder = tmp_path_factory.mktemp("used")
    with running_gateway(folder) as gateway:
        gateway.add_upstream("chat", upstream_process.v1)
    return folder / "data"


# What is wrong -> the settings, and the word that the line must have.
WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no secret beside a database": ({"DATABASE_URL": "postgres://u:hunter2@127.0.0.1:1/x"}, "SECRET_KEY is missing"),
    "no storage key beside a database": (
        {"DATABASE_URL": "postgres://u:hunter2@127.0.0.1:1/x", "SECRET_KEY": SOUND},
        "STORAGE_ENCRYPTION_KEY is missing",
    ),
    "a short secret": ({"SECRET_KEY": "hunter2hunter2"}, "SECRET_KEY"),
    "a well-known secret": ({"SECRET_KEY": "changeme"}, "SECRET_KEY"),
    "a secret of one letter": ({"SECRET_KEY": "x" * 64}, "SECRET_KEY"),
    "a storage key of zeros": ({"STORAGE_ENCRYPTION_KEY": "0" * 64}, "STORAGE_ENCRYPTION_KEY"),
    "a short storage key": ({"STORAGE_ENCRYPTION_KEY": "hunter2"}, "STORAGE_ENCRYPTION_KEY"),
}
OTHER_KEY = "another storage key than the database's"
ALL = WRONG | {OTHER_KEY: ({"STORAGE_ENCRYPTION_KEY": STRANGE_KEY}, "STORAGE_ENCRYPTION_KEY")}


def test_the_server_starts_with_nothing_less(used: Path, tmp_path: Path) -> None:
    """All at once, for each takes as long as a start: that of one that would serve is the last thing that could happen."""
    started = {}
    for number, (name, (given, _)) in enumerate(ALL.items()):
        folder = tmp_path / str(number)
        shutil.copytree(used, folder / "data")
        port = free_port()
        environ = environment({"HOST": "127.0.0.1", "PORT": str(port), "DATA_DIR": str(folder / "data"), **given})
        started[name] = (
            port,
            subprocess.Popen(
                PREPARE if name == OTHER_KEY else GUNICORN,
                cwd=folder,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ),
        )
    try:
        for name, (_, word) in ALL.items():
            port, process = started[name]
            output, _ = process.communicate(timeout=90)
            assert process.returncode not in (0, None), (name, output)
            assert word in output, (name, output)
            assert "Traceback" not in output, (name, output)
            assert "hunter2" not in output and STRANGE_KEY not in output, (name, output)
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0, name
    finally:
        for _, process in started.values():
            if process.poll() is None:
                process.kill()
                process.communicate()


def test_the_new_key_with_the_old_one_behind_it_opens_what_was_sealed(used: Path, tmp_path: Path, upstream: Upstream) -> None:
    shutil.copytree(used, tmp_path / "data")
    old = ensure_secrets(tmp_path / "data")["STORAGE_ENCRYPTION_KEY"]
    with running_gateway(tmp_path, DATA_DIR=str(tmp_path / "data"), STORAGE_ENCRYPTION_KEY=f"{STRANGE_KEY},{old}") as gateway:
        assert_answers(gateway, upstream)


def assert_answers(gateway: Gateway, upstream: Upstream) -> None:
    answer = post(gateway.url, "/v1/chat/completions", model="chat/scripted-large")
    assert answer.status == 200 and upstream.last().key == "sk-good-1"
