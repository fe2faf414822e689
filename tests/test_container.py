"""The image: what the Dockerfile promises, and the program started by its own command from a folder laid out as it says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from bench.gateway import PASSWORD, Management
from bench.processes import PYTHON, ROOT, Server, environment, free_port
from omniroute.settings import READERS
from tests.deploy.dockerfile import Dockerfile, Image, admitted
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Client, post

FILE = Dockerfile.read()
LAST = FILE.final
CHAT = {"model": "agentrouter/claude-opus-4-6", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 100}
DOCKER_KILLS = 10.0  # seconds after it was told to end
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())


# What it says ---------------------------------------------------------------------------


def test_the_base_is_one_exact_release() -> None:
    base = re.fullmatch(r"BASE=(.*)", FILE.one("ARG"))
    assert base and re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", base[1])
    assert FILE.all("FROM") == ["${BASE} AS build", "${BASE}"]


def test_only_wheels_with_known_hashes_are_installed() -> None:
    installs = [rest for rest in FILE.all("RUN") if "pip install" in rest]
    assert len(installs) == 1 and not any("pip install" in rest for rest in LAST.all("RUN"))
    assert "--require-hashes" in installs[0] and "--only-binary :all:" in installs[0]


def test_it_runs_as_nobody_special_and_keeps_its_data_in_a_volume() -> None:
    uid, gid = LAST.user
    assert uid >= 10000 and gid >= 10000
    assert any(f"--uid {uid}" in rest and f"--gid {gid}" in rest for rest in LAST.all("RUN"))
    assert LAST.one("VOLUME") == '["/app/data"]' and LAST.env["DATA_DIR"] == "/app/data"
    assert LAST.one("EXPOSE") == LAST.env["PORT"] == "20128" and LAST.env["HOST"] == "0.0.0.0"
    assert "-o omniroute" in next(rest for rest in LAST.all("RUN") if "/app/data" in rest and "install -d" in rest)


def test_it_ends_by_itself_before_docker_kills_it(tmp_path: Path) -> None:
    assert LAST.one("STOPSIGNAL") == "SIGTERM"
    drain = LAST.env["DRAIN_SECONDS"]
    names = ("UNTIL_CLOSED", "END_AFTER", "LAST_WORDS")
    asked = f"import runpy; made = runpy.run_path('gunicorn.conf.py'); print(sum(made[each] for each in {names}))"
    env = environment({"DRAIN_SECONDS": drain, "DATA_DIR": str(tmp_path)})
    told = subprocess.run([PYTHON, "-c", asked], cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    assert float(told) <= DOCKER_KILLS - 4, "what is left is for gunicorn's rounds of a second, and a machine that is slow"


def test_its_settings_exist_and_hold_no_secret() -> None:
    ours = LAST.env.keys() - {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    assert ours == {"HOST", "PORT", "DATA_DIR", "DRAIN_SECONDS"} and ours <= READERS.keys()


def test_the_build_is_given_what_is_copied_and_no_secret() -> None:
    copied = [source for stage in (FILE, LAST) for sources, _ in stage.copies() for source in sources]
    assert "requirements.txt" in copied and all(admitted(source) and (ROOT / source).exists() for source in copied)
    for name in (".env", "data", "data/server.env", ".git", ".venv", "compose.env", "tests", "omniroute/__pycache__", "x.pyc"):
        assert not admitted(name), name


# What it does ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """In a folder that everybody may pass: pytest's own are root's alone."""
    folder = Path(tempfile.mkdtemp(prefix="omniroute-image-"))
    folder.chmod(0o755)
    installed = ROOT / ".venv" / "as-installed" / "bin"  # requirements.txt alone, as in the image: `make test` makes it
    yield Image(folder, installed if installed.exists() else Path(sys.executable).parent)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def container(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = image.start(free_port(), tmp_path_factory.mktemp("container") / "container.log")
    yield server
    server.stop()


def test_keyless_it_answers_401_with_both_remedies(container: Server) -> None:
    answer = post(container.url, "/v1/chat/completions", **CHAT)
    assert answer.status == 401
    remedy = answer.json["omniroute"]["remedy"]
    assert "Make a key on the dashboard's Keys page" in remedy
    assert "'-e REQUIRE_API_KEY=false' with '-p 127.0.0.1:20128:20128'" in remedy
    assert remedy in answer.json["error"]["message"]  # what curl shows


def test_it_is_gunicorn_itself_without_rights_and_writes_only_its_data(container: Server, image: Image) -> None:
    ids = [status_of(pid) for pid in (container.pid, *container.children())]
    assert len(ids) == 3 and set(ids) == {image.uid} and image.uid != 0
    assert b"gunicorn" in Path(f"/proc/{container.pid}/cmdline").read_bytes()
    assert post(container.url, "/v1/chat/completions", **CHAT).status == 401
    written = [path for path in image.folder.rglob("*") if path.stat().st_uid == image.uid and image.data not in path.parents]
    assert not image.as_root or written == [image.data]
    assert {"omniroute.db", "server.env"} <= {path.name for path in image.data.iterdir()}
    assert any("compileall" in rest for rest in LAST.all("RUN"))  # Python could not keep what it compiles


def test_the_health_check_follows_readyz(container: Server, image: Image) -> None:
    port = int(container.url.rpartition(":")[2])
    assert image.healthy(port)
    with closing(sqlite3.connect(image.data / "omniroute.db")) as database:
        (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
        for wrong, healthy in ((True, False), (False, True)):
            database.execute("UPDATE alembic_version SET version_num = ?", ("of another release" if wrong else revision,))
            database.commit()
            assert image.healthy(port) is healthy
    assert not image.healthy(free_port())


def test_killed_it_goes_on_with_what_it_kept_and_serves_keyless_if_told_to(
    image: Image, container: Server, tmp_path: Path, upstream: Upstream
) -> None:
    container.stop()  # its volume is this test's now
    port, log = free_port(), tmp_path / "container.log"
    image.empty()
    with image.start(port, log, INITIAL_PASSWORD=PASSWORD, ALLOW_PRIVATE_UPSTREAMS="true") as first:
        admin = Management(first.url)
        admin.log_in()
        admin.add_connection(admin.add_node("chat", upstream.v1))
        key = admin.add_key()
        secrets = (image.data / "server.env").read_text()
        os.killpg(first.pid, signal.SIGKILL)
        first.process.wait(10)
    with image.start(port, log, REQUIRE_API_KEY="false", ALLOW_PRIVATE_UPSTREAMS="true") as second:
        until(lambda: "-p 127.0.0.1:20128:20128" in second.output(), 10, second.output)  # where the warning leads
        assert (image.data / "server.env").read_text() == secrets
        with_key = {"Authorization": f"Bearer {key}"}
        assert post(second.url, "/v1/chat/completions", with_key, **CHAT | {"model": "chat/gpt"}).status == 200
        assert post(second.url, "/v1/chat/completions", **CHAT | {"model": "chat/gpt"}).status == 200
        pointed_here = {"Host": "evil.example:20128", "Origin": "http://evil.example:20128"}
        with Client(second.url) as page:
            assert page.post("/v1/chat/completions", CHAT | {"model": "chat/gpt"}, pointed_here).read().status == 401
        upstream.always({"text": "x" * 16_000_000, "pieces": 160}, model="big")
        with Client(second.url) as deaf:  # it takes nothing: sockets between it and the gateway are full
            deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.post("/v1/chat/completions", CHAT | {"model": "chat/big", "stream": True}, with_key)
            until(lambda: upstream.requests(model="big"), 10, second.output)
            assert second.stop(DOCKER_KILLS) == 0, "told to end, it ends in order, and in time"


def status_of(pid: int) -> int:
    """The effective user id of a process."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["Uid"].split()[1])


# compose.yaml ---------------------------------------------------------------------------


def test_composed_only_the_gateway_is_published_and_only_here() -> None:
    services = COMPOSE["services"]
    assert {name: each["ports"] for name, each in services.items() if "ports" in each} == {"gateway": ["127.0.0.1:20128:20128"]}


def test_composed_programs_have_settings_that_exist_and_secrets_from_outside() -> None:
    gateway, worker = COMPOSE["services"]["gateway"], COMPOSE["services"]["worker"]
    for each in (gateway, worker):
        assert each["environment"].keys() <= READERS.keys()
        assert all(isinstance(value, str) for value in each["environment"].values())  # YAML's `off` would be false
        for secret in ("SECRET_KEY", "STORAGE_ENCRYPTION_KEY"):
            assert each["environment"][secret].startswith(f"${{{secret}:?")
        assert each["read_only"] and each["cap_drop"] == ["ALL"] and each["tmpfs"] == ["/tmp"]
        assert float(each["stop_grace_period"].rstrip("s")) >= float(each["environment"]["DRAIN_SECONDS"]) + 13
    assert gateway["environment"]["BACKGROUND_JOBS"] == "off" and worker["command"][-3:] == ["-m", "omniroute", "work"]


def test_composed_each_waits_for_what_it_needs() -> None:
    waits = {name: set(each.get("depends_on", ())) for name, each in COMPOSE["services"].items()}
    assert waits == {"gateway": {"postgres", "redis"}, "worker": {"gateway"}, "postgres": set(), "redis": set()}
    named = {volume.partition(":")[0] for each in COMPOSE["services"].values() for volume in each.get("volumes", ())}
    assert named == COMPOSE["volumes"].keys()
