"""The provider pages in a real browser: ways to add one, many keys, Test of all, the order, what can be behind a verdict.

The native provider and the Claude Code compatible node are walked in test_seed.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.axe import violations
from tests.browser.chromium import Watch
from tests.browser.seed import sign_in
from tests.browser.test_dashboard import BAD_KEY, KEY
from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream
from tests.upstream.relay import Relay

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One for all tests of this file: each adds a provider of its own."""
    with running_gateway(tmp_path_factory.mktemp("providers"), ENABLE_CC_COMPATIBLE_PROVIDER="true") as made:
        yield made


@pytest.fixture
def node(here: Gateway, relay: Relay, request: pytest.FixtureRequest) -> Iterator[str]:
    """A Claude Code compatible node without a connection, deleted afterwards."""
    made = here.add_node(f"team{abs(hash(request.node.name)) % 10**6}", relay.url, "anthropic-compatible", compatMode="cc")
    yield made
    here.api("DELETE", f"/api/provider-nodes/{made}")


def names(here: Gateway, node: str) -> list[str]:
    return [row["name"] for row in here.api("GET", f"/api/providers?provider={node}")["connections"]]


def row_of(page: Page, name: str) -> Locator:
    return page.locator("tbody[data-row]", has=page.locator("[data-row-name]", has_text=name))


@pytest.mark.parametrize(
    ("button", "kind", "format"),
    [
        ("Add OpenAI Compatible", "OpenAI compatible", "openai_chat"),
        ("Add Anthropic Compatible", "Anthropic compatible", "anthropic_messages"),
    ],
)
def test_a_node_of_each_kind_is_added_and_answers(
    here: Gateway, page: Page, upstream: Upstream, button: str, kind: str, format: str
) -> None:
    sign_in(page, here, "/dashboard/providers/add")
    page.get_by_role("link", name=button).click()
    prefix = format.replace("_", "")
    for label, value in {"Name": f"My {kind} one", "Prefix": prefix, "Base URL": upstream.url}.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("Validate").fill(KEY)
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".verdict")).to_contain_text("Connected")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name=f"My {kind} one")).to_be_visible()
    node = page.url.rpartition("/")[2]
    expect(page.locator("#model-list")).to_contain_text("scripted")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Add Connection").click()
    expect(row_of(page, f"My {kind} one")).to_contain_text("Active")
    expect(page.get_by_role("region", name="Details")).to_contain_text(format)
    here.api("DELETE", f"/api/provider-nodes/{node}")


def test_many_keys_are_previewed_added_and_tested(here: Gateway, page: Page, node: str) -> None:
    here.add_connection(node, KEY, "old")
    sign_in(page, here, f"/dashboard/providers/{node}")
    page.get_by_text("Add another connection").click()
    page.get_by_role("link", name="Add many keys").click()
    page.get_by_label("API keys").fill(f"{KEY}\n{HOSTILE}, {KEY}-2\nhome {BAD_KEY}\n{KEY}-2")
    preview = page.get_by_role("region", name="What is understood")
    expect(preview.get_by_role("row")).to_have_count(5)
    expect(preview).to_contain_text("already, as the connection 'old'")
    expect(preview).to_contain_text("The same key as in line 2")
    assert not violations(page)
    page.get_by_role("button", name="Add keys").click()
    added = page.get_by_role("region", name="2 added, 2 left out")
    expect(added).to_contain_text("2 of 2 tested: 1 works, 1 doesn't work")
    expect(added.locator("li", has_text=HOSTILE)).to_contain_text("Works")
    expect(added.locator("li", has_text="home")).to_contain_text("the API key is refused")
    assert sorted(names(here, node)) == [HOSTILE, "home", "old"]
    assert KEY not in page.content() and BAD_KEY not in page.content()


def test_all_are_tested_one_after_the_other(here: Gateway, page: Page, node: str, relay: Relay) -> None:
    """On its page; then, with slow ones, stopped; then, on Providers, all of them in a list that comes and goes."""
    here.add_connection(node, KEY, "good")
    here.add_connection(node, BAD_KEY, "bad")
    here.add_connection(node, f"{KEY}-off", "off", isActive=False)
    sign_in(page, here, f"/dashboard/providers/{node}")
    page.get_by_role("button", name="Test all").click()
    card = page.get_by_role("region", name="Connections")
    expect(card).to_contain_text("2 of 2 tested: 1 works, 1 doesn't work")
    expect(card.get_by_role("status")).to_have_text("2 of 2 tested: 1 works, 1 doesn't work")
    expect(row_of(page, "good")).to_contain_text("Active")
    expect(row_of(page, "bad")).to_contain_text("What can be behind it")
    expect(row_of(page, "off")).to_contain_text("Off")
    assert not violations(page)

    for number in range(4):
        here.add_connection(node, f"{KEY}-{number}", f"slow {number}")
    page.reload()
    relay.always({"fault": "hang"}, path="/messages")
    page.get_by_role("button", name="Test all").click()
    expect(page.get_by_text("Testing", exact=True)).to_have_count(3)
    expect(page.get_by_text("Waiting", exact=True)).to_have_count(2)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Waiting", exact=True)).to_have_count(0)
    relay.reset()  # who hangs is cut off
    expect(card.get_by_role("status")).to_contain_text("Stopped: 4 of 6 tested")  # the bad key was refused at once
    expect(page.get_by_text("Testing", exact=True)).to_have_count(0)

    page.goto(f"{here.url}/dashboard/providers")
    count = sum(row["isActive"] for row in here.api("GET", "/api/providers")["connections"])
    page.get_by_role("button", name="Test all").click()
    listed = page.get_by_role("region", name="Connections")
    expect(listed.get_by_role("status")).to_contain_text(f"{count} of {count} tested")
    expect(listed.get_by_role("listitem").filter(has_text="bad")).to_contain_text("Doesn't work")
    listed.get_by_role("button", name="Close").click()
    expect(listed).to_have_count(0)
    page.get_by_role("button", name="Test all").click()  # and again
    expect(listed.get_by_role("status")).to_contain_text(f"{count} of {count} tested")


def test_the_order_by_keys_buttons_and_drag(here: Gateway, page: Page, node: str) -> None:
    for place, name in enumerate(("first", "second", "third")):
        here.add_connection(node, f"{KEY}-{place}", name)
    sign_in(page, here, f"/dashboard/providers/{node}")
    expect(page.get_by_text("share the requests")).to_be_visible()
    saved = page.locator("#toasts .note", has_text="The order is saved")
    test = page.get_by_role("button", name="Test third", exact=True)
    test.press("Alt+ArrowUp")
    test.press("Alt+ArrowUp")
    expect(page.locator("#live")).to_have_text("third is now number 1 of 3")
    expect(test).to_be_focused()
    expect(saved).to_have_count(1)  # the two moves are saved as one
    expect(page.get_by_text("share the requests")).to_have_count(0)
    assert names(here, node) == ["third", "first", "second"]

    page.get_by_role("button", name="Move first down").click()
    expect(saved).to_have_count(2)
    assert names(here, node) == ["third", "second", "first"]

    grip, target = row_of(page, "first").locator("[data-drag]"), row_of(page, "third")
    start, end = grip.bounding_box(), target.bounding_box()
    assert start and end
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(start["x"] + 5, end["y"] + 2, steps=12)
    page.mouse.up()
    expect(page.locator("tbody[data-row] [data-row-name]").first).to_have_text("first")
    expect(saved).to_have_count(3)
    assert names(here, node) == ["first", "third", "second"]
    assert [place.inner_text() for place in page.locator("[data-number]").all()] == ["1", "2", "3"]

    page.locator("#toasts").get_by_role("button", name="Undo").last.click()
    expect(page.locator("tbody[data-row] [data-row-name]").first).to_have_text("third")
    page.get_by_role("button", name="Test first", exact=True).click()  # a row that is renewed stays in its place
    expect(row_of(page, "first")).to_contain_text("Active")
    assert names(here, node) == ["third", "second", "first"]


def test_a_failed_test_leads_to_the_field_that_mends_it(here: Gateway, page: Page, node: str) -> None:
    here.add_connection(node, BAD_KEY, "one")
    sign_in(page, here, f"/dashboard/providers/{node}")
    page.get_by_role("button", name="Test one", exact=True).click()
    expect(page.get_by_text("What can be behind it")).to_be_visible()
    assert not violations(page)
    page.get_by_role("link", name="Paste a new key").first.click()
    key = page.get_by_label("API key")
    expect(key).to_be_focused()
    key.fill(KEY)
    page.get_by_role("button", name="Save").click()
    expect(row_of(page, "one")).to_contain_text("Active")
    page.get_by_role("link", name="Troubleshooting").click()
    page.get_by_role("searchbox", name="Search by the text of an error").fill('{"error":{"message":"无效的令牌"}}')
    expect(page.get_by_role("heading", level=2)).to_have_text(["The API key is refused"])
    expect(page.get_by_text("The key is mistyped, expired or deleted there")).to_be_visible()


def test_models_are_found_filtered_hidden_and_sorted_in_place(here: Gateway, page: Page, node: str) -> None:
    ids = [f"vendor/model-{n:03}" for n in range(80)] + [HOSTILE.replace(" ", "-")]
    here.api("POST", "/api/provider-models", {"provider": node, "modelIds": ids})
    sign_in(page, here, f"/dashboard/providers/{node}")
    models = page.locator("#model-list")
    page.get_by_label("Search models").fill("model-07")
    expect(models.locator("tbody tr")).to_have_count(10)
    models.get_by_role("button", name="Hide these 10 from clients").click()
    expect(models.get_by_text("Hidden", exact=True)).to_have_count(10)
    expect(page.get_by_text("81 listed, 10 hidden")).to_be_visible()
    page.get_by_label("Search models").fill("")
    expect(models.locator("tbody tr")).to_have_count(60)
    page.get_by_label("Which models").select_option("hidden")
    expect(models.locator("tbody tr")).to_have_count(10)
    page.get_by_label("Which models").select_option("")
    expect(models.locator("tbody tr")).to_have_count(60)
    models.get_by_role("link", name="Model", exact=True).click()
    expect(models.locator("tbody tr").first).to_contain_text(HOSTILE.replace(" ", "-"))
    expect(models.get_by_role("link", name="Model", exact=True)).to_be_focused()
    page.get_by_label("Search models").fill("vendor")  # the order stays
    expect(models).to_contain_text("60 of 80 shown")
    expect(models.locator("th[aria-sort=ascending]")).to_have_text("Model")


def test_without_scripts(here: Gateway, chromium: Browser, watch: Watch, node: str) -> None:
    here.add_connection(node, KEY, "first")
    here.add_connection(node, BAD_KEY, "second")
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    watch.over(context)
    page = context.new_page()
    sign_in(page, here, f"/dashboard/providers/{node}")
    page.get_by_role("button", name="Move second up").click()
    expect(page.get_by_text("second is number 1 of 2 now.")).to_be_visible()
    page.get_by_role("button", name="Test all").click()
    expect(page.get_by_text("2 tested: 1 works, 1 does not.")).to_be_visible()
    page.goto(f"{here.url}/dashboard/providers/{node}/bulk")
    page.get_by_label("API keys").fill(f"third, {KEY}-3")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("1 key to add")).to_be_visible()
    page.get_by_label("API keys").fill(f"third, {KEY}-3")
    page.get_by_role("button", name="Add keys").click()
    expect(page.get_by_role("listitem").filter(has_text="third")).to_contain_text("Works")
    context.close()
    assert not watch.found, "\n".join(watch.found)
