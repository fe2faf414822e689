"""Prices in a real browser: the list follows the search, a price is set and deleted."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.seed import sign_in
from tests.gateway import Gateway


def test_a_price_from_the_search_to_its_end(gateway: Callable[..., Gateway], page: Page) -> None:
    here = gateway()
    node = here.add_upstream("team", "http://127.0.0.1:9/v1", api_key="sk-good-0123456789")
    here.api("POST", "/api/provider-models", {"provider": node, "modelIds": ["llama", "qwen"]})
    sign_in(page, here, "/dashboard/pricing")
    expect(page.get_by_text("The price of 2 models is not known.")).to_be_visible()
    listed = page.locator("#price-list tbody tr")
    page.get_by_label("Search models").press_sequentially("llam")
    expect(listed).to_have_count(1)
    page.get_by_label("By whose word").select_option(label="Yours")
    expect(page.get_by_text("No model fits")).to_be_visible()
    page.get_by_label("By whose word").select_option(label="Unknown")
    expect(listed).to_have_count(1)
    page.get_by_role("link", name="Set price of team/llama").click()
    page.get_by_label("Input", exact=True).fill("0.5")
    page.get_by_label("Output", exact=True).fill("1.25")
    page.get_by_role("button", name="Save price").click()
    expect(page.get_by_role("status").filter(has_text="llama has your price")).to_be_visible()
    expect(listed.filter(has_text="team/llama")).to_contain_text("Yours")
    assert here.api("GET", "/api/pricing")["models"][0]["output"] == 1.25
    page.get_by_role("link", name="Delete llama").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete price").click()
    expect(page.get_by_text("The price of 2 models is not known.")).to_be_visible()
