"""The program's own log: one JSON line per event on standard output, secrets masked last of all."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import orjson

from omniroute.security.redaction import redact

OWN = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **{name: value for name, value in record.__dict__.items() if name not in OWN},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return redact(orjson.dumps(line, default=str).decode())


def configure_logs(level: str) -> None:
    """Once per process; gunicorn's own lines keep their form."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    root = logging.getLogger("omniroute")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
