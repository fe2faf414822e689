"""Settings: its sections, and the first of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omniroute.dashboard.settings import SECTIONS, size_of
from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import Desk
from tests.dashboard.test_pages import assert_clean


def test_every_section_has_an_address_and_says_where_one_is(admin: Browser) -> None:
    page = admin.open("/dashboard/settings")
    for section in SECTIONS:
        page = page.follow(section.label)
        assert page.status == 200
        (row,) = [each for each in page.root.all("nav") if each.attrs.get("aria-label") == "Sections of Settings"]
        assert [each.text for each in row.all("a") if "aria-current" in each.attrs] == [section.label]
        assert_clean(page)


def test_theme_and_time_zone(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/settings").fill({"Theme": "Dark", "Time zone": " Europe/Berlin "}).press("Save")
    assert "Saved." in page.toasts[0]
    chosen = desk.services.preferences.all()
    assert (chosen["theme"], chosen["time_zone"]) == ("dark", "Europe/Berlin")
    page = page.fill({"Time zone": "Middle Earth"}).press("Save")
    assert page.status == 400 and "must be a time zone such as Europe/Berlin" in page.text
    assert page.control("Time zone").attrs["aria-invalid"] == "true"
    assert page.control("Time zone").attrs["value"] == "Middle Earth"
    assert desk.services.preferences.all()["time_zone"] == "Europe/Berlin"


def test_the_address_is_the_operators_or_how_one_came(open_desk: Callable[..., Desk], admin: Browser) -> None:
    page = admin.open("/dashboard/settings", Host="localhost:20128")
    assert "http://localhost:20128" in page.text and "This is how your browser reached it." in page.text
    given = open_desk(public_url="https://gateway.example.com", trusted_hosts=("localhost",))
    page = given.admin().open("/dashboard/settings")
    assert "https://gateway.example.com" in page.text and "PUBLIC_URL says so." in page.text


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (None, "unknown"),
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (45_300, "45 kB"),
        (3_400_000, "3.4 MB"),
        (1_234_000_000_000_000, "1,234 TB"),
    ],
)
def test_sizes(count: int | None, shown: str) -> None:
    assert size_of(count) == shown
