"""The gateway as gunicorn loads it, with every statement to a database written down: one line each in the file STATEMENTS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app import create_app

log = Path(os.environ["STATEMENTS"]).open("a", buffering=1)  # noqa: SIM115 - as long as the process lives


@sa.event.listens_for(sa.engine.Engine, "before_cursor_execute")
def write_down(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
    log.write(" ".join(statement.split()) + "\n")


app = create_app()
