"""Settings in a real browser: the door, the password and sessions, the look, and what a shorter log costs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from omniroute.models.db import Database
from omniroute.usage.logs import insert_rows
from tests.browser.axe import violations
from tests.browser.chromium import Watch
from tests.browser.seed import sign_in
from tests.browser.test_dashboard import WIDTHS
from tests.gateway import PASSWORD, Gateway, running_gateway
from tests.upstream.raw import Answer, Client

NEW = "another long enough password"
SETTINGS = "/dashboard/settings"
SECTIONS = ("", "/security", "/routing", "/logs", "/features", "/about", "/about/settings")
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
HOSTILE = '<img src=x onerror="alert(1)"> ' + "x" * 200


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("settings")) as made:
        write_log(made.data_dir)
        yield made


def write_log(data_dir: Path) -> None:
    """Three requests of long ago, and one of yesterday."""
    database, now = Database(f"sqlite:///{data_dir / 'omniroute.db'}"), time.time()
    rows = [{"id": f"row-{days}", "at": now - days * 86_400} for days in (1, 20, 21, 22)]
    database.write(lambda session: insert_rows(session, rows))
    database.close()


def keyless(here: Gateway) -> Answer:
    with Client(here.url) as line:
        return line.get("/v1/models").read()


def other_browser(chromium: Browser, watch: Watch, user_agent: str) -> BrowserContext:
    context = chromium.new_context(user_agent=user_agent, locale="en-GB", timezone_id="UTC")
    watch.over(context)
    return context


def test_the_door_the_password_and_who_is_signed_in(here: Gateway, page: Page, chromium: Browser, watch: Watch) -> None:
    other = other_browser(chromium, watch, FIREFOX)
    theirs = other.new_page()
    sign_in(theirs, here, f"{SETTINGS}/about")
    sign_in(page, here, SETTINGS)
    page.get_by_role("link", name="Security").click()

    # Everybody is asked for a key, and the refusal says what to do; then it is as before.
    assert keyless(here).status == 200
    page.get_by_label("Everybody, always").check()
    page.get_by_role("button", name="Save who needs a key").click()
    expect(page.get_by_text("Saved. Every program needs a key: you chose so here.")).to_be_visible()
    expect(page.get_by_text("No program is served.")).to_be_visible()
    refused = keyless(here)
    assert refused.status == 401 and "Settings, Security" in refused.json["error"]["message"]
    assert "dashboard's Keys page" in refused.json["omniroute"]["remedy"]
    page.get_by_label("As the server was started").check()
    page.get_by_role("button", name="Save who needs a key").click()
    expect(page.get_by_text("Programs on this machine need no key.").first).to_be_visible()
    assert keyless(here).status == 200

    # What is no host name is told beside its field.
    watch.allow(400)
    page.get_by_label("Further host names").fill("nas.lan\nhttps://gw.example.com")
    page.get_by_role("button", name="Save host names").click()
    expect(page.get_by_label("Further host names")).to_have_value("nas.lan\nhttps://gw.example.com")
    expect(page.locator("#allowed_hosts-wrong")).to_contain_text("without http://")
    expect(page.get_by_label("Further host names")).to_be_focused()
    assert violations(page) == []
    page.get_by_label("Further host names").fill("nas.lan")
    page.get_by_role("button", name="Save host names").click()
    expect(page.get_by_text("The names are answered from now on.")).to_be_visible()

    # Another browser is signed out.
    expect(page.get_by_role("row", name=re.compile("This one"))).to_have_count(1)
    page.get_by_role("button", name="Sign out Firefox on Linux").click()
    expect(page.get_by_text("That session is signed out.")).to_be_visible()
    theirs.reload()
    expect(theirs.get_by_role("button", name="Sign in")).to_be_visible()
    theirs.get_by_label("Password").fill(PASSWORD)
    theirs.get_by_role("button", name="Sign in").click()
    expect(theirs).to_have_url(f"{here.url}{SETTINGS}/about")

    # A new password signs all others out, and is the one that counts.
    for old, new in ((PASSWORD, NEW), (NEW, PASSWORD)):
        page.get_by_label("Current password").fill(old)
        page.get_by_label("New password", exact=True).fill(new)
        page.get_by_label("New password again").fill(new)
        page.get_by_role("button", name="Change password").click()
        expect(page.get_by_text("Password changed.")).to_be_visible()
        if new == NEW:
            theirs.reload()
            theirs.get_by_label("Password").fill(NEW)
            theirs.get_by_role("button", name="Sign in").click()
            expect(theirs).to_have_url(f"{here.url}{SETTINGS}/about")
    other.close()


def test_a_theme_for_all_and_a_shorter_log_after_a_question(here: Gateway, page: Page) -> None:
    sign_in(page, here, SETTINGS)
    page.get_by_label("Theme").select_option("dark")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")

    page.get_by_role("link", name="Logs and retention").click()
    expect(page.get_by_text("4 rows")).to_be_visible()
    page.get_by_label("Days that the log is kept").fill("10")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Keep the log for a shorter time?")).to_be_visible()
    expect(page.locator("main")).to_contain_text("3 log rows older than 10 days.")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_label("Days that the log is kept")).to_have_value("30")
    page.get_by_label("Days that the log is kept").fill("10")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Save and delete").click()
    expect(page.get_by_text("What is too old is deleted within minutes.")).to_be_visible()
    expect(page.get_by_label("Days that the log is kept")).to_have_value("10")

    page.get_by_role("link", name="About").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the text for a bug report").click()
    expect(page.get_by_role("button", name="Copy the text for a bug report")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("OmniRoute ")


def test_all_of_it_on_a_phone_without_scripts_and_no_wider_than_any_window(
    here: Gateway, page: Page, chromium: Browser, watch: Watch
) -> None:
    phone = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}, user_agent=HOSTILE)
    watch.over(phone)
    plain = phone.new_page()
    sign_in(plain, here, f"{SETTINGS}/routing")
    plain.get_by_label("Failures that open a breaker").fill("2")
    plain.get_by_role("button", name="Save").click()
    plain.get_by_role("button", name="Back to defaults").click()
    expect(plain.get_by_label("Failures that open a breaker")).to_have_value("5")
    here.api("PUT", "/api/settings", {"allowedHosts": [f"{'h' * 60}.{'i' * 60}.{'j' * 60}.example.com"]})
    sign_in(page, here, SETTINGS)
    for path in SECTIONS:
        page.goto(f"{here.url}{SETTINGS}{path}")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} at {width}"
    phone.close()
