"""The program's log: JSON lines that know their request, hold no secret and are not too long for Heroku's router of logs."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
import structlog

from bench.gateway import start
from bench.processes import NotStarted, free_port
from omniroute.errors import RequestError
from omniroute.logs import LONGEST, JsonLines, begin_request, configure_logs
from omniroute.relay.client_line import ClientLine
from omniroute.relay.stream import Flow
from tests.gateway import Gateway, prepared_data
from tests.relay.ways import WAYS
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Client

SECRET = "sk-or-canary-0123456789abcdef"


class Lines:
    """What is written while a test runs."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def __call__(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    written = Lines()
    configure_logs("INFO")
    handler = logging.StreamHandler(written.stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("omniroute")
    logger.addHandler(handler)
    structlog.contextvars.clear_contextvars()
    yield written
    logger.removeHandler(handler)
    structlog.contextvars.clear_contextvars()


def test_both_kinds_of_loggers_write_the_same_line(lines: Lines) -> None:
    begin_request("a-request")
    logging.getLogger("omniroute.some.place").warning("%d rows wait", 3, extra={"waiting": 3})
    structlog.stdlib.get_logger("omniroute.some.place").warning("3 rows wait", waiting=3)
    standard, native = lines()
    assert standard["at"].endswith("+00:00")
    for each in (standard, native):
        del each["at"]
        assert list(each) == ["level", "logger", "request_id", "event", "waiting"]
    assert standard == native
    assert standard == {
        "level": "warning",
        "logger": "omniroute.some.place",
        "request_id": "a-request",
        "event": "3 rows wait",
        "waiting": 3,
    }


def test_below_the_level_nothing_is_written(lines: Lines) -> None:
    logging.getLogger("omniroute.x").debug("quiet")
    structlog.stdlib.get_logger("omniroute.x").debug("quiet")
    assert lines() == []


def test_a_traceback_stands_in_its_line(lines: Lines) -> None:
    try:
        raise ValueError(f"refused {SECRET}")
    except ValueError as exc:
        logging.getLogger("omniroute.x").exception("failed")
        structlog.stdlib.get_logger("omniroute.x").exception("failed")
        structlog.stdlib.get_logger("omniroute.x").error("failed", exc_info=exc)
    assert len(lines()) == 3
    for line in lines():
        assert line["traceback"].startswith("Traceback") and line["traceback"].endswith("ValueError: refused sk-or-***")


class Holder:
    """Something that is no JSON, and shows a secret when it is printed."""

    def __str__(self) -> str:
        return f"Holder({SECRET})"


def test_secrets_are_masked_wherever_they_stand(lines: Lines) -> None:
    logging.getLogger("omniroute.x").warning(
        "key %s",
        SECRET,
        extra={
            "api_key": "no pattern finds this",
            "holder": Holder(),
            "deep": [{"password": "hunter2hunter2", "kept": 1, "url": "https://u:secret-word@host/"}],
            "Bearer": ("Bearer abcdefgh12345678", b"sk-or-bytes-0123456789abcdef"),
        },
    )
    written = lines.stream.getvalue()
    for secret in ("canary", "no pattern", "hunter2", "secret-word", "abcdefgh12345678", "sk-or-bytes-0"):
        assert secret not in written
    assert lines()[0]["deep"][0]["kept"] == 1


def test_what_json_can_not_hold_is_written_as_text(lines: Lines) -> None:
    odd = {"whole": 2**70, "half": "\ud800", "a_set": {1}, "none": None, "not_a_number": float("nan")}
    logging.getLogger("omniroute.x").warning("odd", extra=odd)
    (line,) = lines()
    assert (line["whole"], line["half"], line["a_set"]) == (str(2**70), "?", [1])
    assert line["none"] is None and line["not_a_number"] is None


@pytest.mark.parametrize(
    "extra",
    [
        {"text": "x" * 50_000},
        {"text": "\x01" * 20_000, "other": "ü" * 9_000},
        {"deep": [{"text": "x" * 400} for _ in range(60)]},
        {f"member{number}": "x" * 150 for number in range(500)},
    ],
    ids=["one", "escapes", "deep", "many"],
)
def test_a_line_is_cut_and_still_json(lines: Lines, extra: dict[str, Any]) -> None:
    begin_request("a-request")
    logging.getLogger("omniroute.x").warning("long", extra=extra)
    (text,) = lines.stream.getvalue().splitlines()
    assert 100 < len(text.encode()) <= LONGEST
    assert (lines()[0]["event"], lines()[0]["request_id"]) == ("long", "a-request")


def test_a_long_traceback_keeps_its_end(lines: Lines) -> None:
    try:
        raise ValueError("x" * 30_000 + " the end")
    except ValueError:
        logging.getLogger("omniroute.x").exception("failed")
    assert lines()[0]["traceback"].endswith("x the end")
    assert lines()[0]["traceback"].startswith("Traceback")


# The request's id -----------------------------------------------------------------------------------


def test_the_reader_of_a_stream_knows_the_request_and_others_do_not(lines: Lines) -> None:
    def breaks(put: Any) -> None:
        raise ValueError

    begin_request("a-request")
    flow = Flow(breaks, lambda problem: b"", ClientLine(None), None)
    with pytest.raises(RequestError):
        flow.start()
    gevent.spawn(logging.getLogger("omniroute.x").warning, "beside the requests").join()
    told = {line["event"]: line.get("request_id") for line in lines()}
    assert told == {"a stream failed inside the gateway": "a-request", "beside the requests": None}


# In the gateway -------------------------------------------------------------------------------------


def our_lines(gateway: Gateway) -> list[dict[str, Any]]:
    """All lines of the output but gunicorn's own, and the one that says where the gateway is."""
    written = [
        line for line in gateway.output().splitlines() if line.strip() and not line.startswith(("[", "OmniRoute is ready"))
    ]
    return [json.loads(line) for line in written]


def test_the_gateway_s_lines_are_json_and_those_of_a_stream_have_its_id(
    gateway: Callable[..., Gateway], upstream: Upstream
) -> None:
    here = gateway(REDIS_URL=f"redis://:{SECRET}@127.0.0.1:{free_port()}/0")
    here.add_upstream("chat", upstream.v1)
    with sqlite3.connect(here.data_dir / "omniroute.db") as database:
        database.execute("DROP TABLE responses")
    with Client(here.url) as line:
        answers = [WAYS["responses to chat"].post(line, stream=True, store=True).read() for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]

    def logged() -> list[str] | None:
        found = [line["request_id"] for line in our_lines(here) if line["event"].startswith("a response could not be kept")]
        return found if len(found) == 2 else None

    ids = until(logged, 5.0, lambda: f"two lines; there are {here.output()}")
    assert ids == [answer.headers["x-request-id"] for answer in answers]
    away = [line for line in our_lines(here) if "not shared" in line["event"]]
    assert away and "request_id" not in away[0]
    assert SECRET not in here.output()


def test_a_wrong_setting_is_told_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(NotStarted) as caught:
        start(tmp_path, env={"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"}, prepared=prepared_data())
    assert "omniroute: OTEL_EXPORTER_OTLP_ENDPOINT: must be the URL of an OTLP/HTTP collector" in str(caught.value)
    assert "Traceback" not in str(caught.value)
