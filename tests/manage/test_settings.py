from __future__ import annotations

from tests.manage.conftest import Api


def test_settings_are_read_and_changed(api: Api) -> None:
    assert api("GET", "/api/settings")[1] == {"settings": {"theme": "auto", "timeZone": "UTC"}}
    status, told = api("PUT", "/api/settings", {"timeZone": "Europe/Berlin"})
    assert (status, told) == (200, {"settings": {"theme": "auto", "timeZone": "Europe/Berlin"}})
    status, refused = api("PUT", "/api/settings", {"timeZone": "Mars/Base"})
    assert (status, refused["error"]["details"][0]["field"]) == (400, "timeZone")
    assert api("PUT", "/api/settings", {"colour": "red"})[0] == 400
