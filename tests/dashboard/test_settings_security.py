"""Security: who needs a key, host names, the password, sessions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import PASSWORD, Desk
from tests.dashboard.test_pages import HOSTILE, assert_clean

SECURITY = "/dashboard/settings/security"
NEW = "another long enough password"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


# The password and who is signed in ------------------------------------------------------------


def test_the_password_is_changed_and_this_session_stays(desk: Desk, admin: Browser) -> None:
    other = desk.admin()
    page = admin.open(SECURITY)
    page = page.fill({"Current password": PASSWORD, "New password": NEW, "New password again": NEW}).press("Change password")
    assert page.path == SECURITY
    assert "Password changed." in page.toasts[0]
    assert other.open(SECURITY).path == "/login"
    assert desk.visitor().open("/login").fill({"Password": NEW}).press("Sign in").path == "/"


@pytest.mark.parametrize(
    ("given", "field", "told"),
    [
        (("not the one", NEW, NEW), "Current password", "The current password is wrong."),
        ((PASSWORD, NEW, "something else"), "New password again", "The two are not the same."),
        ((PASSWORD, "short", "short"), "New password", "It has fewer than 10 characters."),
        ((PASSWORD, PASSWORD, PASSWORD), "New password", "The new password is the current one."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    desk: Desk, admin: Browser, given: tuple[str, str, str], field: str, told: str
) -> None:
    labels = ("Current password", "New password", "New password again")
    page = admin.open(SECURITY).fill(dict(zip(labels, given, strict=True))).press("Change password")
    assert 400 <= page.status < 500 and told in page.text
    assert page.control(field).attrs["aria-invalid"] == "true"
    assert [label for label in labels if "autofocus" in page.control(label).attrs] == [field]  # it may be below the fold
    assert desk.visitor().open("/login").fill({"Password": PASSWORD}).press("Sign in").path == "/"
    assert all(page.control(label).attrs.get("value", "") == "" for label in labels)  # never sent back


def test_a_password_manager_knows_what_is_what(admin: Browser) -> None:
    page = admin.open(SECURITY)
    named = {"Current password": "current-password", "New password": "new-password", "New password again": "new-password"}
    assert {label: page.control(label).attrs["autocomplete"] for label in named} == named
    assert [each.attrs["autocomplete"] for each in page.root.all("input") if each.attrs.get("name") == "username"] == ["username"]


def test_sessions_are_told_in_plain_words_and_ended(desk: Desk, admin: Browser) -> None:
    accounts = desk.services.accounts
    accounts.login(PASSWORD, "192.0.2.7", FIREFOX)
    accounts.login(PASSWORD, "192.0.2.8", HOSTILE)
    page = admin.open(SECURITY)
    assert_clean(page)
    (row,) = [each for each in page.root.all("tr") if "192.0.2.7" in each.text]
    assert "Firefox on Linux" in row.text and "This one" not in row.text
    assert [each.attrs["title"] for each in row.all("span") if "cell-title" in each.attrs.get("class", "")] == [FIREFOX]
    page = page.press("Sign out Firefox on Linux at 192.0.2.7")
    assert "signed out" in page.toasts[0] and "192.0.2.7" not in page.text
    page = page.press("Sign out all others")
    assert "1 other session is signed out." in page.toasts[0]
    assert len(accounts.sessions()) == 1 and page.path == SECURITY


# Who needs a key ------------------------------------------------------------------------------


def choose(page: Page, begins: str) -> Page:
    """Press the radio button whose label begins so."""
    labels = [each for each in page.root.all("label") if "check" in each.attrs.get("class", "")]
    return page.fill({each.text: "on" if each.text.startswith(begins) else "off" for each in labels})


def test_everybody_can_be_asked_for_a_key_and_the_page_says_what_holds(desk: Desk, admin: Browser) -> None:
    client = desk.app.test_client()
    page = admin.open(SECURITY)
    assert "Programs on this machine need no key." in page.text
    assert client.get("/v1/models").status_code == 200
    page = choose(page, "Everybody, always").press("Save who needs a key")
    assert page.toasts[0].startswith("Saved. Every program needs a key: you chose so here.")
    assert "No program is served." in page.text and "Create a key" in page.links()
    refused = client.get("/v1/models")
    assert refused.status_code == 401 and "Settings, Security" in refused.get_json()["error"]["message"]
    desk.services.keys.create({"name": "k"}, desk.by)
    page = admin.open(SECURITY)
    assert "No program is served." not in page.text and "Then: Programs on this machine need no key." in page.text
    page = choose(page, "As the server was started").press("Save who needs a key")
    assert client.get("/v1/models").status_code == 200 and "Programs on this machine need no key." in page.text


def test_where_the_environment_has_settled_it_the_page_says_so(open_desk: Callable[..., Desk]) -> None:
    page = open_desk(host="0.0.0.0").admin().open(SECURITY)
    assert "Every program needs a key: the server listens on 0.0.0.0" in page.text
    assert "so this changes nothing now" in page.text
    assert "Every name is answered: the server listens on 0.0.0.0" in page.text


# Host names -----------------------------------------------------------------------------------


def test_names_are_added_and_answered(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(trusted_hosts=("gateway.example.com",))
    admin = desk.admin()
    page = admin.open(SECURITY)
    assert all(text in page.text for text in ("gateway.example.com TRUSTED_HOSTS", "localhost this machine"))
    assert admin.open("/login", Host="nas.lan").status == 400
    page = page.fill({"Further host names": "NAS.lan\n\n .home.arpa \n"}).press("Save host names")
    assert "The names are answered from now on." in page.toasts[0]
    assert desk.services.preferences.all()["allowed_hosts"] == ["nas.lan", ".home.arpa"]
    assert [admin.open("/login", Host=host).status for host in ("nas.lan", "tv.home.arpa", "x.lan")] == [200, 200, 400]


def test_what_is_no_name_is_told_beside_the_field_and_stays_in_it(desk: Desk, admin: Browser) -> None:
    page = admin.open(SECURITY).fill({"Further host names": "https://nas.lan"}).press("Save host names")
    assert page.status == 400 and "without http://" in page.text
    assert page.control("Further host names").attrs["aria-invalid"] == "true"
    assert page.control("Further host names").text == "https://nas.lan"
    assert desk.services.preferences.all()["allowed_hosts"] == []


def test_nobody_locks_himself_out(desk: Desk, admin: Browser) -> None:
    desk.services.preferences.update({"allowed_hosts": ["nas.lan"]}, desk.by)
    here = {"Host": "nas.lan", "Origin": "http://nas.lan"}
    cookie = admin.client.get_cookie("omniroute_session")
    assert cookie is not None
    admin.client.set_cookie("omniroute_session", cookie.value, domain="nas.lan")  # signed in by that name, too
    page = admin.open(SECURITY, **here)
    assert "You came here by nas.lan" in page.text
    page = page.fill({"Further host names": ""}).press("Save host names", **here)
    assert page.status == 400 and "you would be locked out" in page.text
    assert desk.services.preferences.all()["allowed_hosts"] == ["nas.lan"]
    page = admin.open(SECURITY).fill({"Further host names": ""}).press("Save host names")
    assert "Saved." in page.toasts[0] and desk.services.preferences.all()["allowed_hosts"] == []
