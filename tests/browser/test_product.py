"""What holds for the whole dashboard: every page is accessible by day and by night, fits, breaks nothing; and Home is light."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.browser.axe import violations
from tests.browser.chromium import PATIENCE, Watch
from tests.browser.furnished import BEFORE, House, furnished
from tests.browser.seed import sign_in
from tests.upstream.client import Upstream
from tests.upstream.relay import Relay

WIDTHS = (390, 1440, 2560)
MOST = 150_000  # bytes of script and style of Home, as they travel
PARTS = 3  # the pages are walked in so many tests, each within the time of one


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, relay_process: Relay, upstream_process: Upstream) -> Iterator[House]:
    relay_process.reset()
    upstream_process.reset()
    with furnished(tmp_path_factory.mktemp("house"), relay_process, upstream_process) as made:
        yield made


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_is_accessible_and_fits(house: House, page: Page, part: int) -> None:
    """axe by day; its contrast again by night; no sideways scrolling; and, by `watch`, no error and nobody else asked."""
    page.emulate_media(reduced_motion="reduce", color_scheme="light")
    page.set_default_timeout(PATIENCE)
    sign_in(page, house.gateway)
    found: list[str] = []
    for path in house.pages[part::PARTS]:
        page.goto(house.gateway.url + path)
        expect(page.locator("h1").first).to_be_visible()
        found += [f"{path}: {line}" for line in violations(page)]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
                found.append(f"{path}: {wide} px wide in a window of {width} px")
        page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
        found += [f"{path}, dark: {line}" for line in violations(page, "color-contrast")]
    assert not found, "\n".join(found)


def test_the_pages_before_the_sign_in_are_accessible(house: House, page: Page) -> None:
    page.emulate_media(reduced_motion="reduce", color_scheme="light")
    for path in (*BEFORE, "/offline"):
        page.goto(house.gateway.url + path)
        found = violations(page)
        page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
        assert not found + violations(page, "color-contrast"), path


def test_home_is_light(house: House, page: Page) -> None:
    sign_in(page, house.gateway)
    sizes: dict[str, int] = {}

    def weigh(answer: Response) -> None:
        if answer.request.resource_type in ("script", "stylesheet"):
            sizes[answer.url] = int(answer.headers["content-length"])

    page.on("response", weigh)
    page.goto(house.gateway.url)
    page.reload()
    page.wait_for_load_state("networkidle")
    assert sizes, "nothing was weighed"
    assert sum(sizes.values()) <= MOST, sizes


def test_without_the_gateway_there_is_a_page_that_says_so(house: House, chromium: Browser, watch: Watch, tmp_path: Path) -> None:
    """Installed, gone, back again; and nothing of the gateway's own answers is ever kept."""
    context = chromium.new_context(service_workers="allow")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    sign_in(page, house.gateway)
    page.evaluate("navigator.serviceWorker.ready")
    page.goto(house.gateway.url + "/dashboard/logs")
    for path in ("/api/keys", "/v1/models", "/dashboard/keys"):
        page.evaluate("path => fetch(path).then(answer => answer.text())", path)
    kept = page.evaluate(
        "async () => (await Promise.all((await caches.keys()).map(async name => (await (await caches.open(name)).keys())"
        ".map(each => new URL(each.url).pathname)))).flat()"
    )
    assert "/offline" in kept
    assert all(path == "/offline" or path.startswith("/static/") for path in kept), kept

    context.set_offline(True)
    page.goto(house.gateway.url + "/dashboard/keys")
    expect(page.get_by_role("heading", name="The gateway can't be reached")).to_be_visible()
    context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="Keys", level=1)).to_be_visible()
    context.close()
