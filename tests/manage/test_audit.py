from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from omniroute.models.paging import LONGEST
from omniroute.security.audit import SYSTEM, Actor, record
from tests.manage.conftest import NODE, Api


def write(api: Api, action: str = "thing.made", subject: str = "thing:1", by: Actor = SYSTEM, **given: Any) -> None:
    now = api.house.clock.now()
    api.house.services.database.write(lambda session: record(session, now, by, action, subject, **given))


def export(api: Api, kind: str, query: str = "") -> str:
    answer = api.house.client.get(f"/api/audit/export.{kind}?{query}", headers={"Authorization": f"Bearer {api.key}"})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="omniroute-audit-2027-01-15T080000Z.')
    return answer.get_data(as_text=True)


def test_changes_are_told_in_the_words_of_the_api(api: Api) -> None:
    node = api("POST", "/api/provider-nodes", NODE)[1]["node"]["id"]
    api.house.clock.move(1)
    api("PUT", f"/api/provider-nodes/{node}", {"baseUrl": "https://other.example.com"})
    told = api("GET", f"/api/audit?subject=node:{node}")[1]
    assert [entry["action"] for entry in told["entries"]] == ["node.update", "node.create"]
    newest = told["entries"][0]
    assert (newest["before"], newest["after"]) == (
        {"baseUrl": "https://relay.example.com"},
        {"baseUrl": "https://other.example.com"},
    )
    assert (newest["actorKind"], newest["actorName"]) == ("key", "relay manage")
    assert newest["at"].endswith("Z") and told["next"] is None


def test_it_is_paged(api: Api) -> None:
    for number in range(3):
        api.house.clock.move(1)
        api("POST", "/api/keys", {"name": f"k{number}"})
    first = api("GET", "/api/audit?action=key&limit=2")[1]
    second = api("GET", f"/api/audit?action=key&limit=2&before={first['next']}")[1]
    names = [entry["after"]["name"] for entry in first["entries"] + second["entries"]]
    assert names == ["k2", "k1", "k0", "relay manage"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["thing.made", "alias.put", "key.create"]),
        ("kind=alias", ["alias.put"]),
        ("actor=key:relay%20manage", ["alias.put"]),
        ("actor=system", ["thing.made"]),
        ("hideSystem=true", ["alias.put", "key.create"]),
        ("text=FAST", ["alias.put"]),
        ("since=2027-01-15T08:00:01Z&until=2027-01-15T08:00:02Z", ["alias.put"]),
    ],
)
def test_filters_hold_for_pages_and_files(api: Api, query: str, found: list[str]) -> None:
    api.house.clock.move(1)
    api("PUT", "/api/models/alias", {"aliases": []})  # changes nothing, so it is not told
    manager = Actor("key", "relay manage")
    write(api, "alias.put", "alias:fast", manager, after={"model": "openai/x"})
    api.house.clock.move(1)
    write(api)
    assert [entry["action"] for entry in api("GET", f"/api/audit?{query}")[1]["entries"]] == found
    api.house.clock.move(-2)
    assert [json.loads(line)["action"] for line in export(api, "jsonl", query).splitlines()] == found


@pytest.mark.parametrize("query", ["kind=nonsense", "before=nonsense", "since=yesterday", "hideSystem=perhaps", "actions=x"])
def test_what_is_no_filter_is_refused_before_a_file_begins(api: Api, query: str) -> None:
    paths = ["/api/audit"] + [f"/api/audit/export.{kind}" for kind in ("csv", "jsonl")]
    assert [api("GET", f"{path}?{query}")[0] for path in paths] == [400] * 3


def test_a_file_has_all_rows_and_the_columns_of_a_row(api: Api) -> None:
    for number in range(LONGEST + 3):
        write(api, "price.put", f"price:openai/m{number}", before={"input": "1"}, after={"input": "2", "tiers": [{"above": 5}]})
    header, *rows = csv.reader(io.StringIO(export(api, "csv", "kind=price")))
    assert header == ["id", "at", "actorKind", "actorName", "address", "action", "subject", "before", "after"]
    assert len(rows) == len({row[0] for row in rows}) == LONGEST + 3
    assert [json.loads(cell) for cell in rows[0][-2:]] == [{"input": "1"}, {"input": "2", "tiers": [{"above": 5}]}]


@pytest.mark.parametrize("nasty", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_is_a_formula(api: Api, nasty: str) -> None:
    write(api, nasty, nasty, Actor("key", nasty, nasty), before={nasty: nasty}, after={nasty: [nasty]})
    rows = list(csv.reader(io.StringIO(export(api, "csv"), newline="")))
    cells = [cell for row in rows for cell in row]
    assert cells.count(f"'{nasty}") == 4
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
