from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.providers.catalog import Provider
from omniroute.providers.urls import (
    CC_CHAT_PATH,
    CHAT_PATHS,
    MODELS_PATH,
    base_url_problem,
    chat_url,
    count_tokens_url,
    endpoint_url,
    models_url,
    path_problem,
)
from omniroute.providers.values import ENDPOINTS

CHAT = CHAT_PATHS["openai_chat"]
RESPONSES = CHAT_PATHS["openai_responses"]
MESSAGES = CHAT_PATHS["anthropic_messages"]


def at(base_url: str, chat_path: str, models_path: str = MODELS_PATH, *, format: str = "openai_chat") -> Provider:
    return Provider("n", "N", "node", format, base_url, chat_path, models_path)


@pytest.mark.parametrize(
    "base",
    [
        "https://host",
        "https://host/",
        "https://host/v1",
        "https://host/v1/",
        "https://host//v1//",
        "https://host/v1/messages",
        "https://host/v1/messages/",
        "https://host/v1/messages?beta=true",
        "https://host/v1/messages/?beta=true",
        "https://host/v1/messages/count_tokens?beta=true",
        "https://host/v1/chat/completions",
    ],
)
def test_however_a_relay_is_given(base: str) -> None:
    node = at(base, CC_CHAT_PATH, format="anthropic_messages")
    assert chat_url(node, "m") == "https://host/v1/messages?beta=true"
    assert models_url(node) == "https://host/v1/models"
    assert count_tokens_url(node, "m") == "https://host/v1/messages/count_tokens?beta=true"


@pytest.mark.parametrize(
    ("base", "path", "chat", "models"),
    [
        ("https://host", CHAT, "https://host/v1/chat/completions", "https://host/v1/models"),
        ("https://host/v1", CHAT, "https://host/v1/chat/completions", "https://host/v1/models"),
        ("https://host/v1/chat/completions", CHAT, "https://host/v1/chat/completions", "https://host/v1/models"),
        ("https://host/v1", RESPONSES, "https://host/v1/responses", "https://host/v1/models"),
        ("https://host/v1/responses", RESPONSES, "https://host/v1/responses", "https://host/v1/models"),
        ("https://host/v1/chat/completions", RESPONSES, "https://host/v1/responses", "https://host/v1/models"),
        ("https://host", MESSAGES, "https://host/v1/messages", "https://host/v1/models"),
        (
            "https://host/api/anthropic",
            MESSAGES,
            "https://host/api/anthropic/v1/messages",
            "https://host/api/anthropic/v1/models",
        ),
        ("https://host:8443/v1/", CHAT, "https://host:8443/v1/chat/completions", "https://host:8443/v1/models"),
        ("http://[::1]:11434", CHAT, "http://[::1]:11434/v1/chat/completions", "http://[::1]:11434/v1/models"),
        # a sub-path, with and without a version of its own
        (
            "https://openrouter.ai/api/v1",
            CHAT,
            "https://openrouter.ai/api/v1/chat/completions",
            "https://openrouter.ai/api/v1/models",
        ),
        (
            "https://openrouter.ai/api",
            CHAT,
            "https://openrouter.ai/api/v1/chat/completions",
            "https://openrouter.ai/api/v1/models",
        ),
        ("https://host/api/paas/v4", CHAT, "https://host/api/paas/v4/chat/completions", "https://host/api/paas/v4/models"),
        ("https://host/api/paas/v4/", "/v1/extra", "https://host/api/paas/v4/v1/extra", "https://host/api/paas/v4/models"),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai",
            CHAT,
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
            "https://generativelanguage.googleapis.com/v1beta/openai/models",
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai/",
            "/chat/completions",
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
            "https://generativelanguage.googleapis.com/v1beta/openai/models",
        ),
        ("https://host/openai", CHAT, "https://host/openai/v1/chat/completions", "https://host/openai/v1/models"),
        # paths of somebody's own
        (
            "https://host/v1",
            "/v1/chat/completions?tenant=a",
            "https://host/v1/chat/completions?tenant=a",
            "https://host/v1/models",
        ),
        ("https://host/relay", "/relay/claude?x=1", "https://host/relay/claude?x=1", "https://host/relay/v1/models"),
        ("https://host/relay/claude", "/relay/claude", "https://host/relay/claude", "https://host/v1/models"),
        ("https://host", "v1/messages", "https://host/v1/messages", "https://host/v1/models"),
        ("https://host/whole/thing", "/", "https://host/whole/thing", "https://host/whole/thing/v1/models"),
        # a base with a query: its own stays, a parameter is sent once, an endpoint's goes with the endpoint
        (
            "https://host/openai/deployments/d?api-version=2024-10-21",
            "/chat/completions",
            "https://host/openai/deployments/d/chat/completions?api-version=2024-10-21",
            "https://host/openai/deployments/d/v1/models?api-version=2024-10-21",
        ),
        ("https://host?a=1&b=2", "/v1/messages?b=3", "https://host/v1/messages?a=1&b=3", "https://host/v1/models?a=1&b=2"),
        ("https://host/v1/messages?beta=true", MESSAGES, "https://host/v1/messages?beta=true", "https://host/v1/models"),
        (
            "https://x.azure.com/models",
            "/chat/completions",
            "https://x.azure.com/models/chat/completions",
            "https://x.azure.com/models/v1/models",
        ),
    ],
)
def test_joining(base: str, path: str, chat: str, models: str) -> None:
    assert chat_url(at(base, path), "m") == chat
    assert models_url(at(base, path)) == models


def test_models_path_of_its_own() -> None:
    assert models_url(at("https://host/v1/chat/completions", CHAT, "/v2/list?all=1")) == "https://host/v1/v2/list?all=1"
    assert models_url(at("https://host", CHAT, "/models")) == "https://host/models"


@pytest.mark.parametrize(
    ("base", "path", "given", "expected"),
    [
        ("https://host", MESSAGES, None, "https://host/v1/messages/count_tokens"),
        ("https://host/v1", CC_CHAT_PATH, None, "https://host/v1/messages/count_tokens?beta=true"),
        ("https://host", "/relay?x=1", None, "https://host/relay/count_tokens?x=1"),
        ("https://host", MESSAGES, "/v1/count?y=1", "https://host/v1/count?y=1"),
        ("https://host/v1/messages", MESSAGES, "/v1/count", "https://host/v1/count"),
    ],
)
def test_counting_tokens(base: str, path: str, given: str | None, expected: str) -> None:
    node = Provider("n", "N", "node", "anthropic_messages", base, path, MODELS_PATH, given)
    assert count_tokens_url(node, "m") == expected


def test_other_formats_count_no_tokens() -> None:
    assert count_tokens_url(at("https://host", CHAT), "m") is None


@pytest.mark.parametrize(
    "url",
    [
        "https://host",
        "http://127.0.0.1:8080/v1",
        "https://host/a/b?x=1",
        "HTTPS://Host",
        "http://[::1]:1234/",
        "http://ollama:11434",
    ],
)
def test_usable_base_urls(url: str) -> None:
    assert base_url_problem(url) is None


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "is needed"),
        ("   ", "is needed"),
        ("host", "must begin with https://"),
        ("host:8080/v1", "must begin with https://"),
        ("ftp://host", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("javascript:alert(1)", "must begin with https://"),
        ("//host/v1", "must begin with https://"),
        ("https://", "host name is missing"),
        ("https:///v1", "host name is missing"),
        ("https://user:secret@host", "User name and password"),
        ("https://user@host", "User name and password"),
        ("https://host/#frag", "after '#'"),
        ("https://host#", "after '#'"),
        ("https://host/a b", "spaces"),
        ("https://host\r\nX: y", "control characters"),
        ("https://host/\x00", "control characters"),
        ("https://host/\x7f", "control characters"),
        ("https://ho\\st", "backslash"),
        ("https://höst", "ASCII"),
        ("https://host/../admin", "'..'"),
        ("https://host:port", "host or port"),
        ("https://host:99999", "host or port"),
        ("https://[::1", "host or port"),
    ],
)
def test_unusable_base_urls(url: str, says: str) -> None:
    problem = base_url_problem(url)
    assert problem is not None
    assert says in problem
    assert "secret" not in problem


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages?beta=true", "/", "/a/b/"])
def test_usable_paths(path: str) -> None:
    assert path_problem(path) is None


@pytest.mark.parametrize(
    "path", ["", "v1", "//evil.example/v1", "https://evil.example", "/a#b", "/a/../b", "/a b", "/a\nb", "/a\\b", "/ä"]
)
def test_unusable_paths(path: str) -> None:
    assert path_problem(path)


SEGMENTS = st.lists(st.sampled_from(["v1", "v4", "api", "openai", "messages", "chat", "completions", "x"]), max_size=4)


@given(SEGMENTS, SEGMENTS.filter(bool), st.booleans())
def test_joining_stays_on_the_host_and_ends_in_the_path(base: list[str], path: list[str], slash: bool) -> None:
    url = chat_url(at(f"https://host/{'/'.join(base)}{'/' if slash else ''}", "/" + "/".join(path)), "m")
    assert url.startswith("https://host/")
    assert "//" not in url.removeprefix("https://")
    assert url.endswith("/".join(path[1:]))


@given(st.text())
def test_a_base_url_is_judged_without_an_exception(text: str) -> None:
    assert base_url_problem(text) is None or base_url_problem(text)
    assert path_problem(text) is None or path_problem(text)


@pytest.mark.parametrize(
    ("base", "path", "format", "embeddings"),
    [
        ("https://host", CHAT, "openai_chat", "https://host/v1/embeddings"),
        ("https://host/v1/", CHAT, "openai_chat", "https://host/v1/embeddings"),
        ("https://host/v1/chat/completions", CHAT, "openai_chat", "https://host/v1/embeddings"),
        ("https://host/api/paas/v4", CHAT, "openai_chat", "https://host/api/paas/v4/embeddings"),
        ("https://host", "/api/v4/chat/completions?v=1", "openai_chat", "https://host/api/v4/embeddings?v=1"),
        ("https://host/v1", RESPONSES, "openai_responses", "https://host/v1/embeddings"),
        ("https://host", "/talk", "openai_chat", "https://host/v1/embeddings"),
        ("https://host/v1", MESSAGES, "anthropic_messages", None),
        ("https://host/v1beta", "/models", "gemini", None),
    ],
)
def test_other_endpoints_stand_beside_the_main_one(base: str, path: str, format: str, embeddings: str | None) -> None:
    provider = at(base, path, format=format)
    assert endpoint_url(provider, "embeddings") == embeddings
    assert endpoint_url(provider, "completions") is None, "legacy completions are taken for granted nowhere"


def test_data_decides_which_endpoints_there_are() -> None:
    said = replace(at("https://host/v1", "/chat/completions"), endpoints=(("completions", "/beta/completions"),))
    assert endpoint_url(said, "completions") == "https://host/v1/beta/completions"
    assert endpoint_url(said, "embeddings") is None
    assert all(endpoint_url(replace(said, endpoints=()), name) is None for name in ENDPOINTS)


GEMINI = replace(at("https://host", "/v1beta/models/{model}:generateContent"), format="gemini")


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("gemini-3.8-flash", "gemini-3.8-flash"),
        ("models/gemini-3.8-flash", "gemini-3.8-flash"),
        ("publishers/google/x", "publishers/google/x"),
        ("a b?c#d", "a%20b%3Fc%23d"),
    ],
)
def test_geminis_address_names_the_model_and_whether_it_streams(model: str, named: str) -> None:
    assert chat_url(GEMINI, model) == f"https://host/v1beta/models/{named}:generateContent"
    assert chat_url(GEMINI, model, stream=True) == f"https://host/v1beta/models/{named}:streamGenerateContent?alt=sse"
    assert count_tokens_url(GEMINI, model) == f"https://host/v1beta/models/{named}:countTokens"
