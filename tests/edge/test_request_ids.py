"""The id that a request has in the log is the one that its answer carries."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from flask import Flask

from omniroute.edge.install import install
from omniroute.logs import JsonLines
from tests.edge.conftest import House


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the program logs while a test runs."""
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("omniroute")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)
    structlog.contextvars.clear_contextvars()


def test_a_request_s_lines_have_its_id_and_nothing_of_an_earlier_one(house: House, written: io.StringIO) -> None:
    app = Flask("breaking")
    install(app, house.services)

    def breaks() -> str:
        structlog.contextvars.bind_contextvars(of_one_request=True)
        raise ValueError

    app.add_url_rule("/v1/models", "breaks", breaks)
    client = app.test_client()
    answers = [client.get(path) for path in ("/v1/models", "/v1/models", "/v1/nothing-here")]
    logging.getLogger("omniroute.x").warning("in the greenlet of the last")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["request_id"] for line in lines] == [answer.headers["X-Request-Id"] for answer in answers]
    assert ["of_one_request" in line for line in lines] == [True, True, False]
