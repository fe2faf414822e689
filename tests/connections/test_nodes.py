from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import Conflict, FeatureOff, Invalid, Missing
from tests.parts import ADMIN, Parts

RELAY = {
    "name": "My relay",
    "prefix": "Relay",
    "type": "anthropic-compatible",
    "compat_mode": "cc",
    "base_url": "https://relay.example.com",
}
PLAIN = {"name": "Local", "prefix": "local", "type": "openai-compatible", "base_url": "http://127.0.0.1:9000/v1"}


def test_a_claude_code_node(parts: Parts) -> None:
    node = parts.nodes.create(RELAY, ADMIN)
    assert node.id.startswith("anthropic-compatible-cc-") and len(node.id) == 24 + 36
    assert (node.name, node.prefix, node.compat_mode, node.api_type) == ("My relay", "relay", "cc", None)
    assert node.chat_path == "/v1/messages?beta=true"
    assert node.models_path is None and node.custom_headers == () and node.connections == 0 and node.usable
    assert parts.nodes.get(node.id) == node
    assert parts.nodes.list() == (node,)
    assert parts.store.current().prefixes["relay"] == node.id
    assert parts.store.current().providers[node.id].wire == "claude_code"


@pytest.mark.parametrize(
    ("given", "beginning"),
    [
        ({"type": "openai-compatible"}, "openai-compatible-chat-"),
        ({"type": "openai-compatible", "api_type": "chat"}, "openai-compatible-chat-"),
        ({"type": "openai-compatible", "api_type": "responses"}, "openai-compatible-responses-"),
        ({"type": "anthropic-compatible", "compat_mode": ""}, "anthropic-compatible-"),
        ({"type": "anthropic-compatible", "compat_mode": "cc"}, "anthropic-compatible-cc-"),
    ],
)
def test_ids_tell_the_kind(parts: Parts, given: dict[str, Any], beginning: str) -> None:
    node = parts.nodes.create({"name": "N", "prefix": "n", "base_url": "https://n.example", **given}, ADMIN)
    assert node.id.startswith(beginning) and len(node.id) == len(beginning) + 36


def test_the_flag(parts: Parts) -> None:
    left = parts.nodes.create(RELAY, ADMIN)
    off = parts.another(enable_cc_compatible_provider=False)
    for verb in (lambda: off.nodes.create(RELAY | {"prefix": "b"}, ADMIN), lambda: off.nodes.draft(RELAY)):
        with pytest.raises(FeatureOff, match="ENABLE_CC_COMPATIBLE_PROVIDER=true"):
            verb()
    with pytest.raises(FeatureOff, match="ENABLE_CC_COMPATIBLE_PROVIDER=true"):
        off.connections.create({"provider": left.id, "api_key": "sk-test-0001"}, ADMIN)
    assert off.nodes.get(left.id).usable is False
    assert left.id in off.store.current().providers  # so that a request to it gets a clear error
    assert off.nodes.create(PLAIN, ADMIN).usable is True
    off.database.close()


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"name": ""}, "name", "Name is needed"),
        ({"name": "x" * 101}, "name", "at most 100"),
        ({"name": "two\nlines"}, "name", "one line"),
        ({"name": 7}, "name", "must be text"),
        ({"prefix": None}, "prefix", "is needed"),
        ({"prefix": "a/b"}, "prefix", "letters a-z"),
        ({"prefix": "ümlaut"}, "prefix", "letters a-z"),
        ({"prefix": "a..b"}, "prefix", "letters a-z"),
        ({"prefix": "x" * 65}, "prefix", "at most 64"),
        ({"prefix": "Combo"}, "prefix", "gateway's own"),
        ({"prefix": "auto"}, "prefix", "gateway's own"),
        ({"prefix": "openai-compatible-x"}, "prefix", "like a node's id"),
        ({"type": "gemini-compatible"}, "type", "must be one of"),
        ({"compat_mode": "dd"}, "compat_mode", "cc or empty"),
        ({"api_type": "chat"}, "api_type", "OpenAI compatible nodes only"),
        ({"base_url": ""}, "base_url", "base URL is needed"),
        ({"base_url": "ftp://x"}, "base_url", "https://"),
        ({"base_url": "https://user:pass@x"}, "base_url", "save the key as a connection"),
        ({"chat_path": "messages"}, "chat_path", "begin with one slash"),
        ({"models_path": "//evil.example/v1"}, "models_path", "begin with one slash"),
        ({"custom_headers": {"Host": "x"}}, "custom_headers", "Host is set by the gateway"),
        ({"custom_headers": {"X-A": "a\r\nb: c"}}, "custom_headers", "X-A holds a line break"),
        ({"custom_headers": "X-A: b"}, "custom_headers", "at most 50 names"),
        ({"custom_headers": {"x-api-key": "***"}}, "custom_headers", "type it in"),
        ({"colour": "red"}, "colour", "is not a field here"),
        ({"baseurl": "https://x"}, "baseurl", "nearest is base_url"),
    ],
)
def test_what_is_wrong_is_told_by_field(parts: Parts, given: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        parts.nodes.create(RELAY | given, ADMIN)
    assert words in caught.value.fields[field] and caught.value.message
    assert parts.nodes.list() == ()


def test_everything_wrong_is_told_at_once(parts: Parts) -> None:
    with pytest.raises(Invalid) as caught:
        parts.nodes.create({"type": "anthropic-compatible", "prefix": "/", "base_url": "x"}, ADMIN)
    assert set(caught.value.fields) == {"name", "prefix", "base_url"}


def test_kinds_that_do_not_go_together(parts: Parts) -> None:
    with pytest.raises(Invalid) as caught:
        parts.nodes.create(PLAIN | {"compat_mode": "cc"}, ADMIN)
    assert "Anthropic compatible nodes only" in caught.value.fields["compat_mode"]
    with pytest.raises(Invalid) as caught:
        parts.nodes.create(PLAIN | {"api_type": "images"}, ADMIN)
    assert "chat, responses" in caught.value.fields["api_type"]


def test_one_prefix_one_node(parts: Parts) -> None:
    first = parts.nodes.create(RELAY, ADMIN)
    with pytest.raises(Conflict) as caught:
        parts.nodes.create(PLAIN | {"prefix": "RELAY"}, ADMIN)
    assert "belongs to the node 'My relay'" in caught.value.fields["prefix"]
    second = parts.nodes.create(PLAIN, ADMIN)
    with pytest.raises(Conflict):
        parts.nodes.update(second.id, {"prefix": "relay"}, ADMIN)
    assert parts.nodes.update(first.id, {"prefix": "relay", "name": "Same"}, ADMIN).name == "Same"
    parts.nodes.delete(first.id, ADMIN)
    assert parts.nodes.update(second.id, {"prefix": "relay"}, ADMIN).prefix == "relay"


def test_update_changes_what_is_given(parts: Parts) -> None:
    node = parts.nodes.create(RELAY, ADMIN)
    parts.clock.move(10)
    changed = parts.nodes.update(node.id, {"name": "Other", "models_path": "/models", "chat_path": "/x/messages"}, ADMIN)
    assert (changed.name, changed.models_path, changed.chat_path, changed.prefix) == ("Other", "/models", "/x/messages", "relay")
    assert changed.updated_at == changed.created_at + 10
    back = parts.nodes.update(node.id, {"models_path": "", "chat_path": None}, ADMIN)
    assert (back.models_path, back.chat_path) == (None, "/v1/messages?beta=true")
    assert parts.store.current().providers[node.id].name == "Other"


@pytest.mark.parametrize(
    "given", [{"type": "openai-compatible"}, {"compat_mode": ""}, {"api_type": "chat"}, {"name": ""}, {"base_url": ""}]
)
def test_update_refuses(parts: Parts, given: dict[str, Any]) -> None:
    node = parts.nodes.create(RELAY, ADMIN)
    with pytest.raises(Invalid) as caught:
        parts.nodes.update(node.id, given, ADMIN)
    assert set(caught.value.fields) == set(given)
    same = {"type": "anthropic-compatible", "compat_mode": "cc", "api_type": None}
    assert parts.nodes.update(node.id, same, ADMIN).type == "anthropic-compatible"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"name": "Other"}, "active"),
        ({"prefix": "other"}, "active"),
        ({"base_url": "https://relay.example.com"}, "active"),
        ({"base_url": "https://other.example.com"}, "untested"),
        ({"chat_path": "/messages"}, "untested"),
        ({"custom_headers": {"X-Extra": "1"}}, "untested"),
    ],
)
def test_another_wire_makes_connections_untested(parts: Parts, given: dict[str, Any], status: str) -> None:
    node = parts.nodes.create(RELAY, ADMIN)
    made = parts.connections.create({"provider": node.id, "api_key": "sk-test-0001"}, ADMIN)
    parts.connections.mark(made.id, "active", None)
    parts.nodes.update(node.id, given, ADMIN)
    assert parts.connections.get(made.id).test_status == status


def test_secret_headers_are_sealed_and_shown_masked(parts: Parts) -> None:
    headers = {"X-Auth-Token": "hidden-token-1", "X-Team": "blue", "x-app": None}
    node = parts.nodes.create(RELAY | {"custom_headers": headers}, ADMIN)
    assert node.custom_headers == (("X-Auth-Token", "***"), ("X-Team", "blue"), ("x-app", None))
    kept = [["X-Auth-Token", "***"], ["X-Team", "red"]]
    node = parts.nodes.update(node.id, {"custom_headers": kept}, ADMIN)
    assert node.custom_headers == (("X-Auth-Token", "***"), ("X-Team", "red"))
    sent = parts.store.current().providers[node.id].custom_headers
    assert sent == parts.nodes.node(node.id).custom_headers == (("X-Auth-Token", "hidden-token-1"), ("X-Team", "red"))
    assert parts.nodes.update(node.id, {"custom_headers": None}, ADMIN).custom_headers == ()
    assert "hidden-token-1" not in parts.dump()


def test_deleting_takes_connections_and_models_along(parts: Parts) -> None:
    node, other = parts.nodes.create(RELAY, ADMIN), parts.nodes.create(PLAIN, ADMIN)
    for number in range(2):
        parts.connections.create({"provider": node.id, "api_key": f"sk-test-000{number}"}, ADMIN)
    parts.connections.create({"provider": other.id}, ADMIN)
    parts.models.add(node.id, ["a", "b", "c"], "custom", ADMIN)
    assert parts.nodes.get(node.id).connections == 2
    gone = parts.nodes.delete(node.id, ADMIN)
    assert (gone.connections, gone.models) == (2, 3)
    assert [view.provider_id for view in parts.connections.list()] == [other.id]
    assert "relay" not in parts.store.current().prefixes
    with pytest.raises(Missing):
        parts.nodes.get(node.id)
    assert parts.audited("node.delete")[0].before["connections"] == 2


@pytest.mark.parametrize("verb", ["get", "node", "delete", "update"])
def test_a_node_that_is_not_there(parts: Parts, verb: str) -> None:
    more: tuple[Any, ...] = {"delete": (ADMIN,), "update": ({}, ADMIN)}.get(verb, ())
    with pytest.raises(Missing):
        getattr(parts.nodes, verb)("anthropic-compatible-none", *more)


def test_a_draft_needs_no_name_and_saves_nothing(parts: Parts) -> None:
    draft = parts.nodes.draft({"type": "anthropic-compatible", "compat_mode": "cc", "base_url": "https://r.example"})
    assert draft.id == "anthropic-compatible-cc-draft" and draft.base_url == "https://r.example"
    with pytest.raises(Invalid) as caught:
        parts.nodes.draft({"type": "anthropic-compatible", "base_url": "nothing"})
    assert set(caught.value.fields) == {"base_url"}
    assert parts.nodes.list() == ()


def test_each_change_is_audited_without_secrets(parts: Parts) -> None:
    node = parts.nodes.create(RELAY | {"custom_headers": {"Authorization": "Bearer hidden"}}, ADMIN)
    parts.clock.move(1)
    parts.nodes.update(node.id, {"name": "Other"}, ADMIN)
    parts.clock.move(1)
    parts.nodes.delete(node.id, ADMIN)
    assert parts.actions() == ["node.create", "node.update", "node.delete"]
    changed = parts.audited("node.update")[0]
    assert (changed.before, changed.after) == ({"name": "My relay"}, {"name": "Other"})
    assert (changed.actor_kind, changed.address, changed.subject) == ("admin", "127.0.0.1", f"node:{node.id}")
    assert "hidden" not in parts.dump()
