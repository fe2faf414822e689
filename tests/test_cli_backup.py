"""Backup and restore on the server: the whole configuration into a file, and out of one into another gateway."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import orjson
import pytest

from omniroute.models.db import Database
from omniroute.providers import catalog as catalogs
from omniroute.settings import Settings
from tests.backup.conftest import CANARIES, PASSPHRASE, Place, furnish
from tests.test_cli import Gateway


class Source(Gateway):
    """Prepared, with something of every kind in it."""

    def place(self) -> Place:
        settings = Settings.from_env(self.environ, self.folder / ".env")
        return Place(Database(settings.sqlalchemy_url), settings, catalogs.load())


@pytest.fixture
def source(tmp_path: Path) -> Source:
    (tmp_path / "source").mkdir()
    made = Source(tmp_path / "source")
    made.told("prepare", ENABLE_CC_COMPATIBLE_PROVIDER="true")
    made.environ["ENABLE_CC_COMPATIBLE_PROVIDER"] = "true"
    place = made.place()
    furnish(place)
    place.database.close()
    return made


@pytest.fixture
def target(tmp_path: Path) -> Source:
    (tmp_path / "target").mkdir()
    made = Source(tmp_path / "target")
    made.told("prepare")
    return made


def test_a_gateway_moves_by_the_command_line(source: Source, target: Source, tmp_path: Path) -> None:
    file = tmp_path / "backup.json"
    told = source.told("export-config", str(file), "--with-keys", "--stdin", typed=f"{PASSPHRASE}\n")
    assert "its keys under that passphrase" in told and PASSPHRASE not in told
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not [text for text in CANARIES if text in file.read_text()]

    again = source.run("export-config", str(file))
    assert again.exit_code == 1 and "--force writes over it" in again.output

    asked = target.run("import-config", str(file), typed=f"{PASSPHRASE}\nn\n")
    assert asked.exit_code == 1 and "added   keys: Ops" in asked.output and "(may manage)" in asked.output
    assert target.place().exported()["configuration"]["keys"] == []
    told = target.told("import-config", str(file), typed=f"{PASSPHRASE}\ny\n")
    assert "The configuration is restored" in told and "off until typed in" not in told
    there, here = target.place(), source.place()
    assert there.exported()["configuration"] == here.exported()["configuration"]
    assert there.keys_by_connection() == here.keys_by_connection()
    assert there.audited("settings.import")[0].actor_kind == "cli"
    assert "Nothing would change." in target.told("import-config", str(file), "--yes", "--stdin", typed=f"{PASSPHRASE}\n")
    for place in (there, here):
        place.database.close()


def test_without_keys_and_without_questions(source: Source, target: Source, tmp_path: Path) -> None:
    file = tmp_path / "backup.json"
    file.write_text("something else")
    assert "without keys" in source.told("export-config", str(file), "--force")
    document: dict[str, Any] = orjson.loads(file.read_bytes())
    assert document["secrets"] is None
    told = target.told("import-config", str(file), "--yes", "--merge")
    assert "off until typed in again: AgentRouter: Native: API key" in told
    place = target.place()
    assert not any(row.is_active for row in place.connections.list())
    place.database.close()


def test_what_can_t_be_done_is_one_line(source: Source, target: Source, tmp_path: Path) -> None:
    weak = source.run("export-config", str(tmp_path / "weak.json"), "--with-keys", "--stdin", typed="short\n")
    assert weak.exit_code == 1 and weak.output == "Error: The passphrase needs at least 10 characters.\n"
    assert not (tmp_path / "weak.json").exists()
    (tmp_path / "no.json").write_text("{}")
    refused = target.run("import-config", str(tmp_path / "no.json"), "--yes")
    assert refused.exit_code == 1 and refused.output.startswith("Error: This is JSON, but no backup")
    assert target.run("import-config", str(tmp_path / "nowhere.json")).exit_code == 2
