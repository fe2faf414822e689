"""A translated request has the shape that the chosen model takes, listed or passed through, at a provider or a node."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from omniroute.errors import UnsupportedField
from omniroute.providers.catalog import Provider, load
from omniroute.providers.nodes import Node, as_provider
from omniroute.relay.ask import Ask
from omniroute.relay.translated import TranslatedLane
from omniroute.routing.route import Target

CATALOG = load()
CHAT, MESSAGES = "openai_chat", "anthropic_messages"
HELLO = [{"role": "user", "content": "Hello"}]


def provider(name: str) -> Provider:
    """A native provider by id, or one of the nodes "cc", "messages" and "chat"."""
    native = CATALOG.get(name)
    if native is not None:
        return native
    type = "openai-compatible" if name == "chat" else "anthropic-compatible"
    cc = "cc" if name == "cc" else None
    id = f"{type}-{name}-1"
    return as_provider(Node(id, "Node", "node", type, cc, None, "https://node.example"), CATALOG)


def translated(
    client: str, name: str, model: str, *, strict: bool = False, **fields: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body that goes upstream, and what was dropped."""
    document = {"model": f"{name}/{model}", "messages": HELLO, **fields}
    body = orjson.dumps(document)
    path = "/v1/messages" if client == MESSAGES else "/v1/chat/completions"
    ask = Ask("r1", path, client, body, document, document["model"], stream=False, headers={}, started=0, strict=strict)
    lane = TranslatedLane(ask, Target(provider(name), model))
    return orjson.loads(lane.body()), lane.dropped


ADAPTIVE = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 24576}}


@pytest.mark.parametrize(
    ("name", "model", "max_tokens", "rest", "dropped"),
    [
        ("anthropic", "claude-opus-5-5", 128_000, ADAPTIVE, ("temperature", "top_p")),
        ("anthropic", "claude-opus-4-7", 128_000, ADAPTIVE, ("temperature", "top_p")),
        ("anthropic", "claude-opus-4-8", 32_000, ADAPTIVE, ("temperature", "top_p")),
        ("anthropic", "claude-haiku-4-5-20251001", 64_000, BUDGET, ("temperature", "top_p")),
        ("agentrouter", "claude-opus-5-5", 32_000, ADAPTIVE, ("temperature", "top_p")),
        ("agentrouter", "glm-5.1", 32_000, BUDGET, ("temperature", "top_p")),
        ("cc", "claude-opus-5-5", 32_000, ADAPTIVE, ("temperature", "top_p")),
        ("cc", "anthropic/claude-sonnet-5.5", 32_000, ADAPTIVE, ("temperature", "top_p")),
        ("messages", "claude-sonnet-4-5", 32_000, {"thinking": BUDGET["thinking"]}, ("temperature", "top_p")),
        ("messages", "claude-3-haiku-20240307", 4_096, {"temperature": 0.2, "top_p": 0.5}, ("reasoning_effort",)),
    ],
)
def test_a_chat_request_with_temperature_and_effort(
    name: str, model: str, max_tokens: int, rest: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    body, left_out = translated(CHAT, name, model, temperature=0.2, top_p=0.5, reasoning_effort="high")
    turns = [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
    assert body == {"model": model, "max_tokens": max_tokens, "messages": turns} | rest
    assert set(left_out) == set(dropped)


@pytest.mark.parametrize(
    ("name", "model", "rest", "dropped"),
    [
        ("anthropic", "claude-opus-5-5", {}, ("temperature",)),
        ("cc", "claude-opus-5-5", {}, ("temperature",)),
        ("anthropic", "claude-opus-4-6", {"temperature": 0.2}, ()),
        ("cc", "claude-haiku-4-5", {"temperature": 0.2}, ()),
        ("cc", "something-new", {"temperature": 0.2}, ()),
    ],
)
def test_temperature_alone(name: str, model: str, rest: dict[str, Any], dropped: tuple[str, ...]) -> None:
    body, left_out = translated(CHAT, name, model, temperature=0.2, max_tokens=50)
    assert {key: body[key] for key in body.keys() - {"model", "messages"}} == {"max_tokens": 50} | rest
    assert left_out == dropped


def test_a_strict_request_learns_that_the_model_takes_no_temperature() -> None:
    with pytest.raises(UnsupportedField, match="temperature"):
        translated(CHAT, "cc", "claude-opus-5-5", strict=True, temperature=0.2)


@pytest.mark.parametrize(
    ("name", "model", "rest", "dropped"),
    [
        ("openai", "gpt-6.1-sol", {"max_completion_tokens": 50, "reasoning_effort": "high"}, ("temperature",)),
        ("openai", "gpt-4o", {"max_completion_tokens": 50, "temperature": 1}, ("thinking",)),
        ("openai", "o3", {"max_completion_tokens": 50, "reasoning_effort": "high"}, ("temperature",)),
        ("groq", "openai/gpt-oss-120b", {"max_completion_tokens": 50, "reasoning_effort": "high", "temperature": 1}, ()),
        ("deepseek", "deepseek-v4-pro", {"max_tokens": 50, "reasoning_effort": "high", "temperature": 1}, ()),
        ("gemini-openai", "gemini-3.8-flash", {"max_tokens": 50, "reasoning_effort": "high", "temperature": 1}, ()),
        ("openrouter", "openai/gpt-6-luna", {"max_tokens": 50, "reasoning_effort": "high", "temperature": 1}, ()),
        ("chat", "gpt-5.4", {"max_completion_tokens": 50, "reasoning_effort": "high"}, ("temperature",)),
        ("chat", "llama-4", {"max_tokens": 50, "reasoning_effort": "high", "temperature": 1}, ()),
    ],
)
def test_a_messages_request_with_temperature_and_effort(
    name: str, model: str, rest: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    asked: dict[str, Any] = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}, "temperature": 1}
    body, left_out = translated(MESSAGES, name, model, max_tokens=50, **asked)
    assert body == {"model": model, "messages": HELLO} | rest
    assert left_out == dropped


MARKED = {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}


@pytest.mark.parametrize(("name", "marks", "replays"), [("openrouter", 1, True), ("deepseek", 0, True), ("openai", 0, False)])
def test_cache_marks_and_reasoning_go_where_they_are_taken(name: str, marks: int, replays: bool) -> None:
    turns = [{"role": "user", "content": [MARKED]}, {"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "Yes."}]}]
    body, _ = translated(MESSAGES, name, "some-model", max_tokens=50, messages=[*turns, *HELLO])
    assert orjson.dumps(body).count(b'"cache_control"') == marks
    assert body["messages"][1].get("reasoning_content") == ("Hm." if replays else None)


@pytest.mark.parametrize(
    ("name", "model", "roles"),
    [
        ("anthropic", "claude-opus-5-5", ["user", "system"]),
        ("anthropic", "claude-sonnet-5", ["user"]),
        ("anthropic", "claude-haiku-4-5-20251001", ["user"]),
        ("cc", "claude-opus-5-5", ["user"]),
        ("agentrouter", "claude-opus-5-5", ["user"]),
    ],
)
def test_instructions_in_mid_conversation(name: str, model: str, roles: list[str]) -> None:
    body, _ = translated(CHAT, name, model, messages=[*HELLO, {"role": "system", "content": "Be brief."}])
    assert [turn["role"] for turn in body["messages"]] == roles
