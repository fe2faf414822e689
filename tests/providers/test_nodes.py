import pytest

from omniroute.providers.catalog import Catalog, load
from omniroute.providers.nodes import Node, as_provider, default_chat_path, is_cc, new_node_id
from omniroute.providers.urls import chat_url, count_tokens_url, models_url

CATALOG = load()
UUID = "cc0ffee0-1111-4222-8333-444455556666"  # begins with "cc", on purpose


def node(type: str, compat_mode: str | None = None, api_type: str | None = None, **given: object) -> Node:
    made: dict[str, object] = {"name": "Relay", "prefix": "relay", "base_url": "https://relay.example", **given}
    return Node(id=new_node_id(type, compat_mode, api_type, UUID), type=type, compat_mode=compat_mode, api_type=api_type, **made)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("type", "compat_mode", "api_type", "beginning", "cc"),
    [
        ("openai-compatible", None, "chat", "openai-compatible-chat-", False),
        ("openai-compatible", None, None, "openai-compatible-chat-", False),
        ("openai-compatible", None, "responses", "openai-compatible-responses-", False),
        ("anthropic-compatible", None, None, "anthropic-compatible-", False),
        ("anthropic-compatible", "cc", None, "anthropic-compatible-cc-", True),
    ],
)
def test_ids(type: str, compat_mode: str | None, api_type: str | None, beginning: str, cc: bool) -> None:
    made = new_node_id(type, compat_mode, api_type, UUID)
    assert made == beginning + UUID
    assert is_cc(made) is cc


def test_the_trailing_dash_decides() -> None:
    assert not is_cc(f"anthropic-compatible-{UUID}")
    assert not is_cc("anthropic-compatible-cc")
    assert is_cc("anthropic-compatible-cc-x")
    assert not is_cc("openai-compatible-chat-cc-x")


@pytest.mark.parametrize(
    ("type", "compat_mode", "api_type"),
    [
        ("gemini-compatible", None, None),
        ("openai-compatible", "cc", "chat"),
        ("openai-compatible", None, "soap"),
        ("anthropic-compatible", None, "chat"),
        ("anthropic-compatible", "kilo", None),
    ],
)
def test_unknown_kinds(type: str, compat_mode: str | None, api_type: str | None) -> None:
    with pytest.raises(ValueError, match="no such kind of node"):
        new_node_id(type, compat_mode, api_type, UUID)


@pytest.mark.parametrize(
    ("one", "format", "auth", "wire", "chat", "count"),
    [
        (node("openai-compatible", None, "chat"), "openai_chat", "bearer", None, "/v1/chat/completions", None),
        (node("openai-compatible", None, "responses"), "openai_responses", "bearer", None, "/v1/responses", None),
        (node("anthropic-compatible"), "anthropic_messages", "x-api-key", None, "/v1/messages", "/v1/messages/count_tokens"),
        (
            node("anthropic-compatible", "cc"),
            "anthropic_messages",
            "bearer",
            "claude_code",
            "/v1/messages?beta=true",
            "/v1/messages/count_tokens?beta=true",
        ),
    ],
)
def test_as_provider(one: Node, format: str, auth: str, wire: str | None, chat: str, count: str | None) -> None:
    provider = as_provider(one, CATALOG)
    assert (provider.id, provider.name, provider.prefix, provider.kind) == (one.id, "Relay", "relay", "node")
    assert (provider.format, provider.auth, provider.wire) == (format, auth, wire)
    assert chat_url(provider, "m") == f"https://relay.example{chat}"
    assert models_url(provider) == "https://relay.example/v1/models"
    assert count_tokens_url(provider, "m") == (f"https://relay.example{count}" if count else None)
    assert provider.chat_path == default_chat_path(one.type, one.compat_mode, one.api_type) == chat
    assert provider.failures == CATALOG.failure_sets["new_api"]
    assert provider.families == CATALOG.family_sets["claude"] + CATALOG.family_sets["gpt"]
    assert provider.cc is (wire is not None)
    assert provider.key_required is provider.cc
    assert provider.key_field is not None
    assert provider.key_field.secret
    assert ("terms admit your client" in provider.notes) is provider.cc
    assert provider.models == ()


def test_what_was_entered_is_used() -> None:
    given = {"chat_path": "/relay?x=1", "models_path": "/list", "custom_headers": (("X-A", "1"), ("x-app", None))}
    provider = as_provider(node("anthropic-compatible", "cc", **given), CATALOG)
    assert provider.chat_path == "/relay?x=1"
    assert provider.models_path == "/list"
    assert provider.custom_headers == (("X-A", "1"), ("x-app", None))


def test_a_plain_node_needs_no_failure_rows_and_no_families() -> None:
    bare = Catalog(CATALOG.providers, CATALOG.wires)
    plain = as_provider(node("openai-compatible"), bare)
    assert (plain.failures, plain.families) == ((), ())
