"""The shell in a real browser: the palette and shortcuts by keyboard alone, the focus after a swap, messages, and no scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.chromium import Watch
from tests.browser.seed import sign_in
from tests.gateway import Gateway, running_gateway
from tests.upstream.relay import Relay

HOSTILE = "<img src=x onerror=alert(1)>"
# Opened, typed into and answered with Enter before the list can be there: that counts all the same.
AT_ONCE = """() => {
    document.querySelector("[data-palette]").click();
    const field = document.querySelector(".palette input");
    field.value = "everyday";
    field.dispatchEvent(new Event("input"));
    field.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"}));
}"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, relay_process: Relay) -> Iterator[Gateway]:
    """A node with two connections and three models of its own, a combo, a key with a name that is HTML."""
    with running_gateway(tmp_path_factory.mktemp("shell"), ENABLE_CC_COMPATIBLE_PROVIDER="true") as made:
        node = made.add_node("team", relay_process.url, "anthropic-compatible", compatMode="cc")
        made.add_connection(node, "sk-good-0123456789abcd", "first")
        made.add_connection(node, "sk-bad-0123456789wxyz", "second")
        made.api("POST", "/api/provider-models", {"provider": node, "modelIds": ["one", "two", "three"]})
        made.add_combo("everyday", "team/one", "team/two")
        made.add_key(HOSTILE)
        yield made


def ready(page: Page) -> None:
    """The scripts of the page have run: they say on the button on top which keys open the palette."""
    expect(page.locator("[data-palette] kbd")).not_to_be_empty()


def press(page: Page, *keys: str) -> None:
    ready(page)
    for key in keys:
        page.keyboard.press(key)


def options(page: Page) -> list[str]:
    return page.get_by_role("dialog", name="Find anything").locator(".palette-label").all_inner_texts()


def test_the_palette_finds_by_keyboard_alone(here: Gateway, page: Page) -> None:
    sign_in(page, here, "/dashboard/keys")
    create = page.get_by_role("link", name="Create key")
    create.focus()
    press(page, "Control+k")
    field = page.get_by_role("combobox", name="what you want to do")
    expect(field).to_be_focused()
    expect(page.locator(".palette [role=option]").first).to_have_attribute("aria-selected", "true")

    # Escape goes back to where one was, with nothing done.
    page.keyboard.press("Escape")
    expect(create).to_be_focused()

    # What is typed is ranked as the page without scripts ranks it; names stay text.
    page.keyboard.press("Control+k")
    for wanted in ("team", "add", "key", "dr", "img"):
        field.fill(wanted)
        expect(page.locator(".palette [role=status]")).to_contain_text("find")
        told = page.request.get(f"{here.url}/dashboard/search?q={wanted}").text()
        places = [told.find(f">{label}<".replace("<img", "&lt;img").replace("(1)>", "(1)&gt;")) for label in options(page)]
        assert -1 not in places, (wanted, options(page))
        assert places == sorted(places), wanted
    assert options(page) == [HOSTILE]
    assert violations(page) == []

    # Home, End and the arrows, round both ends; the list says which line is meant.
    field.fill("add")
    count = len(options(page))
    for key, place in (("End", count - 1), ("ArrowDown", 0), ("ArrowUp", count - 1), ("Home", 0), ("ArrowDown", 1)):
        page.keyboard.press(key)
        expect(field).to_have_attribute("aria-activedescendant", f"palette-{place}")
    page.keyboard.press("Escape")

    # A combo, a provider, something to do: each by its name and Enter.
    for wanted, heading in (("every", "everyday"), ("team", "team"), ("add openai", "Add OpenAI Compatible")):
        press(page, "Control+k")
        page.keyboard.type(wanted)
        expect(page.locator(".palette [role=option]").first).to_contain_text(heading)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)

    # The last ones come first; what nothing fits leads to the page; the colours change on the spot; the button opens it too.
    ready(page)
    page.get_by_role("button", name="Find anything").click()
    expect(page.locator(".palette [role=option]").first).to_contain_text("Add OpenAI Compatible")
    assert options(page)[:3] == ["Add OpenAI Compatible", "team", "everyday"]
    page.keyboard.type("dark col")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.keyboard.press("Control+k")
    page.keyboard.type("none-such")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing is called “none-such”")).to_be_visible()
    ready(page)
    page.evaluate(AT_ONCE)
    expect(page.get_by_role("heading", level=1)).to_have_text("everyday")
    press(page, "Control+k")
    page.keyboard.type("sign out")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Password")).to_be_visible()


def test_shortcuts_of_plain_keys_lead_on_and_leave_typing_alone(here: Gateway, page: Page) -> None:
    sign_in(page, here)
    press(page, "g", "c")
    expect(page).to_have_url(here.url + "/dashboard/combos")
    ready(page)
    page.get_by_role("switch", name="everyday is on").focus()
    page.keyboard.press("?")
    shown = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(shown).to_contain_text("Find anything")
    assert violations(page) == []
    press(page, "g", "k")  # not from within a dialog
    shown.get_by_label("Shortcuts of plain keys").uncheck()
    page.keyboard.press("Escape")
    expect(page.get_by_role("switch", name="everyday is on")).to_be_focused()
    press(page, "?", "g", "k", "Control+k")  # the last is the first that answers
    page.keyboard.type("shortcuts")
    page.keyboard.press("Enter")
    expect(page).to_have_url(here.url + "/dashboard/combos")
    shown.get_by_label("Shortcuts of plain keys").check()
    shown.get_by_role("button", name="Close").click()

    press(page, "g", "k")
    expect(page).to_have_url(here.url + "/dashboard/keys")
    page.get_by_role("link", name="Create key").first.click()
    page.get_by_label("Name", exact=True).press_sequentially("/?gk")
    expect(page.get_by_label("Name", exact=True)).to_have_value("/?gk")

    # A page without a search of its own opens the palette for "/".
    page.get_by_role("heading", level=1).click()
    press(page, "/")
    expect(page.get_by_role("combobox", name="what you want to do")).to_be_focused()


def test_the_focus_outlives_what_is_swapped(here: Gateway, page: Page, watch: Watch) -> None:
    (node,) = (each["id"] for each in here.api("GET", "/api/provider-nodes")["nodes"])
    sign_in(page, here, f"/dashboard/providers/{node}")

    # The button itself, though it was off meanwhile; the one of the same id, whatever its row's number; else the list.
    page.get_by_role("button", name="Test second", exact=True).press("Enter")
    expect(page.locator(f"#connection-{connection(here, 'second')} .note-bad")).to_be_visible()
    expect(page.get_by_role("button", name="Test second", exact=True)).to_be_focused()
    page.get_by_role("button", name="Hide two").press("Enter")
    expect(page.get_by_role("button", name="Show two")).to_be_focused()
    page.get_by_role("button", name="Delete three").press("Enter")
    expect(page.get_by_role("button", name="Delete three")).to_have_count(0)
    expect(page.get_by_role("region", name="List of models")).to_be_focused()

    # A question in the dialog, answered with no: back to the link that asked.
    page.get_by_role("link", name="Delete second").press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Delete second")).to_be_focused()

    # Nothing comes back: the button has the focus again, and the message stays until Escape takes it away, the last one first.
    failed = page.locator("#toasts .note-bad")
    watch.allow(503)
    page.route("**/test", lambda route: route.fulfill(status=503, body=""))
    page.get_by_role("button", name="Test first", exact=True).press("Enter")
    expect(failed).to_contain_text("503")
    expect(page.get_by_role("button", name="Test first", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(failed).to_have_count(0)


def connection(here: Gateway, name: str) -> str:
    (found,) = (each["id"] for each in here.api("GET", "/api/providers")["connections"] if each["name"] == name)
    return str(found)


def test_without_scripts_finds_are_a_page_on_a_phone_too(here: Gateway, chromium: Browser, watch: Watch) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 1440, "height": 900})
    watch.over(context)
    page = context.new_page()
    sign_in(page, here)
    page.get_by_label("Find by name").fill("every")
    page.get_by_role("button", name="Find anything").click()
    page.get_by_role("main").get_by_role("link", name="everyday").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("everyday")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Find anything").click()
    page.get_by_role("main").get_by_label("Find by name").fill("create key")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_role("main").get_by_role("link", name="Create key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Create key")
    page.get_by_role("navigation", name="You are here").get_by_role("link", name="Keys").click()
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    here.api("PUT", "/api/settings", {"theme": "dark"})
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    here.api("PUT", "/api/settings", {"theme": "auto"})
    context.close()
    assert not watch.found, "\n".join(watch.found)
