from __future__ import annotations

from typing import Any

import pytest

from tests.manage.conftest import Api

USUAL = {
    "theme": "auto",
    "timeZone": "UTC",
    "requireApiKey": "as started",
    "allowedHosts": [],
    "logBodies": "off",
    "logBodyKb": 64,
    "bodyDays": 7,
    "logDays": 30,
    "rollupDays": 90,
}


def test_settings_are_read_and_changed(api: Api) -> None:
    assert api("GET", "/api/settings")[1] == {"settings": USUAL}
    status, told = api("PUT", "/api/settings", {"timeZone": "Europe/Berlin"})
    assert (status, told) == (200, {"settings": USUAL | {"timeZone": "Europe/Berlin"}})
    status, refused = api("PUT", "/api/settings", {"timeZone": "Mars/Base"})
    assert (status, refused["error"]["details"][0]["field"]) == (400, "timeZone")
    assert api("PUT", "/api/settings", {"colour": "red"})[0] == 400


def test_what_of_the_log_is_kept(api: Api) -> None:
    chosen = {"logBodies": "on", "logBodyKb": 1, "bodyDays": 3650, "logDays": 365, "rollupDays": 4}
    assert api("PUT", "/api/settings", chosen)[1]["settings"] == USUAL | chosen
    assert api("GET", "/api/settings")[1]["settings"] == USUAL | chosen


def test_the_preferences_that_tighten_and_add_hold_at_once(api: Api) -> None:
    assert api("GET", "/v1/models", Authorization="")[0] == 200
    assert api("PUT", "/api/settings", {"requireApiKey": "always"})[1]["settings"]["requireApiKey"] == "always"
    status, refused = api("GET", "/v1/models", Authorization="")
    assert status == 401 and "Keys page" in refused["error"]["message"] + refused["omniroute"]["remedy"]
    assert api("GET", "/v1/models")[0] == 200
    assert api("GET", "/api/settings", Host="gw.example.com")[0] == 400
    api("PUT", "/api/settings", {"allowedHosts": ["gw.example.com"]})
    assert api("GET", "/api/settings", Host="gw.example.com")[0] == 200
    status, refused = api("PUT", "/api/settings", {"allowedHosts": []}, Host="gw.example.com")
    assert (status, refused["error"]["details"][0]["field"]) == (400, "allowedHosts")
    assert api("PUT", "/api/settings", {"allowedHosts": [".example.com"]}, Host="gw.example.com")[0] == 200
    assert api("PUT", "/api/settings", {"allowedHosts": [], "requireApiKey": "as started"})[1]["settings"] == USUAL
    assert len(api("GET", "/api/audit?action=preferences.update")[1]["entries"]) == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"logBodies": True},
        {"logBodyKb": 0},
        {"logBodyKb": 1025},
        {"logDays": 0},
        {"bodyDays": 1.5},
        {"rollupDays": 3},
        {"logDays": "9"},
        {"requireApiKey": "never"},
        {"allowedHosts": ["http://x"]},
        {"allowedHosts": "x"},
    ],
)
def test_what_is_wrong_is_told_by_name(api: Api, wrong: dict[str, Any]) -> None:
    status, refused = api("PUT", "/api/settings", wrong)
    assert (status, [each["field"] for each in refused["error"]["details"]]) == (400, list(wrong))
