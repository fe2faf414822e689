"""The log: filters and paging by plain links, and each request with its attempts."""

from __future__ import annotations

import pytest

from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import Desk

GOOD = {
    "status": 200,
    "kind": "ok",
    "requested_model": "team/good",
    "provider_prefix": "team",
    "input_tokens": 1234,
    "total_ms": 900.0,
}
BAD = {
    "status": 502,
    "kind": "relay_client_rejected",
    "requested_model": "team/bad",
    "message": "unauthorized client detected",
    "remedy": "Use the Claude Code compatible type.",
    "attempts": [
        {
            "target": "team/bad",
            "connection": "one",
            "status": 403,
            "class": "relay_client_rejected",
            "message": "refused",
            "ms": 31,
        },
        {
            "target": "team/bad",
            "connection": "two",
            "status": None,
            "class": "network_error",
            "message": "gone",
            "detail": "host:1",
            "ms": 5,
        },
    ],
}


def titles(page: Page) -> list[str]:
    return [link.text for link in page.root.all("a") if "row-link" in link.attrs.get("class", "").split()]


def test_an_empty_log_says_how_to_fill_it(admin: Browser) -> None:
    assert "No request yet" in admin.open("/dashboard/logs").text


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ({}, ["team/bad", "team/good"]),
        ({"Model": "good"}, ["team/good"]),
        ({"Status": "Failed"}, ["team/bad"]),
        ({"Status": "Answered"}, ["team/good"]),
        ({"Model": "nothing"}, []),
    ],
)
def test_filters(desk: Desk, admin: Browser, values: dict[str, str], left: list[str]) -> None:
    desk.log_row("a", at=1_800_000_000.0, **GOOD)
    desk.log_row("b", at=1_800_000_001.0, **BAD)
    page = admin.open("/dashboard/logs").fill(values).press("Filter")
    assert titles(page) == left
    for label, value in values.items():
        control = page.control(label)
        shown = [each.text for each in control.all("option") if "selected" in each.attrs]
        assert value in (control.attrs.get("value"), *shown)


def test_a_row_shows_its_figures(desk: Desk, admin: Browser) -> None:
    desk.log_row("a", **GOOD)
    page = admin.open("/dashboard/logs")
    for figure in ("1,234", "900 ms", "200"):
        assert figure in page.text


def test_older_rows_are_a_link_away(desk: Desk, admin: Browser) -> None:
    for number in range(60):
        desk.log_row(f"row-{number:02}", at=1_800_000_000.0 + number, requested_model=f"m/{number}", status=200, kind="ok")
    page = admin.open("/dashboard/logs")
    assert titles(page)[0] == "m/59"
    older = page.follow("Older")
    assert titles(older) == [f"m/{number}" for number in range(9, -1, -1)]
    assert titles(older.follow("Newest"))[0] == "m/59"


def test_a_broken_cursor_shows_the_newest(desk: Desk, admin: Browser) -> None:
    desk.log_row("a", **GOOD)
    assert titles(admin.open("/dashboard/logs?before=nonsense")) == ["team/good"]


def test_a_request_shows_its_attempts_and_the_remedy(desk: Desk, admin: Browser) -> None:
    desk.log_row("b", **BAD)
    page = admin.open("/dashboard/logs").follow("team/bad")
    for told in (
        "unauthorized client detected",
        "Use the Claude Code compatible type.",
        "network_error",
        "one · 31 ms",
        "host:1",
    ):
        assert told in page.text


def test_a_row_that_is_gone_is_not_found(admin: Browser) -> None:
    assert admin.open("/dashboard/logs/nothing").status == 404


def test_a_request_that_went_nowhere_shows_no_counts_of_tokens(desk: Desk, admin: Browser) -> None:
    desk.log_row(
        **{"status": 401, "kind": "unauthorized", "path": "/v1/messages", "decision": "strategy=priority; reason=; attempts=0"}
    )
    assert "not accepted" in admin.open("/dashboard/logs").text
    page = admin.open("/dashboard/logs/row-1")
    assert "not accepted" in page.text and "nothing was sent upstream" in page.text
    assert "Tokens" not in page.text and "Decision" not in page.text
    desk.log_row("row-2", **BAD)
    page = admin.open("/dashboard/logs/row-2")
    assert "Tokens" in page.text and "– network_error" not in page.text
