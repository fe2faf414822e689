"""The log: filters and paging by plain links, the same requests as a file, and each request with its attempts."""

from __future__ import annotations

import csv
from typing import Any

import orjson
import pytest

from omniroute.usage.log_queue import ROOM
from omniroute.usage.logs import insert_rows
from omniroute.usage.search import SCAN
from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import Desk

START = 1_700_000_040.0  # 2023-11-14T22:14:00Z

GOOD: dict[str, Any] = {
    "status": 200,
    "kind": "ok",
    "requested_model": "team/good",
    "provider_prefix": "team",
    "input_tokens": 1234,
    "total_ms": 900.0,
}
BAD: dict[str, Any] = {
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


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ({"Combo": "both"}, ["c"]),
        ({"Class": "relay_client_rejected"}, ["b"]),
        ({"HTTP status": "502"}, ["b"]),
        ({"Endpoint": "/v1/messages"}, ["c"]),
        ({"Request id": "c"}, ["c"]),
        ({"Time": "From … until", "From (UTC)": "2023-11-14T22:14", "Until (UTC)": "2023-11-14T22:14"}, ["a", "b"]),
        ({"Time": "From … until", "Until (UTC)": "2023-11-14T22:13"}, []),
        ({"Time": "Last hour"}, ["now"]),
        ({"Time": "7 days"}, ["now"]),
    ],
)
def test_more_filters(desk: Desk, admin: Browser, values: dict[str, str], left: list[str]) -> None:
    desk.services.combos.create({"name": "both", "steps": ["openai/a"]}, desk.by)
    now = desk.services.clock.now()
    for number, (id, more) in enumerate({"a": GOOD, "b": BAD, "c": GOOD | {"combo": "both", "endpoint": "/v1/messages"}}.items()):
        desk.log_row(id, at=START + 40 * number, **more)
    desk.log_row("now", at=now - 5, **GOOD)
    page = admin.open("/dashboard/logs").fill(values).press("Filter")
    assert sorted(ids(page)) == left
    folded = [each for each in page.root.all("details") if "More filters" in each.text]
    assert ("open" in folded[0].attrs) == (not values.keys() & {"Time"})


def ids(page: Page) -> list[str]:
    return [each.attrs["data-log"] for each in page.root.all("tr") if "data-log" in each.attrs]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("status=teapot", "A status is a number such as 429."),
        ("since=soon", "soon is no moment; write it as 2026-11-27T08:00."),
        ("until=9999-12-31T23:59", "is no moment"),
        ("outcome=maybe", "The outcome is ok or failed."),
        ("range=always", "There is no range always."),
    ],
)
def test_a_filter_that_makes_no_sense_is_named_and_the_others_hold(desk: Desk, admin: Browser, query: str, told: str) -> None:
    desk.log_row("a", **GOOD)
    desk.log_row("b", **BAD)
    page = admin.open(f"/dashboard/logs?{query}&model=good")
    assert told in page.text and titles(page) == ["team/good"]
    assert query.partition("=")[0] + "=" not in page.links()["Refresh"]


def test_what_is_gone_since_stays_in_the_form(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/logs?combo=old&key_id=k-9&provider=p-9&connection_id=c-9")
    chosen = {
        name: [each.text for each in page.control(name).all("option") if "selected" in each.attrs]
        for name in ("Combo", "Key", "Provider", "Connection")
    }
    assert chosen == {"Combo": ["old"], "Key": ["k-9"], "Provider": ["p-9"], "Connection": ["c-9"]}


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        ({"cost": 12_345}, "$0.012"),
        ({"cost": 0}, "$0"),
        ({"cost": None}, "unknown"),
        ({"cost": None, "status": 502, "kind": "server_error"}, "–"),
    ],
)
def test_the_cost_of_a_row(desk: Desk, admin: Browser, columns: dict[str, Any], shown: str) -> None:
    desk.log_row("a", **GOOD | columns)
    (cell,) = [each for each in admin.open("/dashboard/logs").root.all("td") if each.attrs.get("data-label") == "Cost"]
    assert cell.text == shown


def test_the_same_requests_as_a_file(desk: Desk, admin: Browser) -> None:
    desk.log_row("a", **GOOD | {"key_id": "k-1", "at": START})
    desk.log_row("b", **BAD | {"key_id": "k-1", "at": START})
    desk.log_row("c", **GOOD | {"key_id": "k-1", "at": START + 3600})
    page = admin.open("/dashboard/logs?key_id=k-1&outcome=ok&since=2023-11-14T22:14&until=2023-11-14T22:20")
    assert ids(page) == ["a"]
    table = admin.client.get(page.links()["CSV of these requests"])
    lines = list(csv.DictReader(table.get_data(as_text=True).splitlines()))
    assert [line["id"] for line in lines] == ["a"] and "attachment" in table.headers["Content-Disposition"]
    rows = admin.client.get(page.links()["JSONL of these requests"]).get_data().splitlines()
    assert [orjson.loads(row)["id"] for row in rows] == ["a"]


def test_a_search_that_has_looked_at_enough_is_gone_on_with(desk: Desk, admin: Browser) -> None:
    plain = [{"id": f"row-{number:05}", "at": START + number / 100, "kind": "ok"} for number in range(SCAN + 10)]
    rare = {"id": "rare", "at": START - 1, "kind": "overloaded"}
    desk.services.database.write(
        lambda session: insert_rows(
            session,
            [
                {"at": START // 3600 * 3600, **row}
                for row in (*plain, rare, {"id": "also", "at": START - 0.5, "kind": "overloaded"})
            ],
        )
    )
    page = admin.open("/dashboard/logs?kind=overloaded")
    assert ids(page) == [] and "Go on with the older ones." in page.text
    assert ids(page.follow("Older")) == ["also", "rare"]


def test_what_the_queue_had_no_room_for_is_told(desk: Desk, admin: Browser) -> None:
    assert "missing from this log" not in admin.open("/dashboard/logs").text
    for number in range(ROOM + 2):
        desk.services.ledger.refused({"id": f"r-{number}"})
    assert "2 requests are missing from this log." in admin.open("/dashboard/logs").text


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
    decision = "strategy=priority; reason=; attempts=0"
    desk.log_row(status=401, kind="unauthorized", path="/v1/messages", decision=decision)
    assert "not accepted" in admin.open("/dashboard/logs").text
    page = admin.open("/dashboard/logs/row-1")
    assert "not accepted" in page.text and "nothing was sent upstream" in page.text
    assert "Tokens" not in page.text and "Decision" not in page.text
    desk.log_row("row-2", **BAD)
    page = admin.open("/dashboard/logs/row-2")
    assert "Tokens" in page.text and "– network_error" not in page.text
