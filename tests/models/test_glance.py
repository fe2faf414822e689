from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from omniroute.models.db import Database
from omniroute.models.glance import Glance, glance
from omniroute.models.schema import HEAD
from omniroute.security.audit import CLI
from tests.parts import ADMIN, Parts


def test_what_it_sees(parts: Parts) -> None:
    if not parts.database.is_sqlite:
        assert glance(parts.database.url) is None
        return
    assert glance(parts.database.url) == Glance(HEAD, False, ())
    parts.accounts.reset_password("four random words", CLI)
    parts.connections.create({"provider": "agentrouter", "api_key": "sk-test-0001"}, ADMIN)
    seen = glance(parts.database.url)
    assert seen is not None and seen.has_admin and len(seen.sealed) == 1
    parts.vault.check(seen.sealed)


@pytest.mark.parametrize("content", [None, b"", b"no database" * 99])
def test_what_is_none_of_ours(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "omniroute.db"
    if content is not None:
        path.write_bytes(content)
    assert glance(f"sqlite:///{path}") is None
    assert path.exists() is (content is not None)


def test_it_needs_no_sqlalchemy(sqlite_url: str) -> None:
    look = f"from omniroute.models.glance import glance; assert glance({sqlite_url!r})"
    script = f"import sys; {look}; print('sqlalchemy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=60
    )
    assert done.stdout == "False\n"


def test_it_sees_what_is_still_in_the_log(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    from omniroute.models.access import AdminRow

    database.write(lambda session: session.add(AdminRow(id="admin", password_hash="x", created_at=1, password_changed_at=1)))
    seen = glance(sqlite_url)
    assert seen is not None and seen.has_admin
    database.close()
