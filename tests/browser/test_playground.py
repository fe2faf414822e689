"""The Playground in a real browser: an image and a tool, streamed, stopped, asked again; and the same page without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.chromium import PATIENCE, Watch
from tests.browser.seed import sign_in
from tests.dashboard.test_pages import HOSTILE
from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e"
    "44ae426082"
)
ANSWERED = "The answer is there."


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("playground")) as here:
        here.add_upstream("chat", upstream_process.v1)
        here.add_upstream("messages", upstream_process.url, "anthropic-compatible")
        here.add_combo("both", "chat/one", "messages/two")
        yield here


@pytest.fixture
def here(playground: Gateway, upstream: Upstream) -> Gateway:
    playground.api("POST", "/api/resilience/reset", {})
    return playground


def test_an_image_a_tool_and_a_stop(here: Gateway, page: Page, watch: Watch, upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(PNG)
    (tmp_path / "notes.txt").write_text("no image")
    sign_in(page, here, "/dashboard/playground?model=both")
    said, status = page.locator("#turns > li"), page.locator("#live")

    # A refusal stands where one looks, and what was chosen is still there.
    watch.allow(422)
    page.get_by_text("Tools", exact=True).first.click()
    tools = page.get_by_label("Tools", exact=True)
    tools.fill("[{")
    page.get_by_text("Add images").click()
    page.get_by_label("PNG, JPEG, GIF or WebP").set_input_files([tmp_path / "dot.png", tmp_path / "notes.txt"])
    expect(said.get_by_text("notes.txt is no PNG")).to_be_visible()
    expect(page.locator(".play-image img")).to_have_count(1)
    expect(page.get_by_text("This is no JSON yet")).to_be_visible()
    page.get_by_label("You (message 1)").fill("What is this, and how is the weather there?")
    page.keyboard.press("Control+Enter")
    expect(tools).to_be_focused()
    expect(page.locator(".play-image img")).to_have_count(1)
    tools.fill("")
    page.get_by_role("button", name="Insert an example").click()

    # The first target fails, the second thinks and calls the tool. All of it is text.
    upstream.queue("500", model="one")
    upstream.queue({"name": "thinking-tool", "text": HOSTILE, "tool_input": {"city": HOSTILE}, "gap": 0.02}, model="two")
    page.get_by_role("button", name="Send", exact=True).last.click()
    expect(page.locator("[data-live]")).to_contain_text("through messages")
    expect(status).to_have_text(ANSWERED)
    expect(page.get_by_label("Model (message 2)")).to_have_value(HOSTILE)
    result = page.get_by_label("What get_weather gives back")
    expect(result).to_be_focused()
    asked = upstream.last().json["messages"][0]["content"]
    assert [block["type"] for block in asked] == ["image", "text"]
    assert page.locator("main img").count() == 1  # the one that was chosen

    # Figures, both attempts, and what went over the line, by tabs.
    expect(page.locator(".timeline-list > li")).to_have_count(2)
    expect(page.locator(".figures")).to_contain_text("unknown")
    page.get_by_role("tab", name="Gemini").click()
    expect(page.locator("#as-gemini-text")).to_contain_text("POST /v1beta/models/both:streamGenerateContent?alt=sse")
    page.get_by_role("tab", name="Attempt 2: messages/two").click()
    expect(page.locator("#line-2-2")).to_contain_text("event: message_start")
    page.emulate_media(reduced_motion="reduce", color_scheme="light")
    found = violations(page)
    page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    assert not found + violations(page, "color-contrast")

    # The tool's result goes back with what the model had signed.
    upstream.queue("tool", model="one")
    result.fill("21 degrees")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_label("Model (message 3)")).to_have_value("The tool said: 21 degrees")
    expect(page.get_by_label("You (message 4)")).to_be_focused()

    # Stopped: what came stays, and upstream nobody works on.
    upstream.queue({"name": "stall", "text": "It goes on and on and on", "pieces": 6}, model="one")
    page.keyboard.type("go on")
    page.get_by_role("button", name="Send", exact=True).last.click()
    expect(page.locator("[data-live-text]")).to_contain_text("It goes")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#result")).to_contain_text("Stopped. What came until then is counted.")
    assert page.get_by_label("Model (message 5)").input_value().startswith("It goes")
    upstream.closed(upstream.last().id, within=5)
    page.get_by_role("button", name="Delete message 5").click()
    expect(said).to_have_count(5)
    upstream.queue({"text": "Another answer."}, model="one")
    page.get_by_role("button", name="Ask again instead of message 3").click()
    expect(page.get_by_label("Model (message 3)")).to_have_value("Another answer.")
    expect(said).to_have_count(4)
    link = page.get_by_role("link", name="In the log")
    here.log_rows(1, requestId=(link.get_attribute("href") or "").rpartition("/")[2])  # it is written a moment later
    link.click()
    expect(page.get_by_role("heading", name="Attempts")).to_be_visible()


def test_without_scripts(here: Gateway, chromium: Browser, watch: Watch, upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(PNG)
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    watch.over(context)
    page = context.new_page()
    sign_in(page, here, "/dashboard/playground?model=messages/m")
    upstream.queue("image")
    page.get_by_label("You (message 1)").fill("What is this?")
    page.get_by_text("Add images").click()
    page.get_by_label("PNG, JPEG, GIF or WebP").set_input_files(tmp_path / "dot.png")
    page.get_by_role("button", name="Send", exact=True).last.click()
    expect(page.get_by_label("Model (message 2)")).to_have_value(f"I see image/png, {len(PNG)} bytes")
    expect(page.get_by_label("Image 1")).to_be_checked()
    page.get_by_label("You (message 3)").fill("Thank you.")
    page.get_by_role("button", name="Send", exact=True).last.click()
    expect(page.get_by_label("Model (message 4)")).to_have_value("Hello from the scripted upstream.")
    expect(page.locator("#line-received")).to_contain_text("POST /v1/chat/completions")
    page.get_by_role("button", name="Delete message 1").click()
    expect(page.locator("#turns > li")).to_have_count(4)
    context.close()
    assert not watch.found, watch.found
