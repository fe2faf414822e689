"""One prefix, one owner: the native AgentRouter and a node that the guide has one call `agentrouter`, in either order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Watch
from tests.browser.seed import KEY, fill_in, sign_in, to_add_provider
from tests.gateway import Gateway
from tests.upstream.raw import post
from tests.upstream.relay import Relay
from tests.upstream.script import TEXT

NAME = "agentrouter/claude-opus-4-6"


@pytest.fixture
def here(gateway: Callable[..., Gateway], relay: Relay) -> Gateway:
    return gateway(ENABLE_CC_COMPATIBLE_PROVIDER="true", PROVIDER_BASE_URLS=f"agentrouter={relay.url}")


def test_a_node_beside_the_native_provider(here: Gateway, page: Page, relay: Relay, watch: Watch) -> None:
    watch.allow(409)
    here.add_connection("agentrouter", KEY, "the native one")
    sign_in(page, here)
    add_node(page, relay)
    expect(page.get_by_role("main")).to_contain_text(
        "The prefix 'agentrouter' belongs to the built-in provider AgentRouter, which has 1 connection. "
        "Choose another prefix, or first delete it (Providers -> AgentRouter)."
    )
    kept(page, relay)
    assert here.api("GET", "/api/provider-nodes")["nodes"] == []
    answered_by(here, "agentrouter")
    # The way out, as the message has it: Providers -> AgentRouter, delete the connection, and add the node again.
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Providers").click()
    page.get_by_role("main").get_by_role("link", name="AgentRouter", exact=True).click()
    page.get_by_role("link", name="Delete the native one").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete connection").click()
    expect(page.get_by_text("Connection the native one deleted.")).to_be_visible()
    add_node(page, relay)
    add_connection(page)
    answered_by(here, only_node(here)["id"])


def test_a_node_with_another_prefix_is_the_other_way_out(here: Gateway, page: Page, relay: Relay, watch: Watch) -> None:
    watch.allow(409)
    here.add_connection("agentrouter", KEY)
    sign_in(page, here)
    add_node(page, relay)
    fill_in(page, Prefix="mine")
    page.get_by_role("button", name="Add", exact=True).click()
    add_connection(page)
    answered_by(here, "agentrouter")
    answered_by(here, only_node(here)["id"], "mine/claude-opus-4-6")


def test_the_native_provider_beside_a_node(here: Gateway, page: Page, relay: Relay, watch: Watch) -> None:
    watch.allow(409)
    sign_in(page, here)
    add_node(page, relay)
    add_connection(page)
    node = only_node(here)
    connect_native(page)
    expect(page.get_by_role("main")).to_contain_text(
        "The prefix 'agentrouter' belongs to the node 'AgentRouter', so AgentRouter can't be connected beside it."
    )
    expect(page.get_by_role("main")).to_contain_text("give the node another prefix or delete it (Providers -> AgentRouter)")
    assert here.api("GET", "/api/providers?provider=agentrouter")["connections"] == []
    answered_by(here, node["id"])
    # The way out: another prefix for the node.
    page.goto(f"{here.url}/dashboard/providers/{node['id']}")
    page.get_by_role("link", name="Edit", exact=True).click()
    fill_in(page, Prefix="mine")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("AgentRouter saved.")).to_be_visible()
    connect_native(page)
    expect(page.get_by_text("Active", exact=True).first).to_be_visible()
    answered_by(here, "agentrouter")
    answered_by(here, node["id"], "mine/claude-opus-4-6")
    answered_by(here, node["id"], f"{node['id']}/claude-opus-4-6")


def test_a_disabled_connection_still_owns_the_prefix(here: Gateway, page: Page, relay: Relay, watch: Watch) -> None:
    watch.allow(409)
    here.add_connection("agentrouter", KEY, isActive=False)
    sign_in(page, here)
    add_node(page, relay)
    expect(page.get_by_role("main")).to_contain_text("belongs to the built-in provider AgentRouter")


def add_node(page: Page, relay: Relay) -> None:
    to_add_provider(page)
    page.get_by_role("link", name="Add Claude Code Compatible").click()
    fill_in(page, Name="AgentRouter", Prefix="agentrouter", Base_URL=relay.url)
    page.get_by_role("button", name="Add", exact=True).click()


def add_connection(page: Page) -> None:
    fill_in(page, API_key=KEY)
    page.get_by_role("button", name="Add Connection").click()
    expect(page.get_by_text("Active", exact=True).first).to_be_visible()


def connect_native(page: Page) -> None:
    to_add_provider(page)
    page.get_by_role("region", name="Providers").get_by_role("link", name="AgentRouter", exact=True).click()
    fill_in(page, API_key=KEY)
    page.get_by_role("button", name="Save").click()


def kept(page: Page, relay: Relay) -> None:
    """What was typed is still there."""
    for label, value in {"Name": "AgentRouter", "Prefix": "agentrouter", "Base URL": relay.url}.items():
        expect(page.get_by_label(label, exact=True)).to_have_value(value)


def only_node(here: Gateway) -> dict[str, Any]:
    (node,) = here.api("GET", "/api/provider-nodes")["nodes"]
    return dict(node)


def answered_by(here: Gateway, provider_id: str, name: str = NAME) -> None:
    """Who answers to the name: a request, its log row, the dry run and the list agree."""
    answer = post(here.url, "/v1/chat/completions", model=name)
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == TEXT
    row = here.log_rows(1, requestId=answer.headers["x-request-id"])[0]
    assert row["providerId"] == provider_id
    told = here.api("GET", f"/api/resolve?model={name}")
    assert {attempt["canonical"] for attempt in told["attempts"]} == {f"{provider_id}/claude-opus-4-6"}
