"""A program and tables of different versions: nothing starts, and one line names both revisions and says what to do."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from bench.processes import PYTHON, ROOT, free_port
from omniroute.models.schema import HEAD
from tests.gateway import running_gateway
from tests.upgrade.olden import Olden
from tests.upstream.client import until

OLDER = f"the database is at revision 0003, and this version needs revision {HEAD}: run 'python -m omniroute prepare' first"
NEWER = (
    f"the database is at revision 9999, which this version does not know (it knows up to {HEAD}): "
    "start the newer version again, or restore a copy of the database that was made before it"
)
NONE = f"the database holds no tables yet, and this version needs revision {HEAD}: run 'python -m omniroute prepare' first"
STATES = {"older": OLDER, "newer": NEWER, "none": NONE}
VERBS = (("setup-link",), ("revoke-sessions",), ("reconcile",), ("export-config", "file.json"), ("rotate-storage-key",))


def made(olden: Olden, state: str) -> str:
    """The line that is expected of it."""
    if state == "older":
        olden.bring_to("0003")
    if state == "newer":
        olden.bring_to(HEAD)
        olden.execute("UPDATE alembic_version SET version_num = '9999'")
    return STATES[state]


@pytest.mark.parametrize("state", STATES)
def test_the_gateway_does_not_start(olden: Olden, state: str) -> None:
    line = made(olden, state)
    done = subprocess.run(
        [PYTHON, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"],
        cwd=olden.folder,
        env=olden.environ(PORT=str(free_port())),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    greeting, told = done.stderr.splitlines()
    assert "Starting gunicorn" in greeting and told == f"omniroute: {line}"


@pytest.mark.parametrize("state", STATES)
def test_the_worker_does_not_start(olden: Olden, state: str) -> None:
    line = made(olden, state)
    done = olden.told("work")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Error: {line}\n")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_a_verb_is_not_done(lite: Olden, verb: tuple[str, ...]) -> None:
    line = made(lite, "older")
    before = lite.rows()
    done = lite.told(*verb)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Error: {line}\n")
    assert lite.rows() == before and not (lite.folder / "file.json").exists()


@pytest.mark.parametrize("verb", ["prepare", "migrate"])
def test_tables_of_a_newer_version_are_left_alone(olden: Olden, verb: str) -> None:
    line = made(olden, "newer")
    before = olden.rows()
    done = olden.told(verb)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Error: {line}\n")
    assert olden.rows() == before and olden.copies() == []


def test_a_gateway_that_runs_goes_on_while_a_newer_one_migrates(olden: Olden) -> None:
    """As on a platform that migrates first and then replaces one process after another: a worker that dies is replaced too."""
    olden.bring_to(HEAD)
    with running_gateway(olden.folder, **olden.env) as gateway:
        olden.execute("UPDATE alembic_version SET version_num = '9999'")
        (before,) = gateway.server.children()
        os.kill(before, signal.SIGKILL)
        until(lambda: gateway.server.children() not in ([], [before]), 15, lambda: "another worker")
        assert gateway.api("GET", "/api/keys")["keys"]
        assert gateway.refused("GET", "/readyz").status == 503
