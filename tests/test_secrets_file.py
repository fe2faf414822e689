from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cryptography.fernet import Fernet

from omniroute.secrets_file import FILE, ensure_secrets


def test_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "data"
    made = ensure_secrets(folder)
    assert set(made) == {"SECRET_KEY", "STORAGE_ENCRYPTION_KEY"} and len(made["SECRET_KEY"]) >= 64
    Fernet(made["STORAGE_ENCRYPTION_KEY"])
    assert ensure_secrets(folder) == made
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600 and folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in folder.iterdir()) == [FILE]
    assert ensure_secrets(tmp_path / "b")["SECRET_KEY"] != made["SECRET_KEY"]


def test_what_stands_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("# mine\nSECRET_KEY='kept by hand'\nSTORAGE_ENCRYPTION_KEY=\nOTHER=1")
    made = ensure_secrets(tmp_path)
    assert made["SECRET_KEY"] == "kept by hand" and made["STORAGE_ENCRYPTION_KEY"]
    text = (tmp_path / FILE).read_text()
    assert text.startswith("# mine\nSECRET_KEY='kept by hand'\n") and "\nOTHER=1\n" in text
    assert ensure_secrets(tmp_path) == made


def test_processes_that_race_end_with_the_same(tmp_path: Path) -> None:
    script = "import sys, pathlib; from omniroute.secrets_file import ensure_secrets as go; print(go(pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-c", script, str(tmp_path)]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) for _ in range(6)]
    told = {racer.communicate(timeout=60)[0] for racer in racers}
    assert told == {f"{ensure_secrets(tmp_path)}\n"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE]
