"""A request that uses one feature and nothing else: the base of its format, and the members that the feature needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CHAT, MESSAGES, RESPONSES, GEMINI, COMPLETIONS = (
    "openai_chat",
    "anthropic_messages",
    "openai_responses",
    "gemini",
    "openai_completions",
)

BASES: Mapping[str, dict[str, Any]] = {
    CHAT: {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    MESSAGES: {"model": "m", "max_tokens": 50_000, "messages": [{"role": "user", "content": "Hi"}]},
    RESPONSES: {"model": "m", "input": [{"role": "user", "content": "Hi"}]},
    GEMINI: {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    COMPLETIONS: {"model": "m", "prompt": "Hi"},
}


@dataclass(frozen=True, slots=True)
class Ask:
    """`field` is where the client's body has the feature: what is dropped or refused is named by it or by what is below it."""

    field: str
    members: Mapping[str, Any]


Asks = Mapping[str, Mapping[str, Ask]]  # feature -> client format -> request


def body(client: str, ask: Ask) -> dict[str, Any]:
    return {**BASES[client], **ask.members}


# Conversations. A part stands second, after a text: "...0.content.1", "...0.parts.1".


def chat(*messages: dict[str, Any], field: str) -> Ask:
    return Ask(field, {"messages": list(messages)})


def messages(*turns: dict[str, Any], field: str, **more: Any) -> Ask:
    return Ask(field, {"messages": list(turns), **more})


def responses(*items: dict[str, Any], field: str) -> Ask:
    return Ask(field, {"input": list(items)})


def gemini(*contents: dict[str, Any], field: str) -> Ask:
    return Ask(field, {"contents": list(contents)})


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def turn(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def chat_part(part: dict[str, Any]) -> Ask:
    return chat(said("user", [{"type": "text", "text": "Look:"}, part]), field="messages.0.content.1")


def messages_part(part: dict[str, Any]) -> Ask:
    return messages(said("user", [{"type": "text", "text": "Look:"}, part]), field="messages.0.content.1")


def responses_part(part: dict[str, Any]) -> Ask:
    return responses(said("user", [{"type": "input_text", "text": "Look:"}, part]), field="input.0.content.1")


def gemini_part(part: dict[str, Any]) -> Ask:
    return gemini(turn("user", {"text": "Look:"}, part), field="contents.0.parts.1")
