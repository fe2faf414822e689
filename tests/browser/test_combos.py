"""Combos in a real browser: built with the keyboard, tested live, watched while they fall back, reset on the Health page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import Request

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.processes import direct
from tests.browser.chromium import Watch
from tests.browser.seed import sign_in
from tests.browser.test_dashboard import WIDTHS
from tests.gateway import Gateway
from tests.upstream.client import Upstream

STEPS = ("alpha/one", "beta/two", "gamma/three")


@pytest.fixture
def here(gateway: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """Three providers with a model each, all at the scripted upstream."""
    made = gateway()
    for number, step in enumerate(STEPS):
        name, _, model = step.partition("/")
        node = made.add_upstream(name, upstream.v1, api_key=f"sk-good-{number}")
        made.api("POST", "/api/provider-models", {"provider": node, "modelIds": [model]})
    return made


def ask(here: Gateway, key: str, model: str) -> int:
    """The status of a request."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        with direct.open(Request(f"{here.url}/v1/chat/completions", body, headers), timeout=30) as answer:
            return int(answer.status)
    except HTTPError as exc:
        with exc:
            return exc.code


def order(page: Page) -> list[str]:
    return [each.input_value() for each in page.locator("#step-rows [data-row-name]").all()]


def test_a_combo_from_the_first_key_to_its_reset(here: Gateway, page: Page, upstream: Upstream) -> None:
    key = here.make_key()
    sign_in(page, here, "/dashboard/combos")
    page.get_by_role("link", name="New combo").first.click()
    page.get_by_label("Name", exact=True).fill("always-on")

    # Steps come from the search, by press and by Enter.
    find = page.get_by_label("Add a step")
    find.fill("three")
    page.get_by_role("button", name="Add gamma/three").click()
    find.fill("two")
    find.press("Enter")  # before the list has followed: it counts all the same
    expect(page.locator("#step-rows [data-row-name]")).to_have_count(2)
    find.fill("alpha/one")
    find.press("Enter")
    assert order(page) == ["gamma/three", "beta/two", "alpha/one"]

    # The keyboard moves them, says so, and stays where it was.
    last = page.get_by_label("Model 3")
    last.press("Alt+ArrowUp")
    expect(page.get_by_role("status").filter(has_text="alpha/one is now step 2 of 3")).to_have_count(1)
    page.keyboard.press("Alt+ArrowUp")
    assert order(page) == ["alpha/one", "gamma/three", "beta/two"]
    expect(page.get_by_label("Model 1")).to_be_focused()
    page.get_by_role("button", name="Move step 3 up").press("Enter")
    assert order(page) == list(STEPS)
    expect(page.get_by_role("button", name="Move step 2 up")).to_be_focused()

    # The strategy explains itself, and weights are asked for when they count.
    expect(page.get_by_label("Weight 1")).to_be_hidden()
    page.get_by_label("Strategy").select_option("weighted")
    expect(page.locator("#strategy-hint")).to_contain_text("drawn by weight")
    for number, weight in enumerate(("100", "50", "0"), 1):
        page.get_by_label(f"Weight {number}").fill(weight)
    page.get_by_role("button", name="Create combo").click()
    expect(page.get_by_text("always-on saved.")).to_be_visible()
    saved = here.api("GET", "/api/combos")["combos"][0]
    assert [(step["model"], step["weight"]) for step in saved["steps"]] == [(STEPS[0], 100), (STEPS[1], 50), (STEPS[2], 0)]
    assert saved["strategy"] == "weighted"

    # Every step is asked; each line says what came of it.
    upstream.always("401", model="two")
    page.get_by_role("button", name="Test", exact=True).click()
    lines = page.locator(".verdict-line")
    expect(lines.filter(has_text="Answers")).to_have_count(2)
    expect(lines.nth(1)).to_contain_text("the API key is refused")
    expect(lines.nth(1)).to_contain_text("Make a new key")
    upstream.reset()
    page.get_by_role("button", name="Test", exact=True).click()
    expect(lines.filter(has_text="Answers")).to_have_count(3)

    # It falls back, and the page says so by itself.
    now = page.locator("section", has=page.get_by_role("heading", name="What would happen now"))
    expect(now.locator("ol.order > li")).to_have_count(3)
    upstream.queue({"name": "429", "headers": {"Retry-After": "600"}}, model="one")
    assert ask(here, key, "alpha/one") == 429
    assert ask(here, key, "always-on") == 200
    expect(now.locator("ul.order > li")).to_contain_text("alpha/one")
    expect(now.locator("ul.order > li")).to_contain_text(re.compile(r"free again\s+in [89] min \d+ s"))
    expect(now.locator("ol.order > li")).to_have_count(2)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Combos").click()
    expect(page.locator(".chain")).to_contain_text(re.compile(r"alpha/one\s+67 %cooling\s+for [89] min \d+ s"))

    # The Health page knows it, and forgets it.
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Health").click()
    row = page.get_by_role("row", name=re.compile("Cooling"))
    expect(row).to_contain_text("rate_limited")
    row.get_by_role("button", name="Reset").click()
    expect(page.get_by_text("Everything is fine")).to_be_visible()
    page.goto(f"{here.url}/dashboard/resolve?model=always-on")
    expect(page.locator("ol.order > li")).to_have_count(3)
    expect(page.get_by_text("Left out")).to_have_count(0)


def test_a_row_is_dragged_by_its_handle_and_connections_follow_the_model(here: Gateway, page: Page) -> None:
    made = here.api("POST", "/api/combos", {"name": "c", "steps": list(STEPS)})["combo"]
    sign_in(page, here, f"/dashboard/combos/{made['id']}")
    handle = page.locator("[data-drag]").first.bounding_box()
    below = page.locator("[data-row]").nth(2).bounding_box()
    assert handle is not None
    assert below is not None
    page.mouse.move(handle["x"] + 5, handle["y"] + 5)
    page.mouse.down()
    page.mouse.move(handle["x"] + 5, below["y"] + below["height"] - 5, steps=12)
    page.mouse.up()
    assert order(page) == ["beta/two", "gamma/three", "alpha/one"]
    through = page.get_by_label("Through connection, step 3")
    assert through.locator("option:not(:disabled):not(optgroup[disabled] option)").count() == 2
    page.get_by_label("Model 3").fill("combo/other")
    assert through.locator("option:not(:disabled):not(optgroup[disabled] option)").count() == 1
    page.get_by_label("Model 3").fill("alpha/one")
    page.get_by_role("button", name="Remove step 1").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("c saved.")).to_be_visible()
    assert [step["model"] for step in here.api("GET", f"/api/combos/{made['id']}")["combo"]["steps"]] == [
        "gamma/three",
        "alpha/one",
    ]


def test_a_list_that_renews_itself_keeps_the_focus_and_complains_once(here: Gateway, page: Page, watch: Watch) -> None:
    here.api("POST", "/api/combos", {"name": "c", "steps": list(STEPS)})
    here.api("POST", "/api/combos", {"name": "d", "steps": list(STEPS)})
    sign_in(page, here, "/dashboard/combos")
    page.get_by_role("button", name="Move d up").press("Enter")
    expect(page.locator("article h2").first).to_have_text("d")
    expect(page.get_by_role("button", name="Move d up")).to_be_focused()
    switch = page.get_by_role("switch", name="d is on")
    switch.press("Enter")
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(switch).to_be_focused()
    watch.allow(503)
    page.route("**/dashboard/combos/live", lambda route: route.fulfill(status=503, body=""))
    with page.expect_response("**/dashboard/combos/live"), page.expect_response("**/dashboard/combos/live"):
        pass
    with page.expect_response("**/dashboard/combos/live"):
        pass
    expect(page.locator("#toasts .note-bad")).to_have_count(1)
    expect(switch).to_be_focused()


def test_no_page_of_combos_is_wider_than_its_window(here: Gateway, page: Page, watch: Watch) -> None:
    steps = [*STEPS, {"model": "alpha/" + "a-very-long-name-" * 8, "label": "x" * 60, "tags": ["y" * 40]}]
    made = here.api("POST", "/api/combos", {"name": "n" * 90, "strategy": "weighted", "steps": steps, "tags": ["z" * 40]})[
        "combo"
    ]
    sign_in(page, here, "/dashboard/combos")
    for path in (
        "/dashboard/combos",
        "/dashboard/combos/new",
        "/dashboard/combos/import",
        f"/dashboard/combos/{made['id']}",
        "/dashboard/aliases",
        "/dashboard/health",
        f"/dashboard/resolve?model={made['name']}",
    ):
        page.goto(here.url + path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} at {width}"


def test_the_builder_works_without_scripts(here: Gateway, chromium: Browser, watch: Watch) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    watch.over(context)
    page = context.new_page()
    sign_in(page, here, "/dashboard/combos/new")
    page.get_by_label("Name", exact=True).fill("c")
    page.get_by_label("Add a step").fill("two")
    page.get_by_label("Add a step").press("Enter")
    page.get_by_role("button", name="Add beta/two").click()
    page.get_by_label("Add a step").fill("one")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Add alpha/one").click()
    page.get_by_role("button", name="Move step 2 up").click()
    page.get_by_role("button", name="Create combo").click()
    assert [step["model"] for step in here.api("GET", "/api/combos")["combos"][0]["steps"]] == ["alpha/one", "beta/two"]
    page.get_by_role("button", name="Test", exact=True).click()
    expect(page.locator(".verdict-line").filter(has_text="Answers")).to_have_count(2)
    context.close()
    assert not watch.found, "\n".join(watch.found)
