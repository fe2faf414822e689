"""The program's own log: one JSON line per event on standard output, with the request's id, secrets masked last of all.

structlog's loggers and the standard library's both end here. gunicorn's own lines keep their form: an error at the start is
for somebody who looks at a terminal.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, cast

import orjson
import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, merge_contextvars
from structlog.stdlib import ProcessorFormatter

from omniroute.security.redaction import MASK, redact, secret_name

Event = MutableMapping[str, Any]

LONGEST = 10_000  # bytes of a line: Heroku's Logplex splits longer ones (its log format, looked up 2026-11-27)
GAP = " [...] "
WORTH_CUTTING = 200  # bytes: a line whose members are all shorter has too many of them

OWN = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}
FIRST = ("at", "level", "logger", "request_id", "event")


def configure_logs(level: str) -> None:
    """Once per process."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, merge_contextvars, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    root = logging.getLogger("omniroute")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False


def begin_request(request_id: str) -> None:
    """From now on the lines of this greenlet carry this id, and nothing that an earlier request has bound.

    A connection that is kept open serves its requests in one greenlet. Greenlets begin with an empty context: those beside
    the requests have no id, and one that works for a request is given a copy of its context. Measured: 1.8 microseconds.
    """
    clear_contextvars()
    bind_contextvars(request_id=request_id)


class JsonLines(ProcessorFormatter):
    """A line from a record of either kind of logger. The last step but one masks secrets, the last writes JSON."""

    def __init__(self) -> None:
        super().__init__(processors=[described, masked, rendered], foreign_pre_chain=[merge_contextvars, with_extra])


# The steps: each takes and gives (logger, method, event) as structlog wants it --------------------------------------


def with_extra(_logger: Any, _method: str, event: Event) -> Event:
    """What stands in `extra` of a standard logger's call."""
    record: logging.LogRecord = event["_record"]
    event.update({name: value for name, value in record.__dict__.items() if name not in OWN})
    return event


def described(_logger: Any, _method: str, event: Event) -> Event:
    """When, how grave, from where, and the traceback as text."""
    record: logging.LogRecord = event.pop("_record")
    event.pop("_from_structlog", None)
    event["at"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    event["level"], event["logger"] = record.levelname.lower(), record.name
    if raised := _raised(event.pop("exc_info", None)):
        event["traceback"] = logging.Formatter().formatException(raised)
    return event


def masked(_logger: Any, _method: str, event: Event) -> Event:
    """Without secrets. What JSON can't hold is a text from here on, so that nothing is looked at before it is one."""
    return {str(name): _masked(str(name), value) for name, value in event.items()}


def rendered(_logger: Any, _method: str, event: Event) -> str:
    """JSON of at most LONGEST bytes: a longer one loses the middle of its longest members."""
    event = {name: event[name] for name in (*FIRST, *event) if name in event}
    line = orjson.dumps(event)
    while len(line) > LONGEST:
        sizes = {name: len(orjson.dumps(value)) for name, value in event.items()}
        longest = max(sizes, key=lambda name: sizes[name])
        if sizes[longest] < WORTH_CUTTING:
            event = {name: event[name] for name in FIRST if name in event}
        else:
            event[longest] = _cut(event[longest], len(line) - LONGEST)
        line = orjson.dumps(event)
    return line.decode()


def _masked(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and value.bit_length() < 64):
        return value
    if isinstance(value, Mapping):
        return {str(each): _masked(str(each), inner) for each, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(name, inner) for inner in value]
    text = str(value).encode("utf-8", "replace").decode()  # half a surrogate pair is no JSON
    return MASK if secret_name(name) and text else redact(text)


def _cut(value: Any, bytes_over: int) -> str:
    """The beginning and the end. Escapes are longer than characters, so less than wanted may go; called again, it goes on."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    keep = max(len(text) - bytes_over - len(GAP), len(text) // 4, 20)
    return text[: keep // 2] + GAP + text[-(keep // 2) :]


def _raised(exc_info: Any) -> Any:
    if isinstance(exc_info, BaseException):
        return type(exc_info), exc_info, exc_info.__traceback__
    if isinstance(exc_info, tuple):
        return cast(Any, exc_info) if exc_info[0] is not None else None
    return sys.exc_info() if exc_info else None
