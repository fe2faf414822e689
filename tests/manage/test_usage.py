"""Sums and files of the log, as a script would ask for them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from omniroute.usage.bodies import Bodies
from omniroute.usage.logs import insert_rows
from tests.manage.conftest import Api
from tests.parts import ADMIN

AT = 1_800_000_000.0  # 2027-01-15T08:00:00Z
DAY = "since=2027-01-15T00:00:00Z&until=2027-01-16T00:00:00Z"


def log(api: Api, *rows: dict[str, Any]) -> None:
    given = [{"id": f"row-{n:04}", "at": AT + n, "status": 200, "kind": "ok"} | row for n, row in enumerate(rows)]
    api.house.services.database.write(lambda session: insert_rows(session, given))


def file(api: Api, path: str) -> str:
    answer = api.house.client.get(path, headers={"Authorization": f"Bearer {api.key}"})
    assert answer.status_code == 200, answer.text
    return answer.text


# Sums --------------------------------------------------------------------------------------------


def test_a_summary(api: Api) -> None:
    log(
        api,
        {"provider_id": "openai", "upstream_model": "a", "input_tokens": 3, "output_tokens": 2, "cost": 70, "total_ms": 60},
        {"provider_id": "openai", "upstream_model": "b", "kind": "timeout", "status": 504, "at": AT + 3600},
    )
    status, told = api("GET", f"/api/usage/summary?{DAY}&group=model")
    assert status == 200
    assert (told["beginsAt"], told["endsAt"]) == ("2027-01-15T00:00:00.000Z", "2027-01-16T00:00:00.000Z")
    assert (told["bucketSeconds"], len(told["series"])) == (3600, 24)
    totals = told["totals"]
    assert (totals["requests"], totals["failed"], totals["errorRate"], totals["tokens"], totals["cost"]) == (2, 1, 0.5, 5, 70)
    assert (totals["totalP50Ms"], totals["firstP50Ms"]) == (75, None)
    assert [(group["id"], group["figures"]["requests"]) for group in told["groups"]] == [("a", 1), ("b", 1)]
    assert [bucket["at"] for bucket in told["series"] if bucket["figures"]["requests"]] == [
        "2027-01-15T08:00:00.000Z",
        "2027-01-15T09:00:00.000Z",
    ]


def test_groups_have_names(api: Api) -> None:
    key = api.house.services.keys.create({"name": "Laptop"}, ADMIN)[0]
    log(api, {"key_id": key.id})
    assert [group["name"] for group in api("GET", f"/api/usage/summary?{DAY}&group=key")[1]["groups"]] == ["Laptop"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("class=timeout", 1),
        ("provider=openai", 2),
        ("combo=smart", 1),
        ("keyId=k", 0),
        ("model=a&class=ok", 1),
        ("endpoint=x", 0),
    ],
)
def test_a_summary_of_some(api: Api, query: str, count: int) -> None:
    common = {"provider_id": "openai", "upstream_model": "a"}
    log(api, common, common | {"kind": "timeout", "combo": "smart"}, {"provider_id": "gemini"})
    assert api("GET", f"/api/usage/summary?{DAY}&{query}")[1]["totals"]["requests"] == count


def test_by_default_it_is_the_last_day(api: Api) -> None:
    log(api, {"at": AT - 23 * 3600}, {"at": AT - 25 * 3600}, {"at": AT})
    assert api("GET", "/api/usage/summary")[1]["totals"]["requests"] == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("group=colour", "group"),
        ("since=yesterday", "since"),
        (f"{DAY}&until=2027-01-14T00:00:00Z", "until"),
        ("kind=ok", "kind"),
    ],
)
def test_what_is_wrong_with_a_summary_is_told_by_name(api: Api, query: str, field: str) -> None:
    query = "since=2027-01-15T00:00:00Z&until=2027-01-14T00:00:00Z" if field == "until" else query
    status, refused = api("GET", f"/api/usage/summary?{query}")
    assert (status, [each["field"] for each in refused["error"]["details"]]) == (400, [field])


def test_what_is_going_on_now(api: Api) -> None:
    services = api.house.services
    row = services.connections.create({"provider": "openai", "api_key": "sk-good-0123456789"}, ADMIN)
    services.connections.mark(row.id, "banned", "The account is closed.", ADMIN)
    now = services.clock.now()
    log(
        api,
        {"at": now, "provider_id": "openai", "first_ms": 450, "cost": 70},
        {"at": now, "provider_id": "openai", "kind": "timeout", "status": 504, "message": "Nothing came."},
    )
    status, told = api("GET", "/api/usage/pulse")
    assert status == 200
    pulse = told["pulse"]
    assert (pulse["lastMinute"], pulse["recent"]["errorRate"], pulse["recent"]["firstP50Ms"]) == (2, 0.5, 450)
    assert (pulse["today"]["cost"], pulse["today"]["timeZone"], len(pulse["minutes"])) == (70, "UTC", 60)
    (provider,) = pulse["providers"]
    assert (provider["provider"], provider["state"], provider["requests"], sum(provider["series"])) == ("openai", "banned", 2, 2)
    assert [(row["class"], row["message"]) for row in pulse["failures"]] == [("timeout", "Nothing came.")]
    assert [(each["state"], each["provider"]) for each in told["held"]] == [("banned", "openai")]
    assert [alert["kind"] for alert in told["alerts"]] == ["connection_out"]


# Files -------------------------------------------------------------------------------------------

ROWS = 1203  # three pages


def test_a_csv_holds_every_row_once(api: Api) -> None:
    log(api, *({"requested_model": f"m-{n}", "key_id": "k-1" if n % 2 else "k-2"} for n in range(ROWS)))
    rows = list(csv.DictReader(io.StringIO(file(api, "/api/usage/export.csv"))))
    assert [row["id"] for row in rows] == [f"row-{n:04}" for n in reversed(range(ROWS))]
    some = list(csv.DictReader(io.StringIO(file(api, "/api/usage/export.csv?keyId=k-1"))))
    assert len(some) == ROWS // 2 and {row["keyId"] for row in some} == {"k-1"}


def test_a_line_of_csv(api: Api) -> None:
    log(api, {"streamed": True, "cost": 12, "attempts": [{"target": "a"}, {"target": "b"}], "dropped": ["seed", "logprobs"]})
    (row,) = csv.DictReader(io.StringIO(file(api, "/api/usage/export.csv")))
    told = {"at": "2027-01-15T08:00:00.000Z", "streamed": "true", "cost": "12", "attempts": "2", "dropped": "seed logprobs"}
    assert {name: row[name] for name in told} == told
    assert (row["class"], row["inputTokens"], row["message"]) == ("ok", "", "")


@pytest.mark.parametrize("nasty", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_is_a_formula(api: Api, nasty: str) -> None:
    log(api, {"requested_model": nasty, "client": nasty, "message": f'x "{nasty}", y\nz'})
    (row,) = csv.DictReader(io.StringIO(file(api, "/api/usage/export.csv"), newline=""))
    assert (row["requestedModel"], row["client"], row["message"]) == (f"'{nasty}", f"'{nasty}", f'x "{nasty}", y\nz')


def test_json_lines_are_the_rows_of_the_log(api: Api) -> None:
    log(api, {"requested_model": "=1", "attempts": [{"target": "a"}]}, {"message": "two\nlines"}, {})
    lines = [json.loads(line) for line in file(api, "/api/usage/export.jsonl?until=2027-01-15T08:00:02Z").splitlines()]
    assert lines == api("GET", "/api/usage/logs?until=2027-01-15T08:00:02Z")[1]["logs"]
    assert [line["id"] for line in lines] == ["row-0001", "row-0000"]


@pytest.mark.parametrize(("ending", "media"), [("csv", "text/csv"), ("jsonl", "application/x-ndjson")])
def test_it_comes_as_a_file(api: Api, ending: str, media: str) -> None:
    answer = api.house.client.get(f"/api/usage/export.{ending}", headers={"Authorization": f"Bearer {api.key}"})
    assert answer.mimetype == media
    assert answer.headers["Content-Disposition"] == f'attachment; filename="omniroute-log-2027-01-15T080000Z.{ending}"'
    assert answer.text.count("\n") == (1 if ending == "csv" else 0)


@pytest.mark.parametrize("query", ["outcome=maybe", "limit=5", "before=1_x", "since=yesterday"])
def test_a_wrong_filter_is_refused_before_the_file_begins(api: Api, query: str) -> None:
    status, refused = api("GET", f"/api/usage/export.csv?{query}")
    assert (status, [each["field"] for each in refused["error"]["details"]]) == (400, [query.partition("=")[0]])


def test_no_session_is_held_between_pages(api: Api) -> None:
    log(api, *({} for _ in range(ROWS)))
    database = api.house.services.database
    answer = api.house.client.get("/api/usage/export.csv", headers={"Authorization": f"Bearer {api.key}"}, buffered=False)
    parts = iter(answer.response)
    next(parts), next(parts)
    assert database._open().reading.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert len(list(parts)) == 2
    answer.close()


# Bodies ------------------------------------------------------------------------------------------


def test_stored_bodies_are_read(api: Api) -> None:
    log(api, {}, {})
    services = api.house.services
    bodies = Bodies("row-0000", AT, b'{"a": 1}', 900, b"no", 2)
    services.database.write(services.books.bodies.sealed([bodies]))
    assert [api("GET", f"/api/usage/logs/row-000{n}")[1]["bodies"] for n in (0, 1)] == [True, False]
    told = {"id": "row-0000", "request": '{"a": 1}', "requestSize": 900, "response": "no", "responseSize": 2}
    assert api("GET", "/api/usage/logs/row-0000/bodies") == (200, {"bodies": told})
    assert api("GET", "/api/usage/logs/row-0001/bodies")[0] == 404


@pytest.mark.parametrize("path", ["summary", "pulse", "export.csv", "export.jsonl", "logs/row-0000/bodies"])
def test_a_key_for_the_relay_alone_reads_nothing(api: Api, path: str) -> None:
    log(api, {})
    relay = api.house.key("relay")
    answer = api.house.client.get(f"/api/usage/{path}", headers={"Authorization": f"Bearer {relay}"})
    assert answer.status_code == 403
