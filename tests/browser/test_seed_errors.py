"""The guide's troubleshooting list as somebody reads it on the dashboard: Check in the form, Test on the provider's page.

All of a relay's errors, with their verdicts, stand in tests/relay/test_probe.py; here is what the pages make of them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Watch
from tests.browser.seed import KEY, fill_in, sign_in, to_add_provider, verdict
from tests.gateway import Gateway
from tests.upstream.raw import post
from tests.upstream.relay import Relay

TOKEN = '{"error":{"message":"无效的令牌","type":"new_api_error"}}'
CLIENT = '{"error":{"message":"unauthorized client detected, contact support for assistance"}}'
BLOCKED = '{"error":{"code":"content-blocked","type":"agent_router_api_error"}}'


@pytest.fixture
def here(gateway: Callable[..., Gateway]) -> Gateway:
    return gateway(ENABLE_CC_COMPATIBLE_PROVIDER="true")


def test_check_tells_each_error_and_keeps_the_form(here: Gateway, page: Page, relay: Relay) -> None:
    sign_in(page, here, "/dashboard/nodes/add/claude-code-compatible")
    fill_in(page, Name="AgentRouter", Prefix="agentrouter", Base_URL=relay.url)
    page.get_by_label("Validate").fill(KEY)
    for script, told in {
        (403, CLIENT): ("Not valid", "did not accept this client", "What is sent upstream"),
        (401, TOKEN): ("Not valid", "The wire is right, but the API key is refused", "Make a new key", "无效的令牌"),
        (400, BLOCKED): ("Valid, with a warning", "moderation refused the probe's text", "Name a model that your plan covers"),
        (200, "waf-page"): ("Not valid", "Just a moment...", "did not reach the upstream's API", "ENABLE_CC_COMPATIBLE_PROVIDER"),
        (503, "unavailable"): ("Not valid", "Try again later"),
        (429, "limited"): ("Valid, with a warning", "limiting it now", "7 s"),
    }.items():
        status, raw = script
        relay.reset()
        relay.always({"status": status, "raw": raw} if raw.startswith("{") else raw, path="/messages")
        page.get_by_role("button", name="Check").click()
        for words in told:
            expect(verdict(page)).to_contain_text(words)
        expect(verdict(page)).to_contain_text(str(status))
        expect(page.get_by_label("Validate")).to_have_value(KEY)
        expect(page.get_by_label("Base URL")).to_have_value(relay.url)
    relay.reset()
    page.get_by_role("button", name="Check").click()
    expect(verdict(page)).to_contain_text("4 models found")


def test_a_connection_that_is_refused_says_why_until_it_is_mended(here: Gateway, page: Page, relay: Relay) -> None:
    node = here.add_node("AgentRouter", relay.url, "anthropic-compatible", compatMode="cc", prefix="agentrouter")
    sign_in(page, here, f"/dashboard/providers/{node}")
    relay.always({"status": 401, "raw": TOKEN}, path="/messages")
    fill_in(page, API_key=KEY)
    page.get_by_role("button", name="Add Connection").click()
    expect(page.get_by_role("alert")).to_contain_text(
        "is saved, but doesn't work yet. The wire is right, but the API key is refused"
    )
    connection = page.get_by_role("row").filter(has=page.get_by_role("button", name="Test AgentRouter"))
    expect(connection).to_contain_text("Error")
    page.reload()
    expect(page.get_by_role("main")).to_contain_text("Make a new key in the upstream's dashboard and update the connection.")
    relay.reset()
    page.get_by_role("button", name="Test AgentRouter").click()
    expect(connection).to_contain_text("Active")
    expect(verdict(page)).to_contain_text("Connected")
    # From here on the same type is about the model: "the key is valid, other model IDs return unauthorized_client_error".
    relay.plan("glm-5.1")
    page.get_by_role("button", name="Test AgentRouter").click()
    expect(verdict(page)).to_contain_text("Valid, with a warning")
    expect(verdict(page)).to_contain_text("this key's plan does not cover the model")
    expect(connection).to_contain_text("Active")


def test_a_generic_node_at_the_relay_is_told_the_right_type(here: Gateway, page: Page, relay: Relay) -> None:
    sign_in(page, here)
    to_add_provider(page)
    page.get_by_role("link", name="Add OpenAI Compatible").click()
    expect(page.get_by_label("API type")).to_have_value("chat")
    fill_in(page, Name="Generic", Prefix="generic", Base_URL=relay.url)
    page.get_by_label("Validate").fill(KEY)
    page.get_by_role("button", name="Check").click()
    not_the_key(page)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page).to_have_url(f"{here.url}/dashboard/providers/{here.api('GET', '/api/provider-nodes')['nodes'][0]['id']}")
    assert "/openai-compatible-chat-" in page.url
    answer = post(here.url, "/v1/chat/completions", model="generic/claude-opus-4-6")
    assert (answer.status, answer.json["omniroute"]["class"]) == (404, "no_connection")
    fill_in(page, API_key=KEY)
    page.get_by_role("button", name="Add Connection").click()
    connection = page.get_by_role("row").filter(has=page.get_by_role("button", name="Test Generic"))
    expect(connection).to_contain_text("Error")
    expect(page.get_by_role("main")).to_contain_text("The relay did not accept this client")
    page.get_by_role("button", name="Test Generic").click()
    not_the_key(page)


def test_a_refusal_in_place_is_told_in_words(here: Gateway, page: Page, relay: Relay, watch: Watch) -> None:
    watch.allow(404)
    node = here.add_node("AgentRouter", relay.url, "anthropic-compatible", compatMode="cc", prefix="agentrouter")
    connection_id = here.add_connection(node, KEY)
    sign_in(page, here, f"/dashboard/providers/{node}")
    here.api("DELETE", f"/api/providers/{connection_id}")  # in another window
    page.get_by_role("button", name="Test first").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no such connection.")


def not_the_key(page: Page) -> None:
    """The verdict is about the client, with the way out, and says nothing against the key."""
    for words in (
        "Not valid",
        "relay_client_rejected",
        "did not accept this client",
        "Claude Code compatible",
        "What is sent upstream",
    ):
        expect(verdict(page)).to_contain_text(words)
    told = verdict(page).inner_text().lower()
    assert "invalid api key" not in told and "key is refused" not in told and "unauthorized client detected" in told
