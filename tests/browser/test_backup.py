"""Backup in a real browser: downloaded, things changed, restored, all seen back; and once more without scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.chromium import Watch
from tests.browser.seed import sign_in
from tests.browser.test_combos import ask
from tests.gateway import PASSWORD, Gateway
from tests.upstream.client import Upstream

HERE = "/dashboard/settings/backup"
UPSTREAM_KEY = "sk-good-in-the-backup"


@pytest.fixture
def here(gateway: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    made = gateway(REQUIRE_API_KEY="true")
    made.add_upstream("alpha", upstream.v1, api_key=UPSTREAM_KEY)
    made.add_combo("fast", "alpha/one")
    return made


def lose(here: Gateway) -> None:
    """What somebody does on a bad day."""
    for combo in here.api("GET", "/api/combos")["combos"]:
        here.api("DELETE", f"/api/combos/{combo['id']}")
    for node in here.api("GET", "/api/provider-nodes")["nodes"]:
        here.api("DELETE", f"/api/provider-nodes/{node['id']}")
    here.make_key("Not in the backup")


def choose(page: Page, file: Path, passphrase: str) -> None:
    page.get_by_label("File", exact=True).set_input_files(file)
    page.locator("#restore-passphrase").fill(passphrase)
    page.get_by_role("button", name="Show what would change").click()


def test_downloaded_and_restored(
    here: Gateway, page: Page, watch: Watch, chromium: Browser, upstream: Upstream, tmp_path: Path
) -> None:
    key = here.make_key("A client")
    sign_in(page, here, "/dashboard/settings")
    page.get_by_role("link", name="Backup", exact=True).click()
    password = page.get_by_label("Your password")
    expect(password).to_be_hidden()
    page.get_by_label("Include keys").check()
    watch.allow(400, 401)
    password.fill("not the password")
    page.get_by_role("button", name="Download backup").click()
    expect(page.get_by_text("The password is wrong.")).to_be_visible()
    password.fill(PASSWORD)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download backup").click()
    file = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(file)
    assert file.name.startswith("omniroute-backup-") and UPSTREAM_KEY not in file.read_text()
    expect(page.get_by_role("button", name="Download backup")).to_be_enabled()  # the page is still there, and so is its button

    lose(here)
    assert ask(here, key, "fast") == 404
    page.goto(here.url + HERE)
    choose(page, file, "not the passphrase")
    expect(page.get_by_text("does not open the keys in the file")).to_be_visible()
    choose(page, file, PASSWORD)
    expect(page.get_by_role("heading", name="This is lost")).to_be_visible()
    expect(page.get_by_role("row", name="Providers")).to_contain_text("1")
    expect(page.get_by_text("alpha: first")).to_be_visible()
    expect(page.get_by_text("Not in the backup")).to_be_visible()
    assert not violations(page)
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    assert not violations(page, "color-contrast")
    assert ask(here, key, "fast") == 404  # nothing was done yet
    page.get_by_role("button", name="Restore and remove 1").click()
    expect(page.get_by_text("Restored: 3 added, 1 removed.")).to_be_visible()
    assert ask(here, key, "fast") == 200
    assert upstream.last().key == UPSTREAM_KEY
    page.goto(here.url + "/dashboard/combos")
    expect(page.get_by_text("fast", exact=True).first).to_be_visible()

    # The same without scripts.
    lose(here)
    context = chromium.new_context(java_script_enabled=False)
    watch.over(context)
    plain = context.new_page()
    sign_in(plain, here, HERE)
    choose(plain, file, PASSWORD)
    plain.get_by_role("button", name="Restore and remove 1").click()
    expect(plain.get_by_text("Restored: 3 added, 1 removed.")).to_be_visible()
    context.close()
    assert ask(here, key, "fast") == 200
