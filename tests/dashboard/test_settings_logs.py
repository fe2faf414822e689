"""Logs and retention: what is kept, how much there is, and the question before a shorter time deletes anything."""

from __future__ import annotations

import pytest

from omniroute.usage.bodies import Bodies
from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import Desk

LOGS = "/dashboard/settings/logs"
DAY = 86_400


@pytest.fixture
def written(desk: Desk) -> Desk:
    """Rows of 0, 5 and 40 days ago; the first two with bodies."""
    now = desk.services.clock.now()
    for days in (0, 5, 40):
        desk.log_row(f"row-{days}", at=now - days * DAY)
    kept = [Bodies(f"row-{days}", now - days * DAY, b"x", 1, b"y", 1) for days in (0, 5)]
    desk.services.database.write(desk.services.books.bodies.sealed(kept))
    return desk


def test_what_of_the_log_is_kept(desk: Desk, admin: Browser) -> None:
    page = admin.open(LOGS)
    assert page.control("Days that the log is kept").attrs["value"] == "30"
    page = page.fill({"Days that the log is kept": "3", "Store bodies": "Of all keys", "Stored of each body, in kB": "8"})
    page = page.press("Save")  # nothing is lost yet, so nothing is asked
    assert "Saved." in page.toasts[0]
    chosen = desk.services.preferences.all()
    assert (chosen["log_days"], chosen["log_bodies"], chosen["log_body_kb"], chosen["body_days"]) == (3, "on", 8, 7)
    assert page.control("Days that the log is kept").attrs["value"] == "3"


def test_a_number_out_of_bounds_is_told_beside_its_field(desk: Desk, admin: Browser) -> None:
    page = admin.open(LOGS).fill({"Days that bodies are kept": "0"}).press("Save")
    assert page.status == 400 and "1 to 3650." in page.text
    assert desk.services.preferences.all()["body_days"] == 7


def test_how_much_there_is(written: Desk) -> None:
    page = written.admin().open(LOGS)
    for text in ("Log 3 rows", "Stored bodies 2 requests", "Sums by hour 3 hours", "Sums by day 3 days", "kB"):
        assert text in page.text, text


def test_a_shorter_time_names_what_is_lost_before_it_is_saved(written: Desk) -> None:
    admin, preferences = written.admin(), written.services.preferences
    page = admin.open(LOGS).fill({"Days that the log is kept": "2", "Days that hourly sums are kept": "4"}).press("Save")
    assert preferences.all()["log_days"] == 30
    for text in (
        "Keep the log for a shorter time?",
        "2 log rows older than 2 days.",
        "The stored bodies of 1 request.",
        "The sums of 2 hours",
        "nothing brings them back",
    ):
        assert text in page.text, text
    assert page.links()["Cancel"] == LOGS
    page = page.press("Save and delete")
    assert page.path == LOGS and "deleted within minutes" in page.toasts[0]
    assert (preferences.all()["log_days"], preferences.all()["rollup_days"]) == (2, 4)


def test_a_longer_time_is_not_asked_about(written: Desk) -> None:
    page = written.admin().open(LOGS).fill({"Days that the log is kept": "31", "Days that hourly sums are kept": "91"})
    assert "Saved." in page.press("Save").toasts[0]  # although what is too old waits to be deleted
