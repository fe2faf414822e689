"""The setup link: one password, once."""

from __future__ import annotations

from tests.dashboard.conftest import PASSWORD, Desk


def test_the_link_sets_the_password_and_signs_in(desk: Desk) -> None:
    page = desk.visitor().open(f"/setup?token={desk.services.accounts.setup_token()}")
    first = page.fill({"Password": PASSWORD, "Password again": PASSWORD}).press("Set password")
    assert (first.path, first.status) == ("/dashboard/start", 200)
    assert "Who answers?" in first.text


def test_the_link_is_dead_afterwards(desk: Desk) -> None:
    desk.admin()
    page = desk.visitor().open("/setup?token=whatever")
    assert page.path == "/login"
    assert "This gateway is set up already." in page.text
    assert "set up already" not in desk.visitor().open("/login").text


def test_a_wrong_token_is_refused_and_the_form_stays(desk: Desk) -> None:
    page = (
        desk.visitor().open("/setup?token=wrong").fill({"Password": PASSWORD, "Password again": PASSWORD}).press("Set password")
    )
    assert 400 <= page.status < 500
    assert not desk.services.accounts.has_admin()
    assert page.control("Password")
    assert "python -m omniroute setup-link" in page.text  # how to get the right one


def test_a_link_without_its_token_says_so(desk: Desk) -> None:
    page = desk.visitor().open("/setup")
    assert "The link is not whole." in page.text
    assert "python -m omniroute setup-link" in page.text


def test_the_page_says_what_comes_next(desk: Desk) -> None:
    page = desk.visitor().open(f"/setup?token={desk.services.accounts.setup_token()}")
    assert "Then, in about two minutes: Add a provider and paste its API key." in page.text
    assert "setup-link" not in page.text


def test_short_and_differing_passwords_are_told_beside_their_fields(desk: Desk) -> None:
    page = desk.visitor().open(f"/setup?token={desk.services.accounts.setup_token()}")
    page = page.fill({"Password": "short", "Password again": "other"}).press("Set password")
    assert page.status == 400
    assert "It has fewer than 10 characters." in page.text
    assert "The two are not the same." in page.text
    assert page.control("Password").attrs["aria-invalid"] == "true"
    assert "short" not in page.html


def test_the_page_warns_about_proxies_on_this_machine(desk: Desk) -> None:
    assert "REQUIRE_API_KEY=true" in desk.visitor().open("/setup?token=x").text
