"""Errors in the words of each surface; nothing of the inside in any of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from flask import Flask

from omniroute.edge.install import install
from omniroute.edge.tiers import TIERS, Tier
from omniroute.errors import Throttled
from omniroute.logs import JsonLines
from tests.edge.conftest import House

SECRET = "sk-or-canary-in-a-traceback-0123456789"


class Broken(Exception):
    pass


@pytest.fixture
def breaking(house: House) -> House:
    """The same edge before views that break, at rules that the table knows."""
    app = Flask("breaking")
    install(app, house.services)

    def breaks() -> str:
        raise Broken(f"SELECT * FROM keys; {SECRET}; /srv/omniroute/app.py")

    def throttled() -> str:
        raise Throttled(12.0)

    for number, rule in enumerate(("/v1/models", "/healthz", "/login", "/api/auth/status")):
        app.add_url_rule(rule, f"breaks-{number}", breaks)
    app.add_url_rule("/readyz", "throttled", throttled)
    return House(app, house.services, house.clock)


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def logged() -> Iterator[list[logging.LogRecord]]:
    """What the edge has logged."""
    kept, logger = Kept(), logging.getLogger("omniroute.edge.problems")
    logger.addHandler(kept)
    yield kept.records
    logger.removeHandler(kept)


@pytest.mark.parametrize("path", ["/v1/models", "/healthz", "/login", "/api/auth/status"])
def test_an_unexpected_error_tells_its_id_and_nothing_else(breaking: House, path: str, logged: list[logging.LogRecord]) -> None:
    answer = breaking.client.get(path)
    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] in answer.text
    for inside in ("SELECT", "canary", "/srv", "Broken", "Traceback"):
        assert inside not in answer.text
    (record,) = logged
    written = JsonLines().format(record)
    assert answer.headers["X-Request-Id"] in written and "Broken" in written
    assert "canary" not in written  # the log has the traceback, without the secret in it


def test_an_operation_may_say_when_to_come_back(breaking: House) -> None:
    answer = breaking.client.get("/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "12")
    assert answer.get_json()["error"]["code"] == "throttled"


def test_an_unknown_path_is_answered_in_the_words_of_its_surface(house: House) -> None:
    api = house.client.get("/api/nothing-here")
    assert (api.status_code, api.get_json()["error"]["code"]) == (404, "not_found")
    assert api.get_json()["error"]["details"] == []
    client = house.client.get("/v1/nothing-here")
    assert client.status_code == 404 and client.get_json()["error"]["message"]
    page = house.client.get("/nothing-here")
    assert page.status_code == 404 and page.mimetype == "text/html"


def test_what_was_asked_for_can_not_become_script(house: House) -> None:
    page = house.client.get("/<script>alert(1)</script>")
    assert "<script>alert" not in page.text


def test_a_wrong_method_says_which_would_do(house: House) -> None:
    answer = house.client.delete("/api/keys")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) >= {"GET", "POST"}
    assert house.client.get("/v1/chat/completions").status_code == 405


def test_a_body_that_is_too_large(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.key('manage')}"}
    answer = house.client.post(
        "/api/keys", data=b"{" + b" " * (2 * 1024 * 1024), content_type="application/json", headers=headers
    )
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (413, "body_too_large")


def test_a_host_that_is_not_ours_is_refused_everywhere(house: House) -> None:
    for path in ("/v1/models", "/api/keys", "/login", "/nothing-here"):
        assert house.browser().get(path, headers={"Host": "evil.example"}).status_code == 400, path
    assert house.client.get("/healthz", headers={"Host": "10.0.0.9"}).status_code == 200


def test_the_stand_ins_are_in_the_table() -> None:
    assert TIERS["/api/auth/status"] is Tier.PUBLIC
