"""Home in a real browser: what goes on shows up by itself, without a reload and without taking the focus away."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.chromium import PATIENCE, Watch
from tests.browser.seed import sign_in
from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream
from tests.upstream.raw import post

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"
HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    """Two workers and two providers, for all tests of this file."""
    with running_gateway(tmp_path_factory.mktemp("gateway"), workers=2) as made:
        for name in ("alpha", "beta"):
            made.add_upstream(name, upstream_process.v1, api_key=f"sk-good-{name}")
        yield made


@pytest.fixture(scope="module")
def ask(here: Gateway) -> Callable[[str], None]:
    key = here.make_key("laptop")

    def send(model: str) -> None:
        post(here.url, "/v1/chat/completions", {"Authorization": f"Bearer {key}"}, model=model)

    return send


def figure(page: Page) -> Locator:
    """Requests in the last minute."""
    return page.locator("[data-figure=last-minute]")


def test_what_goes_on_is_seen_without_a_reload(here: Gateway, page: Page, ask: Callable[[str], None], upstream: Upstream) -> None:
    sign_in(page, here)
    page.evaluate("document.body.dataset.same = 'page'")
    said = page.locator("[data-live-said]")
    expect(said).to_have_text("Live", timeout=PATIENCE)
    expect(figure(page)).to_have_text("0", timeout=PATIENCE)
    row = page.get_by_role("row", name="alpha")
    expect(row).to_contain_text("0", timeout=PATIENCE)
    link = row.get_by_role("link", name="alpha")
    link.focus()
    link.evaluate("link => (link.dataset.same = 'link')")

    ask("alpha/one")
    expect(figure(page)).to_have_text("1", timeout=PATIENCE)
    expect(row.locator("td[data-label=Requests]")).to_have_text("1", timeout=PATIENCE)
    expect(row.locator("td[data-label=Errors]")).to_have_text("0 %", timeout=PATIENCE)
    expect(page.get_by_role("img", name="Requests in each of the last 60 minutes: 1 in all")).to_be_visible()
    ask("alpha/one")
    expect(figure(page)).to_have_text("2", timeout=PATIENCE)
    expect(link).to_be_focused()
    assert link.get_attribute("data-same") is None  # what the server does not know of an element goes
    expect(link).to_have_attribute("href", re.compile("/dashboard/providers/"))

    # One that has had enough, until it may be asked again.
    upstream.queue({"status": 429, "message": "Slow down.", "headers": {"retry-after": "59"}}, model="two")
    ask("beta/two")
    held = page.locator("#live-held")
    expect(held.get_by_role("listitem")).to_contain_text("cooling · beta · rate_limited", timeout=PATIENCE)
    expect(held.locator("time")).to_have_text(re.compile(r"^[1-5]?\d s$"), timeout=PATIENCE)
    expect(page.get_by_role("row", name="beta")).to_contain_text("Cooling", timeout=PATIENCE)
    failed = page.locator("#live-failures").get_by_role("listitem")
    expect(failed).to_have_count(1, timeout=PATIENCE)
    expect(failed).to_contain_text("429 rate_limited", timeout=PATIENCE)
    expect(failed.locator("time")).not_to_contain_text("UTC", timeout=PATIENCE)  # in the reader's own zone, as everywhere
    first = held.locator("time").inner_text()
    expect(held.locator("time")).not_to_have_text(first, timeout=PATIENCE)  # it counts down
    here.api("POST", "/api/resilience/reset", {})
    expect(held).to_contain_text("Nothing is held up", timeout=PATIENCE)
    expect(page.get_by_role("row", name="beta")).not_to_contain_text("Cooling", timeout=PATIENCE)

    # Names stay text on this way, too.
    ask(HOSTILE)
    expect(failed.first.get_by_role("link")).to_have_text(HOSTILE, timeout=PATIENCE)
    expect(page.get_by_role("row", name="Not sent")).to_contain_text("no provider was asked", timeout=PATIENCE)
    assert page.locator("#live-failures img, #live-failures b").count() == 0
    assert page.title() == "Home · OmniRoute"

    # Nobody looks: nothing is sent, and the page says so. Then it catches up.
    page.evaluate(HIDE, True)
    expect(said).to_have_text(re.compile(r"^As of \d\d:\d\d$"), timeout=PATIENCE)
    before = figure(page).inner_text()
    ask("alpha/one")
    here.log_rows(5)
    expect(figure(page)).to_have_text(before, timeout=PATIENCE)
    page.evaluate(HIDE, False)
    expect(said).to_have_text("Live", timeout=PATIENCE)
    expect(row.locator("td[data-label=Requests]")).to_have_text("3", timeout=PATIENCE)
    assert page.evaluate("document.body.dataset.same") == "page"


def test_a_stream_that_does_not_come_is_told(here: Gateway, page: Page) -> None:
    page.route("**/dashboard/live", lambda route: route.abort("aborted"))
    sign_in(page, here)
    said = page.locator("[data-live-said]")
    expect(said).to_have_text(re.compile(r"^As of \d\d:\d\d, reconnecting$"), timeout=PATIENCE)
    page.unroute("**/dashboard/live")
    page.evaluate(HIDE, True)
    page.evaluate(HIDE, False)
    expect(said).to_have_text("Live", timeout=PATIENCE)


def test_without_scripts_it_shows_how_things_stood(
    here: Gateway, chromium: Browser, watch: Watch, ask: Callable[[str], None]
) -> None:
    ask("alpha/one")
    here.log_rows(1)
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    watch.over(context)
    page = context.new_page()
    sign_in(page, here)
    expect(page.get_by_text("As of ")).to_contain_text("UTC")
    assert int(figure(page).inner_text()) >= 1
    assert int(page.get_by_role("row", name="alpha").locator("td[data-label=Requests]").inner_text()) >= 1
    expect(page.get_by_text("Nothing is held up")).to_be_visible()
    context.close()
    assert not watch.found, "\n".join(watch.found)
