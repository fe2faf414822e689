"""The first five minutes: from the link on the console to an answer, and to lines that work as they were copied."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.processes import PYTHON, ROOT, Server, environment, free_port
from tests.browser.axe import violations
from tests.browser.chromium import PATIENCE, Watch
from tests.browser.seed import BAD_KEY, KEY, RUN, curl, sign_in
from tests.gateway import PASSWORD, Gateway
from tests.upstream.client import until
from tests.upstream.relay import Relay
from tests.upstream.script import TEXT


@pytest.fixture
def here(tmp_path: Path, relay: Relay) -> Iterator[Gateway]:
    """A gateway as `make run` starts it for the first time, on a port of its own; its AgentRouter is the scripted relay."""
    with started(tmp_path, PROVIDER_BASE_URLS=f"agentrouter={relay.url}") as gateway:
        yield gateway


@contextmanager
def started(folder: Path, **settings: str) -> Iterator[Gateway]:
    port = free_port()
    given = {"HOME": str(folder), "DATA_DIR": str(folder / "data"), "DRAIN_SECONDS": "1", "PORT": str(port), **settings}
    command = ["sh", "-c", RUN, PYTHON, str(ROOT / "gunicorn.conf.py")]
    server = Server("the gateway", command, folder / "console.log", f"http://localhost:{port}", given, cwd=folder)
    try:
        server.wait_until_up("/readyz")
        yield Gateway(server, folder)
    finally:
        server.stop()
    assert "Traceback" not in server.output(), server.tail(80)


def open_printed_link(page: Page, here: Gateway) -> None:
    page.goto(until(lambda: re.search(r"http://\S+/setup\?token=\S+", here.output()), 10, here.output)[0])
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    expect(page).to_have_url(f"{here.url}/dashboard/start")


def run_together(programs: list[str]) -> list[str]:
    """What each printed, run with the SDKs that are installed for the tests."""
    told = environment({"PYTHONWARNINGS": "ignore"})
    running = [subprocess.Popen([PYTHON, "-c", each], stdout=subprocess.PIPE, text=True, env=told) for each in programs]
    return [each.communicate(timeout=60)[0].strip() for each in running]


def test_from_the_printed_link_to_the_first_answer_and_the_clients_first_request(here: Gateway, page: Page, relay: Relay) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=here.url)
    page.emulate_media(reduced_motion="reduce")
    open_printed_link(page, here)
    # A provider: found by typing; a wrong key is told before it is saved, the right one is taken.
    page.get_by_role("searchbox").fill("agentr")
    expect(page.locator("#found article")).to_have_count(1)
    page.get_by_role("link", name="AgentRouter", exact=True).click()
    page.get_by_label("API key").fill(BAD_KEY)
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#verdict")).to_contain_text("Not valid")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Save and go on").click()
    # A key, and with it on the page everything else.
    expect(page.get_by_label("Name of the key")).to_have_value("My first key")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#new-key").inner_text()
    steps = page.get_by_role("navigation", name="Steps")
    expect(steps.get_by_role("link", name="Make a key")).to_contain_text("My first key")
    # A test message, streamed into the page: a failure says what to do, the next try is answered, and the lines follow its model.
    relay.queue("quota")
    page.get_by_role("button", name="Send").click()
    failure = page.get_by_role("alert")
    expect(failure).to_contain_text("It did not work.")
    expect(failure).to_contain_text("credit at this relay is used up")
    page.get_by_label("Model", exact=True).first.select_option("agentrouter/glm-5.1")
    page.get_by_label("Message", exact=True).fill("<img src=x onerror=alert(1)> hello")
    page.get_by_role("button", name="Send").click()
    expect(failure).to_be_hidden()
    expect(page.get_by_label("What the model says")).to_have_text(TEXT)
    expect(page.get_by_text("It works.")).to_be_visible()
    expect(page.locator("[data-fact=model]")).to_have_text("agentrouter/glm-5.1")
    expect(page.locator("#code-curl")).to_contain_text('"model": "agentrouter/glm-5.1"')
    expect(steps.get_by_role("img", name="Done")).to_have_count(3)
    assert violations(page) == []
    # The lines as they are copied really work, and the page hears of it.
    page.get_by_role("button", name="Copy for curl: Shell").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
    copied = page.evaluate("navigator.clipboard.readText()")
    assert key in copied
    answer = curl(copied)
    assert (answer.status, answer.said) == (200, TEXT), answer.text
    programs = [page.locator(f"#code-{client}-python").text_content() or "" for client in ("openai", "anthropic", "genai")]
    assert run_together(programs) == [TEXT] * 3
    expect(page.locator("#heard")).to_contain_text("A client of yours was answered by agentrouter/glm-5.1")
    expect(steps.get_by_role("img", name="Done")).to_have_count(4)
    # The log has all the requests; coming back says that all is done, and the key is nowhere any more.
    page.goto(f"{here.url}/dashboard/start")
    expect(page.get_by_role("heading", name="You are set up")).to_be_visible()
    rows = here.log_rows(6)
    assert {row["keyName"] for row in rows} == {"My first key"}
    assert [row["status"] == 200 for row in rows] == [True] * 5 + [False]
    assert key not in page.content()
    assert key not in here.output()


def test_the_same_path_without_scripts(gateway: Callable[..., Gateway], chromium: Browser, watch: Watch, relay: Relay) -> None:
    here = gateway(PROVIDER_BASE_URLS=f"agentrouter={relay.url}")
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    context.set_default_timeout(PATIENCE)
    watch.over(context)
    page = context.new_page()
    sign_in(page, here, "/dashboard/start")
    page.get_by_role("searchbox").fill("agentr")
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator("#found article")).to_have_count(1)
    page.get_by_role("link", name="AgentRouter", exact=True).click()
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#new-key").inner_text()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("What the model says")).to_have_text(TEXT)
    expect(page.locator("#new-key")).to_have_text(key)
    page.locator("#lines-model").select_option("agentrouter/glm-5.1")
    page.get_by_role("button", name="Show").click()
    lines = page.locator("#code-curl").inner_text()
    assert key in lines
    assert "agentrouter/glm-5.1" in lines
    answer = curl(lines)
    assert (answer.status, answer.said) == (200, TEXT), answer.text
    page.get_by_role("link", name="Look whether your client has come by").click()
    expect(page.locator("#heard")).to_contain_text("A client of yours was answered")
    context.close()
    assert not watch.found, "\n".join(watch.found)
