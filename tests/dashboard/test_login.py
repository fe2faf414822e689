"""Signing in and out."""

from __future__ import annotations

import pytest

from tests.dashboard.conftest import PASSWORD, Desk


@pytest.fixture
def with_admin(desk: Desk) -> Desk:
    desk.admin()
    return desk


def test_signing_in_leads_to_where_one_wanted_to_go(with_admin: Desk) -> None:
    page = with_admin.visitor().open("/dashboard/keys")
    assert page.path == "/login"
    assert page.fill({"Password": PASSWORD}).press("Sign in").path == "/dashboard/keys"


@pytest.mark.parametrize("elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_next_never_leads_elsewhere(with_admin: Desk, elsewhere: str) -> None:
    page = with_admin.visitor().open(f"/login?next={elsewhere}")
    assert page.fill({"Password": PASSWORD}).press("Sign in").path == "/"


def test_a_wrong_password_is_refused(with_admin: Desk) -> None:
    page = with_admin.visitor().open("/login").fill({"Password": "not the one at all"}).press("Sign in")
    assert (page.path, page.status) == ("/login", 401)
    assert "not the one at all" not in page.html


def test_signing_out_ends_the_session(with_admin: Desk) -> None:
    browser = with_admin.admin()
    assert browser.open("/").press("Sign out").path == "/login"
    assert browser.open("/").path == "/login"


def test_a_gateway_without_a_password_points_to_the_link(desk: Desk) -> None:
    assert "setup link" in desk.visitor().open("/login").text
