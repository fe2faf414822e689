"""Settings: password, sessions, and what the server was started with."""

from __future__ import annotations

from collections.abc import Callable

from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import PASSWORD, Desk

NEW = "another long enough password"


def test_the_password_is_changed_and_this_session_stays(desk: Desk, admin: Browser) -> None:
    other = desk.admin()
    page = admin.open("/dashboard/settings/security")
    page = page.fill({"Current password": PASSWORD, "New password": NEW, "New password again": NEW}).press("Change password")
    assert page.path == "/dashboard/settings/security"
    assert "Password changed." in page.toasts[0]
    assert other.open("/dashboard/settings/security").path == "/login"
    assert desk.visitor().open("/login").fill({"Password": NEW}).press("Sign in").path == "/"


def test_a_wrong_current_password_changes_nothing(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/settings/security")
    page = page.fill({"Current password": "not the one", "New password": NEW, "New password again": NEW}).press("Change password")
    assert 400 <= page.status < 500
    assert desk.visitor().open("/login").fill({"Password": PASSWORD}).press("Sign in").path == "/"


def test_sessions_can_be_ended_one_by_one_and_all_others_at_once(desk: Desk, admin: Browser) -> None:
    second, third = desk.admin(), desk.admin()
    assert len(desk.services.accounts.sessions()) == 3
    page = admin.open("/dashboard/settings/security").press("Sign out all others")
    assert [browser.open("/").path for browser in (second, third)] == ["/login", "/login"]
    assert page.path == "/dashboard/settings/security"


def test_what_of_the_log_is_kept(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/settings/logs")
    assert page.control("Days that the log is kept").attrs["value"] == "30"
    page = page.fill({"Days that the log is kept": "3", "Store bodies": "Of all keys", "Stored of each body, in kB": "8"})
    page = page.press("Save")
    assert "Saved." in page.toasts[0]
    chosen = desk.services.preferences.all()
    assert (chosen["log_days"], chosen["log_bodies"], chosen["log_body_kb"], chosen["body_days"]) == (3, "on", 8, 7)
    assert page.control("Days that the log is kept").attrs["value"] == "3"


def test_a_number_out_of_bounds_is_told_beside_its_field(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/settings/logs").fill({"Days that bodies are kept": "0"}).press("Save")
    assert page.status == 400 and "1 to 3650." in page.text
    assert desk.services.preferences.all()["body_days"] == 7


def test_no_secret_is_among_what_is_shown(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(trusted_hosts=("localhost",))
    page = desk.admin().open("/dashboard/settings/features")
    assert "REQUIRE_API_KEY" in page.text
    settings = desk.services.settings
    for secret in (settings.secret_key, *settings.storage_encryption_keys):
        assert secret not in page.html
