"""app.json and the Procfile: what Heroku makes of them is what the program takes, and fits the smallest plans."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from pathlib import Path

from bench.processes import ROOT
from omniroute.settings import READERS, Settings
from tests.deploy.dockerfile import Dockerfile

APP = json.loads((ROOT / "app.json").read_text())
PAGE = (ROOT / "docs" / "operations.md").read_text()
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
SMALLEST = 20  # connections of heroku-postgresql:essential-0 and heroku-redis:mini


def as_heroku_sets_them() -> dict[str, str]:
    """The config vars of a new app: generated secrets are 64 hex digits, addresses are those of the add-ons."""
    made = {name: each.get("value", "a first password") for name, each in APP["env"].items()}
    made |= {name: secrets.token_hex(32) for name, each in APP["env"].items() if each.get("generator") == "secret"}
    return made | {
        "DATABASE_URL": "postgres://u:p@host:5432/db",
        "REDIS_URL": "rediss://:p@host:6380",
        "PORT": "34567",
        "HOST": "0.0.0.0",
    }


def test_a_new_app_starts_with_what_it_is_given(tmp_path: Path) -> None:
    assert APP["env"].keys() <= READERS.keys()
    found = Settings.from_env(as_heroku_sets_them(), tmp_path / "no.env")
    assert found.sqlalchemy_url == "postgresql+psycopg://u:p@host:5432/db"
    assert not found.redis_tls_verify and found.proxy_hops == 1 and not found.keyless_possible
    assert not list(tmp_path.iterdir())  # nothing is kept on a disk that is lost


def test_its_address_is_asked_for_as_the_page_says(tmp_path: Path) -> None:
    """`heroku info --shell` says NAME=VALUE lines; the address has 12 characters after the app's name since 2023-06-14."""
    said = "git_url=https://git.example/gateway.git\nweb_url=https://gateway-1234567890ab.herokuapp.com/\nstack=heroku-24\n"
    (cut,) = re.findall(r"PUBLIC_URL=\$\(heroku info --shell \| (sed [^)]+)\)\n", PAGE)
    url = subprocess.run(["sh", "-c", cut], input=said, capture_output=True, text=True, check=True).stdout.strip()
    found = Settings.from_env(as_heroku_sets_them() | {"PUBLIC_URL": url}, tmp_path / "no.env")
    assert found.public_url == "https://gateway-1234567890ab.herokuapp.com"
    assert "PUBLIC_URL=https://<" not in PAGE


def test_the_buildpack_is_told_which_python() -> None:
    """The image's, without a patch level: whatever of it there is will do, here and there."""
    told = (ROOT / ".python-version").read_text()
    assert Dockerfile.read().one("ARG").startswith(f"BASE=python:{told.strip()}.") and told == "3.11\n"


def test_its_workers_fit_the_smallest_plans(tmp_path: Path) -> None:
    assert APP["addons"] == ["heroku-postgresql:essential-0", "heroku-redis:mini"]
    workers = APP["formation"]["web"]["quantity"] * int(APP["env"]["WEB_CONCURRENCY"]["value"])
    settings = Settings.from_env(as_heroku_sets_them(), tmp_path / "no.env")
    assert workers * settings.database_connections + 4 <= SMALLEST
    assert workers * settings.redis_connections + 4 <= SMALLEST


def test_the_processes_are_those_of_the_image() -> None:
    assert PROCFILE.keys() == {"release", "web", "worker"}
    image = Dockerfile.read().command[-1].replace("python3", "python")
    assert f"{PROCFILE['release']} && exec {PROCFILE['web'].removeprefix('HOST=0.0.0.0 ')}" in image
    assert re.fullmatch(r"python -m omniroute work", PROCFILE["worker"])


def test_streams_speak_before_the_router_loses_patience() -> None:
    assert Settings().heartbeat_seconds < 30 and Settings().drain_seconds < 30
