from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import chdir, closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url

from omniroute.cli import commands
from omniroute.models.db import Database
from omniroute.models.schema import HEAD, PREPARE
from omniroute.security.vault import key_id
from tests.databases import Postgres

ROOT = Path(__file__).parents[1]
PASSWORD = "four random words here"
SECRET = "a secret that is long enough for this, 0123456789"


class Gateway:
    """A folder to run verbs in; `environ` is all that they see of the environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"DATA_DIR": str(folder / "data")}

    def run(self, *args: str, typed: str | None = None, **environ: str) -> Result:
        names = {name: None for name in os.environ if name.isupper()}
        runner = CliRunner(env={**names, "PATH": os.environ["PATH"], **self.environ, **environ})
        with chdir(self.folder):
            return runner.invoke(commands, args, input=typed)

    def told(self, *args: str, typed: str | None = None, **environ: str) -> str:
        result = self.run(*args, typed=typed, **environ)
        assert result.exit_code == 0, result.output
        return result.output


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path)


def test_the_first_prepare_makes_everything(gateway: Gateway) -> None:
    assert "The database is ready." in gateway.told("prepare")
    assert {path.name for path in (gateway.folder / "data").iterdir()} >= {"server.env", "omniroute.db"}
    assert gateway.told("prepare") == ""
    link = gateway.told("setup-link")
    assert re.fullmatch(r"http://localhost:20128/setup\?token=[0-9a-f]{64}\n", link)
    assert gateway.told("setup-link") == link


@pytest.mark.parametrize(
    ("environ", "base"),
    [
        ({"PORT": "8080"}, "http://localhost:8080"),
        ({"HOST": "0.0.0.0"}, "http://localhost:20128"),
        ({"HOST": "192.0.2.4"}, "http://192.0.2.4:20128"),
        ({"PUBLIC_URL": "https://gateway.example.com"}, "https://gateway.example.com"),
    ],
)
def test_the_link_names_the_address(gateway: Gateway, environ: dict[str, str], base: str) -> None:
    gateway.told("migrate")
    assert gateway.told("setup-link", **environ).startswith(f"{base}/setup?token=")


def test_with_an_admin_there_is_nothing_to_say(gateway: Gateway) -> None:
    gateway.told("prepare")
    gateway.told("reset-password", "--stdin", typed=f"{PASSWORD}\n")
    assert gateway.told("prepare") == ""
    assert "set up already" in gateway.told("setup-link")


def test_with_nothing_to_do_it_imports_little(gateway: Gateway) -> None:
    gateway.told("prepare", INITIAL_PASSWORD=PASSWORD)
    script = "import sys; from omniroute.cli import commands; commands(['prepare'], standalone_mode=False); print(*sys.modules)"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **gateway.environ}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, cwd=gateway.folder, capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"sqlalchemy", "alembic", "flask", "gevent", "argon2"} & set(done.stdout.split())


def test_initial_password(gateway: Gateway) -> None:
    told = gateway.told("prepare", INITIAL_PASSWORD=PASSWORD)
    assert "INITIAL_PASSWORD" in told and "setup?token" not in told and PASSWORD not in told
    assert gateway.told("prepare", INITIAL_PASSWORD=PASSWORD) == ""


def test_reset_password(gateway: Gateway) -> None:
    gateway.told("prepare")
    asked = gateway.run("reset-password", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert asked.exit_code == 0 and "The password is set" in asked.output and PASSWORD not in asked.output
    weak = gateway.run("reset-password", "--stdin", typed="short\n")
    assert weak.exit_code == 1 and weak.output == "Error: The password needs at least 10 characters.\n"


def test_revoke_sessions(gateway: Gateway) -> None:
    gateway.told("prepare")
    assert gateway.told("revoke-sessions") == "0 sessions ended.\n"


def test_migrate(gateway: Gateway) -> None:
    assert gateway.told("migrate") == "The database is ready.\n"
    assert gateway.told("migrate") == ""


@pytest.mark.parametrize("verb", ["setup-link", "revoke-sessions", "rotate-storage-key", "reset-password"])
def test_a_verb_before_prepare(gateway: Gateway, verb: str) -> None:
    result = gateway.run(verb, typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 1
    assert f"the database holds no tables yet, and this version needs revision {HEAD}: {PREPARE}\n" in result.output


@pytest.mark.parametrize(
    ("environ", "code", "words"),
    [
        ({"PORT": "http"}, 2, "PORT"),
        ({"INITIAL_PASSWORD": "omniroute2026"}, 2, "INITIAL_PASSWORD"),
        ({"DATABASE_URL": "postgres://u@127.0.0.1:1/x"}, 2, "SECRET_KEY"),
    ],
)
def test_one_line_says_what_is_wrong(gateway: Gateway, environ: dict[str, str], code: int, words: str) -> None:
    result = gateway.run("prepare", **environ)
    line = result.output.splitlines()[-1]
    assert result.exit_code == code and line.startswith("Error: ") and words in line


def test_a_database_that_is_away(gateway: Gateway) -> None:
    key = Fernet.generate_key().decode()
    away = {"DATABASE_URL": "postgres://user:hunter2@127.0.0.1:1/x", "SECRET_KEY": SECRET, "STORAGE_ENCRYPTION_KEY": key}
    for verb in ("prepare", "setup-link"):
        result = gateway.run(verb, **away)
        assert result.exit_code == 1 and result.output.startswith("Error: ") and len(result.output.splitlines()) == 1
        assert "hunter2" not in result.output


def test_a_newer_database(gateway: Gateway) -> None:
    gateway.told("prepare")
    with closing(sqlite3.connect(gateway.folder / "data" / "omniroute.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    result = gateway.run("prepare")
    assert result.exit_code == 1 and "revision 9999" in result.output


def sealed_with(gateway: Gateway, key: str) -> None:
    """A stored API key, sealed with `key`, as if a connection had been made."""
    from omniroute.models.upstreams import ConnectionRow
    from omniroute.security.vault import Vault

    row = {"key_digest": None, "key_hint": "", "priority": 0, "is_active": True, "fields": {}, "test_status": "untested"}
    database = Database(f"sqlite:///{gateway.folder / 'data' / 'omniroute.db'}")
    made = ConnectionRow(
        id="c", provider_id="p", name="C", sealed=Vault([key]).seal("x"), succeeded=False, created_at=1, updated_at=1, **row
    )
    database.write(lambda session: session.add(made))
    database.close()


@pytest.mark.parametrize("set_up", [False, True])
def test_a_wrong_storage_key_stops_the_start(gateway: Gateway, set_up: bool) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    given = {"INITIAL_PASSWORD": PASSWORD} if set_up else {}
    gateway.told("prepare", STORAGE_ENCRYPTION_KEY=old, **given)
    sealed_with(gateway, old)
    result = gateway.run("prepare", STORAGE_ENCRYPTION_KEY=new)
    assert result.exit_code == 1 and key_id(old) in result.output and old not in result.output
    gateway.told("prepare", STORAGE_ENCRYPTION_KEY=f"{new},{old}")
    assert gateway.told("rotate-storage-key", STORAGE_ENCRYPTION_KEY=f"{new},{old}") == "1 stored secrets sealed anew.\n"
    gateway.told("prepare", STORAGE_ENCRYPTION_KEY=new)


def test_on_postgres(gateway: Gateway, postgres: Postgres) -> None:
    name = postgres.create()
    gateway.environ |= {
        "DATABASE_URL": postgres.url(name).replace("postgresql+psycopg", "postgres"),
        "SECRET_KEY": SECRET,
        "STORAGE_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }
    gateway.told("prepare")
    assert "setup?token" in gateway.told("setup-link")
    gateway.told("reset-password", "--stdin", typed=f"{PASSWORD}\n")
    assert gateway.told("prepare") == ""
    assert gateway.told("rotate-storage-key") == "0 stored secrets sealed anew.\n"
    assert make_url(postgres.url(name)).database == name
    postgres.drop(name)


def test_several_prepare_at_once(gateway: Gateway) -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **gateway.environ}
    command = [sys.executable, "-m", "omniroute", "prepare"]
    racers = [
        subprocess.Popen(command, env=environ, cwd=gateway.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    told = [racer.communicate(timeout=60)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0], told
    assert sum("The database is ready." in one for one in told) == 1
    assert "setup?token" in gateway.told("setup-link")


def test_an_unknown_verb() -> None:
    result = CliRunner().invoke(commands, ["dance"])
    assert result.exit_code == 2
