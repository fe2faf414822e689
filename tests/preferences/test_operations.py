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
        {"colour": "x"},
    ],
)
def test_what_is_wrong_is_told_by_field(parts: Parts, given: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        parts.preferences.update({"theme": "dark"} | given, ADMIN)
    assert set(caught.value.fields) == set(given)
    assert parts.preferences.all() == DEFAULTS
