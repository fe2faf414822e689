"""Add Provider: the catalogue with its search, and the ways to add a node."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import Desk

WAYS = ["Add OpenAI Compatible", "Add Anthropic Compatible", "Add Claude Code Compatible"]


def test_the_walk_to_agentrouter(admin: Browser) -> None:
    page = admin.open("/").follow("Providers").follow("Add Provider").follow("AgentRouter")
    assert page.path == "/dashboard/providers/add/agentrouter"
    assert page.control("API key").attrs["placeholder"] == "sk-..."
    assert "Save" in page.buttons()


def test_all_native_providers_are_there(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/providers/add")
    assert {provider.name for provider in desk.services.catalog.all()} <= set(page.links())


@pytest.mark.parametrize("word", ["agentrouter", "AGENT", "deepseek-v3.2", "glm"])
def test_the_search_finds_names_and_models(admin: Browser, word: str) -> None:
    assert "AgentRouter" in admin.open(f"/dashboard/providers/add?q={word}").links()


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("kimi-k3", {"Moonshot AI (Kimi)", "Together AI", "Fireworks AI", "Hugging Face", "Perplexity"}),
        ("grok-4.7", {"xAI", "Perplexity", "OpenRouter"}),
        ("azure", {"Azure OpenAI"}),
        ("bedrock", {"Amazon Bedrock"}),
        ("llama-server", {"llama.cpp"}),
    ],
)
def test_the_new_ones_are_found_by_name_and_model(admin: Browser, word: str, names: set[str]) -> None:
    assert names <= set(admin.open(f"/dashboard/providers/add?q={word}").links())


def test_a_provider_that_needs_an_address_asks_for_it(admin: Browser) -> None:
    page = admin.open("/dashboard/providers/add").follow("Google Vertex AI")
    assert page.control("Project").attrs["placeholder"] == "my-project"
    assert page.control("Location").attrs["placeholder"] == "global"
    assert page.control("Access token").attrs["placeholder"] == "ya29...."
    assert "gcloud auth print-access-token" in page.text


def test_a_search_without_result_says_what_to_do(admin: Browser) -> None:
    page = admin.open("/dashboard/providers/add?q=%3Cb%3Enothing")
    assert "Nothing fits “<b>nothing”" in page.text
    assert "AgentRouter" not in page.links()


def test_htmx_gets_only_the_list(admin: Browser) -> None:
    page = admin.open("/dashboard/providers/add?q=agent", **{"HX-Request": "true"})
    assert "<html" not in page.html
    assert "AgentRouter" in page.links()


def test_all_ways_with_the_flag(admin: Browser) -> None:
    links = admin.open("/dashboard/providers/add").links()
    assert [way for way in WAYS if way in links] == WAYS


def test_no_claude_code_compatible_without_the_flag(open_desk: Callable[..., Desk]) -> None:
    admin = open_desk(enable_cc_compatible_provider=False).admin()
    page = admin.open("/dashboard/providers/add")
    assert [way for way in WAYS if way in page.links()] == WAYS[:2]
    refused = admin.open("/dashboard/nodes/add/claude-code-compatible")
    assert refused.status == 403
    assert "ENABLE_CC_COMPATIBLE_PROVIDER" in refused.text
