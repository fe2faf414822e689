"""In a real browser: nothing hostile runs on any page; a change is taken back where it was made, and told on the Audit page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app import make_services
from omniroute.clock import Clock
from omniroute.security.audit import CLI
from omniroute.settings import Settings
from tests.browser.chromium import Watch
from tests.browser.seed import sign_in
from tests.dashboard.hostile import HOSTILE, MODELS, NAME, SCRIPT, pages, settle
from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream

AGENT = f"{HOSTILE} Chrome/126.0"
SEEN = NAME.replace("\u202e", "\\u202e")
# Who is asked whether anything ran: a script of ours that runs before the page's, so that nothing of the page can hide it.
GUARD = """window.__ran = [];
for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = () => { window.__ran.push(name); };
document.addEventListener("securitypolicyviolation", (event) => window.__ran.push(event.violatedDirective));"""
RAN = "() => [...window.__ran, ...('__pwned' in window ? ['a script of somebody else'] : [])]"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[tuple[Gateway, dict[str, str]]]:
    """A gateway with the same hostile names as tests/dashboard/test_pages.py, written by a second process of it; and its ids."""
    folder = tmp_path_factory.mktemp("hostile")
    with running_gateway(folder, ENABLE_CC_COMPATIBLE_PROVIDER="true") as here:
        given = {"DATA_DIR": str(here.data_dir), "HOST": "127.0.0.1", "ENABLE_CC_COMPATIBLE_PROVIDER": "true"}
        services = make_services(Settings.from_env(given, folder / "none"), Clock())
        ids = settle(services, CLI, upstream_process.url)
        services.database.close()
        yield here, ids


def harmless(page: Page, where: str) -> None:
    ran = page.evaluate(RAN)
    assert not ran, f"{where}: {ran}"


def test_nothing_hostile_runs_on_any_page(
    hostile: tuple[Gateway, dict[str, str]], page: Page, watch: Watch, upstream: Upstream
) -> None:
    """`watch` sees what the console says of the content policy, and every request off the machine."""
    here, ids = hostile
    watch.allow(404)
    page.on("dialog", lambda dialog: watch.found.append(f"dialog: {dialog.message}"))
    page.context.add_init_script(GUARD)
    page.context.set_extra_http_headers({"User-Agent": AGENT})
    sign_in(page, here)
    for path in pages(ids):
        page.goto(here.url + path)
        harmless(page, path)


def test_nothing_hostile_runs_in_what_scripts_put_on_a_page(
    hostile: tuple[Gateway, dict[str, str]], page: Page, watch: Watch, upstream: Upstream
) -> None:
    here, ids = hostile
    upstream.always({"text": f"{SCRIPT}{HOSTILE}"})
    page.on("dialog", lambda dialog: watch.found.append(f"dialog: {dialog.message}"))
    page.context.add_init_script(GUARD)
    sign_in(page, here)
    page.goto(here.url + "/dashboard/keys")

    # The palette, a question in its dialog, a toast that comes beside a part.
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("img")
    expect(page.get_by_role("option").filter(has_text="<img src=x").first).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name=f"Delete {SEEN}").click()
    expect(page.get_by_role("dialog")).to_contain_text("<img src=x")
    page.get_by_role("button", name="Cancel").click()
    harmless(page, "keys")
    page.goto(f"{here.url}/dashboard/providers/{ids['node_id']}")
    page.get_by_role("button", name=f"Hide {MODELS[0]}", exact=True).click()
    expect(page.locator("#toasts .note")).to_contain_text(f"{SCRIPT} is hidden from clients.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts .note")).to_contain_text("Undone: hid the model")
    harmless(page, "provider")

    # The legend and the tips of charts; rows that come by themselves.
    page.goto(here.url + "/dashboard/usage?group=model")
    expect(page.locator("[data-drawn]")).to_be_visible()
    harmless(page, "usage")
    page.goto(here.url + "/dashboard/logs")
    page.get_by_role("switch", name="Live").click()
    expect(page.locator("[data-live-said]")).to_have_text("Live: new requests come in on top")
    ask = {"model": f"team/{SCRIPT}", "max_tokens": 9, "messages": [{"role": "user", "content": HOSTILE}]}
    key = here.make_key("plain")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "User-Agent": AGENT}
    page.request.post(here.url + "/v1/messages", data=json.dumps(ask), headers=headers)
    expect(page.locator("tr[data-log]").first).to_contain_text(SCRIPT)
    harmless(page, "logs")

    # What a model says, as it comes.
    page.goto(f"{here.url}/dashboard/playground?model=team/glm-5.1")
    page.get_by_label("You (message 1)").fill("hello")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("Model (message 2)")).to_have_value(f"{SCRIPT}{HOSTILE}")
    harmless(page, "playground")


def test_a_change_is_taken_back_and_told(hostile: tuple[Gateway, dict[str, str]], page: Page, tmp_path: Path) -> None:
    here, _ = hostile
    for name in ("one", "two"):
        here.add_combo(name, "team/glm-5.1")
    sign_in(page, here, "/dashboard/combos")
    page.get_by_role("switch", name="one is on").click()
    toast = page.locator("#toasts .note")
    expect(toast).to_contain_text("one is off: requests for it are refused.")
    expect(page.locator("#live")).to_contain_text("one is off")  # said to screen readers, too
    expect(page.get_by_role("switch", name="one is on")).to_have_attribute("aria-checked", "false")
    page.get_by_role("button", name="Undo").press("Enter")
    expect(toast).to_have_text("Undone: switched the combo ‘one’ off.")
    expect(page.get_by_role("switch", name="one is on")).to_have_attribute("aria-checked", "true")

    page.get_by_role("link", name="Delete two").click()
    page.get_by_role("button", name="Delete combo").click()
    expect(page.get_by_role("heading", name="two")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="two")).to_be_visible()

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Audit").click()
    entries = page.locator(".audit-entry")
    expect(entries.first).to_contain_text("Undid a change: added the combo ‘two’")
    page.get_by_label("Text").fill("TWO")
    page.get_by_role("button", name="Filter").click()
    expect(entries).to_have_count(3)
    expect(entries.locator("table")).to_have_count(3)
    expect(entries.first.locator("table")).to_be_hidden()
    entries.first.locator("summary").first.click()
    expect(entries.first.locator("table")).to_contain_text("team/glm-5.1")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of these changes").click()
    download.value.save_as(tmp_path / "audit.csv")
    lines = (tmp_path / "audit.csv").read_text().splitlines()
    assert len(lines) == 4 and lines[0].startswith("id,at,actorKind,")
    entries.first.get_by_role("link", name="History of two").click()
    expect(page.get_by_role("list", name="Filters")).to_contain_text("About two")
    expect(entries).to_have_count(3)
