from __future__ import annotations

from dataclasses import asdict

from omniroute.combos.operations import CONFIG
from omniroute.connections.resilience import SETTINGS
from omniroute.dashboard.settings_routing import COMBO, DEFAULTS, HINTS, TIMES, BreakerForm
from omniroute.routing.combos import AUTO
from omniroute.settings import READERS
from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import Desk

ROUTING = "/dashboard/settings/routing"


def test_breakers_are_set_explained_and_put_back(desk: Desk, admin: Browser) -> None:
    page = admin.open(ROUTING)
    assert "By default 5." in page.text and "Back to defaults" not in page.buttons()
    page = page.fill({"Failures that open a breaker": "3", "Seconds that it is open at most": "600"}).press("Save")
    assert "It counts from the next failure on." in page.toasts[0]
    assert asdict(desk.services.resilience.settings()) == DEFAULTS | {"breaker_failures": 3, "breaker_most_s": 600}
    page = page.press("Back to defaults")
    assert "back to their defaults" in page.toasts[0]
    assert asdict(desk.services.resilience.settings()) == DEFAULTS
    assert page.control("Failures that open a breaker").attrs["value"] == "5"


def test_what_is_wrong_is_told_beside_its_field(desk: Desk, admin: Browser) -> None:
    page = admin.open(ROUTING).fill({"Failures that open a breaker": "0"}).press("Save")
    assert page.status == 400 and "A whole number from 1 to 100." in page.text
    page = admin.open(ROUTING).fill({"Seconds that it is open at first": "400"}).press("Save")
    assert page.status == 400 and "must not be more than at most" in page.text
    assert page.control("Seconds that it is open at first").attrs["aria-invalid"] == "true"
    assert asdict(desk.services.resilience.settings()) == DEFAULTS


def test_no_default_is_forgotten() -> None:
    assert set(SETTINGS) == set(HINTS) == set(BreakerForm()._fields)
    assert set(COMBO) == set(CONFIG)
    assert set(TIMES) == {name for name in READERS if name.endswith("_SECONDS")} - {"DRAIN_SECONDS"}


def test_what_else_is_a_default_is_shown_with_its_place(admin: Browser) -> None:
    page = admin.open(ROUTING)
    for text in ("FIRST_EVENT_SECONDS 60 s", "Attempts at most 8", "Deadline 120 s", "Waiting for a cooldown 0 s", *AUTO):
        assert text in page.text, text
