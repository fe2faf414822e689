"""The dashboard in a real browser: what needs scripts, what must work without them, and that nothing breaks on any page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import Watch
from tests.browser.seed import sign_in
from tests.gateway import Gateway
from tests.upstream.relay import Relay

KEY = "sk-good-0123456789abcd"
BAD_KEY = "sk-bad-0123456789wxyz"
ADD = "/dashboard/nodes/add/claude-code-compatible"
WIDTHS = (390, 768, 1440, 2560)


@pytest.fixture
def here(gateway: Callable[..., Gateway]) -> Gateway:
    return gateway(ENABLE_CC_COMPATIBLE_PROVIDER="true")


@pytest.fixture
def filled(here: Gateway, relay: Relay) -> Iterator[tuple[Gateway, str]]:
    """A node with a working and a broken connection, a key; and the node's id."""
    node = here.add_node("team", relay.url, "anthropic-compatible", compatMode="cc")
    here.add_connection(node, KEY, "first")
    here.add_connection(node, BAD_KEY, "second")
    here.add_key("laptop")
    yield here, node


def test_check_before_save_keeps_the_form_and_its_key(here: Gateway, page: Page, relay: Relay) -> None:
    sign_in(page, here, ADD)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("Not checked")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Relay")
    page.get_by_label("Prefix").fill("relay")
    page.get_by_label("Base URL").fill(relay.url)
    page.get_by_label("Validate").fill(BAD_KEY)
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#verdict")).to_contain_text("Not valid")
    expect(page.get_by_role("status").filter(has_text="Not valid")).to_have_count(1)  # said to screen readers
    page.get_by_label("Validate").fill(KEY)
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#verdict")).to_contain_text("4 models found")
    expect(page.get_by_label("Validate")).to_have_value(KEY)
    page.get_by_label("glm-5.1").uncheck()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="Relay")).to_be_visible()
    expect(page.locator("#model-list tbody tr")).to_have_count(3)


def test_the_catalogue_filters_while_one_types(here: Gateway, page: Page) -> None:
    sign_in(page, here, "/dashboard/providers/add")
    expect(page.locator("[data-palette] kbd")).not_to_be_empty()  # the scripts that know "/" have run
    page.keyboard.press("/")
    page.keyboard.type("agentr")
    expect(page.locator("#found article")).to_have_count(1)
    page.get_by_role("searchbox").fill("")
    expect(page.locator("#found article")).not_to_have_count(1)


def test_test_shows_its_verdict_in_place(filled: tuple[Gateway, str], page: Page) -> None:
    here, node = filled
    sign_in(page, here, f"/dashboard/providers/{node}")
    page.get_by_role("button", name="Test second").click()
    expect(page.locator(".verdict")).to_contain_text("Not valid")
    page.get_by_role("button", name="Test first").click()
    expect(page.locator("tbody", has=page.get_by_role("button", name="Test first"))).to_contain_text("Active")


def test_deleting_asks_in_a_dialog_that_escape_closes(filled: tuple[Gateway, str], page: Page) -> None:
    here, node = filled
    sign_in(page, here, f"/dashboard/providers/{node}")
    dialog = page.get_by_role("dialog")
    page.get_by_role("link", name="Delete second").click()
    expect(dialog).to_contain_text("Its stored API key is lost.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Delete second").click()
    dialog.get_by_role("button", name="Delete connection").click()
    expect(page.get_by_text("Connection second deleted.")).to_be_visible()
    expect(page.get_by_role("button", name="Test second")).to_have_count(0)


def test_hiding_a_model_swaps_only_the_list(here: Gateway, page: Page) -> None:
    here.add_connection("agentrouter", KEY)
    sign_in(page, here, "/dashboard/providers/agentrouter")
    page.get_by_label("Add by name").fill("half-typed")
    page.get_by_role("button", name="Hide glm-5.1").click()
    expect(page.get_by_role("button", name="Show glm-5.1")).to_be_visible()
    expect(page.get_by_label("Add by name")).to_have_value("half-typed")


def test_snippets_become_tabs_and_follow_the_model(here: Gateway, page: Page) -> None:
    here.add_connection("agentrouter", KEY)
    sign_in(page, here)
    expect(page.get_by_role("tabpanel")).to_have_count(1)
    page.get_by_role("tab", name="Claude Code").click()
    page.get_by_label("Model", exact=True).select_option("agentrouter/deepseek-v3.2")
    expect(page.get_by_role("tabpanel")).to_contain_text("claude --model agentrouter/deepseek-v3.2")
    page.keyboard.press("Tab")
    page.get_by_role("tab", name="Claude Code").press("ArrowLeft")
    expect(page.get_by_role("tab", selected=True)).not_to_have_text("Claude Code")


def test_a_new_key_can_be_copied(here: Gateway, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=here.url)
    sign_in(page, here, "/dashboard/keys/add")
    page.get_by_label("Name", exact=True).fill("laptop")
    page.get_by_role("button", name="Create key").click()
    page.get_by_role("button", name="Copy the key").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#new-key").inner_text()


def test_the_colours_are_chosen_kept_and_follow_the_system(here: Gateway, page: Page) -> None:
    theme = "document.documentElement.dataset.bsTheme"
    page.emulate_media(color_scheme="dark")
    sign_in(page, here)
    assert page.evaluate(theme) == "dark"
    page.get_by_role("button", name="Light").click()
    page.reload()
    assert page.evaluate(theme) == "light"
    page.get_by_role("button", name="As the system").click()
    page.emulate_media(color_scheme="light")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_the_menu_of_a_narrow_screen(here: Gateway, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(page, here)
    keys = page.get_by_role("navigation", name="Main").get_by_role("link", name="Keys")
    expect(keys).to_be_hidden()
    page.get_by_role("button", name="Open menu").click()
    expect(keys).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.get_by_role("button", name="Open menu").click()
    keys.click()
    expect(page).to_have_url(here.url + "/dashboard/keys")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_its_window(filled: tuple[Gateway, str], page: Page, scheme: str, watch: Watch) -> None:
    here, node = filled
    watch.allow(404)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    sign_in(page, here)
    for path in (
        "/",
        "/dashboard/providers",
        "/dashboard/providers/add",
        "/dashboard/providers/add/agentrouter",
        ADD,
        f"/dashboard/providers/{node}",
        f"/dashboard/nodes/{node}/edit",
        "/dashboard/keys",
        "/dashboard/keys/add",
        f"/dashboard/pricing?provider={node}&model=glm-5.1",
        "/dashboard/logs",
        "/dashboard/settings",
        "/dashboard/nothing",
    ):
        page.goto(here.url + path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} at {width}"


def test_everything_works_without_scripts(here: Gateway, chromium: Browser, watch: Watch, relay: Relay) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    watch.over(context)
    page = context.new_page()
    sign_in(page, here, ADD)
    page.get_by_label("Name", exact=True).fill("Relay")
    page.get_by_label("Prefix").fill("relay")
    page.get_by_label("Base URL").fill(relay.url)
    page.get_by_label("Validate").fill(KEY)
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#verdict")).to_contain_text("Valid")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Add Connection").click()
    expect(page.get_by_text("Active", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Test Relay").click()
    expect(page.locator(".verdict")).to_contain_text("Valid")
    page.get_by_role("link", name="Open menu").or_(page.get_by_role("button", name="Open menu")).click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Home").click()
    expect(page.get_by_text("claude --model relay/")).to_be_visible()
    context.close()
    assert not watch.found, "\n".join(watch.found)
