from __future__ import annotations

from omniroute.errors import UpstreamStatus
from tests.manage.conftest import Api
from tests.manage.test_combos import suffer

DEFAULTS = {"breakerFailures": 5, "breakerWindowS": 60, "breakerFirstS": 30, "breakerMostS": 300}


def test_what_is_held_is_told_and_reset(api: Api) -> None:
    assert api("GET", "/api/resilience") == (200, {"held": [], "settings": DEFAULTS})
    made = api("POST", "/api/providers", {"provider": "agentrouter", "apiKey": "sk-test-0123456789"})[1]["connection"]
    api.house.services.connections.mark(made["id"], "banned", "Closed.")
    (held,) = api("GET", "/api/resilience")[1]["held"]
    assert (held["kind"], held["state"], held["provider"], held["connectionId"]) == (
        "status",
        "banned",
        "agentrouter",
        made["id"],
    )
    assert (held["reason"], held["untilAt"], held["class"]) == ("Closed.", None, "") and held["sinceAt"].endswith("Z")
    for given in ({"connectionId": "none"}, {"provider": "none"}):
        status, refused = api("POST", "/api/resilience/reset", given)
        assert (status, [each["field"] for each in refused["error"]["details"]]) == (404, list(given))
    assert api("POST", "/api/resilience/reset", {"provider": "openai"}) == (200, {"places": 0, "connections": 0})
    assert api("POST", "/api/resilience/reset", {"connectionId": made["id"]}) == (200, {"places": 0, "connections": 1})
    assert api("GET", "/api/resilience")[1]["held"] == []
    assert api("GET", f"/api/providers/{made['id']}")[1]["connection"]["testStatus"] == "untested"
    assert api("POST", "/api/resilience/reset") == (200, {"places": 0, "connections": 0})
    assert len(api("GET", "/api/audit?action=resilience.reset")[1]["entries"]) == 3


def test_settings(api: Api) -> None:
    status, told = api("PATCH", "/api/resilience", {"breakerFailures": 3})
    assert (status, told) == (200, {"settings": {**DEFAULTS, "breakerFailures": 3}})
    assert api("PATCH", "/api/resilience", {"breakerFailures": None})[1] == {"settings": DEFAULTS}
    for given in ({"breakerFailures": 0}, {"breakerFirstS": 400}, {"breakerfailures": 3}):
        status, refused = api("PATCH", "/api/resilience", given)
        assert (status, [each["field"] for each in refused["error"]["details"]]) == (400, list(given))
    assert api("GET", "/api/resilience")[1]["settings"] == DEFAULTS


def test_a_breaker_opens_as_the_settings_say(api: Api) -> None:
    api("PATCH", "/api/resilience", {"breakerFailures": 2, "breakerFirstS": 10})
    made = api("POST", "/api/providers", {"provider": "agentrouter", "apiKey": "sk-test-0123456789"})[1]["connection"]
    for state in ("counting", "open"):
        suffer(api, made["id"], UpstreamStatus(500, {}, b"{}"))
        (held,) = api("GET", "/api/resilience")[1]["held"]
        assert (held["state"], held["model"], held["class"]) == (state, "m", "server_error")
    api.house.clock.move(11)
    assert api("GET", "/api/resilience")[1]["held"][0]["state"] == "half-open"
    assert api("POST", "/api/resilience/reset", {"model": "m"}) == (200, {"places": 1, "connections": 0})
