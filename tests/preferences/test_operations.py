from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import Invalid
from omniroute.preferences.operations import KNOWN
from tests.parts import ADMIN, Parts

DEFAULTS = {name: default for name, (_, default, _) in KNOWN.items()}


def test_defaults(parts: Parts) -> None:
    assert parts.preferences.all() == DEFAULTS


def test_update(parts: Parts) -> None:
    told = parts.preferences.update({"theme": "dark", "time_zone": "Europe/Berlin"}, ADMIN)
    assert told == DEFAULTS | {"theme": "dark", "time_zone": "Europe/Berlin"} == parts.preferences.all()
    assert parts.preferences.update({"theme": "light"}, ADMIN)["time_zone"] == "Europe/Berlin"
    assert parts.store.current().settings["theme"] == "light"


def test_only_what_changed_is_audited(parts: Parts) -> None:
    parts.preferences.update({"theme": "dark", "time_zone": "UTC"}, ADMIN)
    parts.preferences.update({"theme": "dark"}, ADMIN)
    (row,) = parts.audited()
    assert (row.before, row.after) == ({"theme": "auto"}, {"theme": "dark"})


@pytest.mark.parametrize(
    "given",
    [
        {"theme": "pink"},
        {"time_zone": "Moon/Base"},
        {"time_zone": "Europe"},
        {"time_zone": "../etc"},
        {"time_zone": ""},
        {"time_zone": None},
        {"theme": 1},
        {"log_bodies": "maybe"},
        {"log_bodies": True},
        {"log_body_kb": 0},
        {"log_body_kb": 1025},
        {"log_days": 3651},
        {"body_days": "7"},
        {"rollup_days": 3},
        {"require_api_key": "never"},
        {"require_api_key": True},
        {"allowed_hosts": "gateway.example.com"},
        {"allowed_hosts": ["https://gateway.example.com"]},
        {"allowed_hosts": ["gateway.example.com/dashboard"]},
        {"allowed_hosts": ["*.example.com"]},
        {"allowed_hosts": ["a b"]},
        {"allowed_hosts": [".com"]},
        {"allowed_hosts": ["nas.lan", ".LAN:8443"]},
        {"allowed_hosts": [f"h{number}.example" for number in range(51)]},
        {"colour": "x"},
    ],
)
def test_what_is_wrong_is_told_by_field(parts: Parts, given: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        parts.preferences.update({"theme": "dark"} | given, ADMIN)
    assert set(caught.value.fields) == set(given)
    assert parts.preferences.all() == DEFAULTS


def test_host_names_are_kept_as_they_are_compared(parts: Parts) -> None:
    given = [" Gateway.Example.com ", "gateway.example.com", ".Home.ARPA", "NAS", "[::1]:8443", ""]
    names = ["gateway.example.com", ".home.arpa", "nas", "[::1]:8443"]
    told = parts.preferences.update({"allowed_hosts": given, "require_api_key": "always"}, ADMIN)
    assert told["allowed_hosts"] == names
    assert parts.preferences.update({"allowed_hosts": told["allowed_hosts"]}, ADMIN) == told
    (row,) = parts.audited()
    assert row.before == {"allowed_hosts": [], "require_api_key": "as started"}
    assert row.after == {"allowed_hosts": names, "require_api_key": "always"}


def test_all_of_a_top_level_domain_is_never_covered(parts: Parts) -> None:
    with pytest.raises(Invalid, match=r"'\.com'.* \.example\.com"):
        parts.preferences.update({"allowed_hosts": ["nas", ".com"]}, ADMIN)
