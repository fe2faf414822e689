"""The two secrets of a server, made on its first start into `DATA_DIR/server.env`, mode 0600.

Written by hand edits too, so a file that holds only one of them keeps it and gets the other.
"""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from omniroute import file_lock

FILE = "server.env"
HEADER = """\
# Made on the first start. Keep it with your backups: without STORAGE_ENCRYPTION_KEY the stored API keys can't be read.
"""


def ensure_secrets(data_dir: Path) -> dict[str, str]:
    """SECRET_KEY and STORAGE_ENCRYPTION_KEY from `data_dir/server.env`; what is missing is made and kept there.

    Makes `data_dir` (0700) when it does not exist. Processes that race end with one file and the same values: they
    take turns by a lock on the folder, and the file appears whole by a rename. Raises OSError.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / FILE
    found = _read(path)
    if MAKERS.keys() <= found.keys():
        return found
    with file_lock.held(data_dir):
        found = _read(path)
        missing = {name: make() for name, make in MAKERS.items() if name not in found}
        if missing:
            _append(path, missing)
        return found | missing


def _read(path: Path) -> dict[str, str]:
    """The secrets that the file holds; other lines are left alone. An empty value counts as missing."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    found = {}
    for line in lines:
        name, _, value = line.partition("=")
        value = value.strip().strip("'\"")
        if name.strip() in MAKERS and value:
            found[name.strip()] = value
    return found


def _append(path: Path, made: dict[str, str]) -> None:
    before = path.read_text(encoding="utf-8") if path.exists() else HEADER
    if not before.endswith("\n"):
        before += "\n"
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(before + "".join(f"{name}={value}\n" for name, value in made.items()))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _secret_key() -> str:
    return secrets.token_urlsafe(48)


def _storage_key() -> str:
    """A Fernet key: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


MAKERS = {"SECRET_KEY": _secret_key, "STORAGE_ENCRYPTION_KEY": _storage_key}
