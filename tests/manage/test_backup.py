"""The whole configuration out and in under /api."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from bench.gateway import PASSWORD
from omniroute.edge.gate import LARGE_BODY, SMALL_BODY
from omniroute.security.audit import CLI, AuditFilters
from tests.canaries import marked
from tests.edge.conftest import Open
from tests.manage.conftest import NODE, Api

CANARY = marked("an upstream key")


@pytest.fixture
def furnished(api: Api) -> Api:
    _, node = api("POST", "/api/provider-nodes", NODE)
    api("POST", "/api/providers", {"provider": node["node"]["id"], "apiKey": CANARY, "name": "One"})
    return api


def test_out_and_in_by_a_script(furnished: Api) -> None:
    status, document = furnished("POST", "/api/settings/export", {})
    assert status == 200 and document["secrets"] is None and CANARY not in str(document)
    answer = furnished.house.client.post("/api/settings/export", json={}, headers={"Authorization": f"Bearer {furnished.key}"})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="omniroute-backup-2027-01-15.json"'
    assert (answer.headers["Cache-Control"], answer.mimetype) == ("no-store", "application/json")

    furnished("POST", "/api/keys", {"name": "Later"})
    status, told = furnished("POST", "/api/settings/import", {"document": document, "preview": True})
    assert (status, told["applied"], told["counts"]) == (200, False, {"added": 0, "changed": 0, "removed": 1})
    assert len(furnished("GET", "/api/keys")[1]["keys"]) == 2
    status, told = furnished("POST", "/api/settings/import", {"document": document})
    assert (status, told["applied"], told["mode"]) == (200, True, "replace")
    assert [(each["kind"], each["verb"], each["manages"]) for each in told["changes"]] == [("keys", "removed", False)]
    assert len(furnished("GET", "/api/keys")[1]["keys"]) == 1


def test_a_manage_key_alone_gets_no_secrets(furnished: Api) -> None:
    house = furnished.house
    house.services.accounts.reset_password(PASSWORD, CLI)
    status, answer = furnished("POST", "/api/settings/export", {"includeSecrets": True})
    assert status == 400 and answer["error"]["details"][0]["field"] == "password"
    status, answer = furnished("POST", "/api/settings/export", {"includeSecrets": True, "password": "not the password"})
    assert status == 401 and answer["error"]["code"] == "wrong_password"
    (row,) = house.services.audit.page(AuditFilters(action="settings.export_refused")).rows
    assert (row.action, row.actor_kind) == ("settings.export_refused", "key")
    status, document = furnished("POST", "/api/settings/export", {"includeSecrets": True, "password": PASSWORD})
    assert status == 200 and document["secrets"]["derivation"] == "argon2id" and CANARY not in str(document)


def test_what_is_wrong_is_told_by_place(furnished: Api) -> None:
    _, document = furnished("POST", "/api/settings/export", {})
    document["configuration"]["nodes"][0] |= {"prefix": "auto"}
    status, answer = furnished("POST", "/api/settings/import", {"document": document})
    assert status == 400 and [each["field"] for each in answer["error"]["details"]] == ["nodes[0].prefix"]
    status, answer = furnished("POST", "/api/settings/import", {"document": {}, "mode": "wipe"})
    assert status == 400 and [each["field"] for each in answer["error"]["details"]] == ["mode"]
    assert furnished("POST", "/api/settings/import", {})[0] == 400
    assert furnished("POST", "/api/settings/import", {"document": {"version": 1}})[0] == 400


def test_nobody_locks_himself_out(opened: Open) -> None:
    house = opened(trusted_hosts=("gw.example.com",))
    api = Api(house, house.key("relay", "manage"))
    status, _ = api("PUT", "/api/settings", {"allowedHosts": ["way.example.com"]}, Host="gw.example.com")
    assert status == 200
    _, document = api("POST", "/api/settings/export", {}, Host="gw.example.com")
    document["configuration"]["settings"] = {}
    status, answer = api("POST", "/api/settings/import", {"document": document}, Host="way.example.com")
    assert status == 400 and "locked out" in answer["error"]["message"]
    assert api("POST", "/api/settings/import", {"document": document}, Host="gw.example.com")[0] == 200


def test_a_backup_may_be_larger_than_other_requests_and_not_larger_than_its_own_limit(api: Api) -> None:
    def sent(path: str, size: int) -> tuple[int, Any]:
        body = orjson.dumps({"document": {"version": 1, "configuration": "x" * size}})
        headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
        answer = api.house.client.post(path, data=body, headers=headers)
        return answer.status_code, answer.get_json()

    assert sent("/api/settings/import", SMALL_BODY)[0] == 400
    assert sent("/api/settings/export", SMALL_BODY)[0] == 413
    status, answer = sent("/api/settings/import", LARGE_BODY["/api/settings/import"])
    assert status == 413 and "import-config" in answer["error"]["message"]


def test_a_document_that_is_too_deep(api: Api) -> None:
    deep: Any = 1
    for _ in range(230):
        deep = [deep]
    assert api("POST", "/api/settings/import", {"document": {"version": 1, "configuration": deep}})[0] == 400
