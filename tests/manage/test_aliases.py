from __future__ import annotations

from typing import Any

from tests.manage.conftest import Api


def test_aliases_are_read_and_replaced(api: Api) -> None:
    assert api("GET", "/api/models/alias") == (200, {"aliases": [], "next": None})
    given: list[dict[str, Any]] = [
        {"pattern": "gpt-*", "model": "agentrouter/x", "priority": 2},
        {"pattern": "quick", "model": "agentrouter/y"},
    ]
    told = {"aliases": [{**given[1], "priority": 0}, given[0]], "next": None}
    assert api("PUT", "/api/models/alias", {"aliases": given}) == (200, told)
    assert api("GET", "/api/models/alias") == (200, told)
    status, refused = api("PUT", "/api/models/alias", {"aliases": [given[0], {"pattern": "auto", "model": "x"}]})
    assert (status, [each["field"] for each in refused["error"]["details"]]) == (400, ["aliases[1].pattern"])
    assert api("PUT", "/api/models/alias", {})[0] == 400
    assert api("GET", "/api/models/alias")[1] == told
    assert api("PUT", "/api/models/alias", {"aliases": []})[1]["aliases"] == []
    assert api("GET", "/api/audit?action=alias")[1]["entries"][0]["subject"] == "aliases"
