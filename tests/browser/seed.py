"""The walk of OmniRoute's guide "AgentRouter", as somebody with a fresh machine takes it: port 20128, its curl as printed.

def test_something(first_start, page, tmp_path):
    with first_start(tmp_path, ENABLE_CC_COMPATIBLE_PROVIDER="true") as here:
        set_up(page, here)
        answer = curl(PRINTED)
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest
from playwright.sync_api import Locator, Page, expect

from bench.processes import PYTHON, ROOT, Server, environment
from tests.gateway import PASSWORD, Gateway
from tests.left_behind import look_over, metrics_of
from tests.upstream.client import until

PORT = 20128
HERE = f"http://localhost:{PORT}"
KEY = "sk-good-0123456789abcdef"
BAD_KEY = "sk-bad-0123456789abcdef"
# Word for word as the guide prints it.
PRINTED = """\
curl -X POST http://localhost:20128/v1/chat/completions \\
-H "Content-Type: application/json" \\
-d '{
"model": "agentrouter/claude-opus-4-6",
"messages": [{"role": "user", "content": "hello"}],
"max_tokens": 100
}'"""

FirstStart = Callable[..., AbstractContextManager[Gateway]]

# `make run`, once everything is installed: one console for both.
RUN = '"$0" -m omniroute prepare && exec "$0" -m gunicorn -c "$1" wsgi:app'


@pytest.fixture
def first_start() -> Iterator[FirstStart]:
    """`with first_start(folder, **settings) as here`: the gateway as `make run` starts it, on the port of the guide.

    The port is this test's own while it runs: other runs wait. A second start on the same folder goes on with its data.
    """
    lock = Path(tempfile.gettempdir()) / f"omniroute-tests-{PORT}-{os.getuid()}.lock"
    with lock.open("w") as mine:
        until(partial(locked, mine), 90.0, lambda: f"another run of the tests to leave port {PORT} ({lock})")
        yield started


@contextmanager
def started(folder: Path, **settings: str) -> Iterator[Gateway]:
    assert not taken(), f"port {PORT} is in use: stop what listens there; the guide's curl names this port, so its test needs it"
    command = ["sh", "-c", RUN, PYTHON, str(ROOT / "gunicorn.conf.py")]
    given = {"HOME": str(folder), "DATA_DIR": str(folder / "data"), "DRAIN_SECONDS": "1", **settings}
    server = Server("the gateway", command, folder / "console.log", HERE, given, cwd=folder)
    try:
        server.wait_until_up("/readyz")
        yield Gateway(server, folder)
        assert server.alive, f"the gateway died with status {server.process.returncode}:\n{server.tail(60)}"
        metrics = metrics_of(server.url)
    finally:
        server.stop()
    look_over(server.log, folder / "data", given, metrics)
    assert "Traceback" not in server.output(), f"the gateway printed a traceback:\n{server.tail(80)}"


def set_up(page: Page, here: Gateway) -> None:
    """Open the link from the console, choose the password, leave the guided path, and stand on the home page."""
    links = until(lambda: re.findall(r"http://\S+/setup\?token=\S+", here.output()), 10, lambda: f"a setup link: {here.output()}")
    assert len(links) == 1, f"more than one setup link on the console:\n{here.output()}"
    page.goto(links.pop())
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    expect(page).to_have_url(f"{here.url}/dashboard/start")
    page.get_by_role("link", name="Leave for now").click()
    expect(page).to_have_url(f"{here.url}/")
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def sign_in(page: Page, here: Gateway, path: str = "/") -> None:
    page.goto(here.url + path)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(here.url + path)
    page.wait_for_load_state()  # the scripts have run, where there are any


def to_add_provider(page: Page) -> None:
    """Dashboard -> Providers -> Add Provider."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Home").click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Providers").click()
    page.get_by_role("main").get_by_role("link", name="Add Provider").first.click()
    expect(page.get_by_role("heading", name="Add Provider")).to_be_visible()


def fill_in(page: Page, **values: str) -> None:
    """By label; an underscore stands for a space."""
    for label, value in values.items():
        page.get_by_label(label.replace("_", " "), exact=True).fill(value)


def verdict(page: Page) -> Locator:
    """What Check or Test has said."""
    return page.locator(".verdict")


@dataclass(frozen=True, slots=True)
class Printed:
    """What curl printed, and the status that it got."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def said(self) -> str:
        """The text of a Chat answer."""
        return str(self.json["choices"][0]["message"]["content"])


def curl(command: str) -> Printed:
    """Run what somebody would paste into a shell. The real curl, with nobody's configuration or proxies."""
    with tempfile.TemporaryDirectory() as home:
        told = environment({"HOME": home})
        # --write-out is not printed by the guide, so it comes by curl's own file of defaults: the command stays as it is.
        Path(home, ".curlrc").write_text('write-out = "\\n%{http_code}"\nsilent\nshow-error\n')
        ran = subprocess.run(["sh", "-c", command], env=told, cwd=home, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    text, _, status = ran.stdout.rpartition("\n")
    return Printed(int(status), text)


def taken() -> bool:
    try:
        socket.create_connection(("localhost", PORT), 2).close()
    except OSError:
        return False
    return True


def locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
