from __future__ import annotations

import pytest

from omniroute.usage.logs import insert_rows
from tests.manage.conftest import Api


@pytest.fixture
def rows(api: Api) -> list[str]:
    given = [
        {
            "id": f"row-{number}",
            "at": 1_800_000_000.0 + number,
            "status": 200 if number % 2 else 502,
            "kind": "ok" if number % 2 else "server_error",
            "requested_model": f"m{number}",
        }
        for number in range(5)
    ]
    given[2]["combo"], given[1]["endpoint"] = "smart", "/v1/messages"
    given[4]["attempts"] = [
        {"target": "a/b", "connection": "c", "status": 502, "class": "server_error", "message": "no", "detail": "", "ms": 3}
    ]
    api.house.services.database.write(lambda session: insert_rows(session, given))
    return [str(row["id"]) for row in reversed(given)]


def test_the_log_is_read_page_by_page(api: Api, rows: list[str]) -> None:
    seen: list[str] = []
    cursor = ""
    for _ in range(5):
        told = api("GET", f"/api/usage/logs?limit=2{cursor}")[1]
        seen += [row["id"] for row in told["logs"]]
        if told["next"] is None:
            break
        cursor = f"&before={told['next']}"
    assert seen == rows


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("outcome=failed", ["row-4", "row-2", "row-0"]),
        ("status=200", ["row-3", "row-1"]),
        ("model=m3", ["row-3"]),
        ("requestId=row-1", ["row-1"]),
        ("class=server_error", ["row-4", "row-2", "row-0"]),
        ("combo=smart", ["row-2"]),
        ("endpoint=/v1/messages", ["row-1"]),
        ("since=2027-01-15T08:00:03Z", ["row-4", "row-3"]),
        ("until=2027-01-15T08:00:01Z&outcome=failed", ["row-0"]),
    ],
)
def test_filters(api: Api, rows: list[str], query: str, found: list[str]) -> None:
    assert [row["id"] for row in api("GET", f"/api/usage/logs?{query}")[1]["logs"]] == found


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=many", "outcome=maybe", "before=nonsense", "since=yesterday", "user=x", "status=9"]
)
def test_a_wrong_filter_is_refused_by_its_name(api: Api, query: str) -> None:
    status, refused = api("GET", f"/api/usage/logs?{query}")
    assert (status, [each["field"] for each in refused["error"]["details"]]) == (400, [query.partition("=")[0]])


def test_one_row_shows_its_attempts(api: Api, rows: list[str]) -> None:
    told = api("GET", "/api/usage/logs/row-4")[1]["log"]
    assert told["at"] == "2027-01-15T08:00:04.000Z"
    assert told["attempts"][0]["class"] == "server_error"
    assert told["requestedModel"] == "m4"
    assert api("GET", "/api/usage/logs/nothing")[0] == 404
