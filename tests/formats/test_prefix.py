"""The beginning of a conversation has one digest, however long it goes on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.formats.prefix import BEGINNINGS, prompt_prefix

USER, ANSWER, MORE = (
    {"role": role, "content": text} for role, text in (("user", "Hi"), ("assistant", "Hello"), ("user", "And?"))
)
TOOLS = [{"name": "look", "input_schema": {"type": "object"}}]

# By format: a conversation at its first turn, the same some turns later, and others that begin otherwise.
CONVERSATIONS: dict[str, tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]] = {
    "openai_chat": (
        {"model": "m", "tools": TOOLS, "messages": [{"role": "system", "content": "Be brief."}, USER]},
        {
            "model": "n",
            "tools": TOOLS,
            "messages": [{"role": "system", "content": "Be brief."}, USER, ANSWER, MORE],
            "stream": True,
        },
        [
            {"messages": [{"role": "system", "content": "Be brief."}, USER]},
            {"tools": TOOLS, "messages": [{"role": "system", "content": "Be long."}, USER]},
            {"tools": TOOLS, "messages": [{"role": "system", "content": "Be brief."}, MORE]},
        ],
    ),
    "anthropic_messages": (
        {"system": "Be brief.", "tools": TOOLS, "messages": [USER], "max_tokens": 5},
        {"system": "Be brief.", "tools": TOOLS, "messages": [USER, ANSWER, MORE], "max_tokens": 9},
        [{"system": "Be long.", "tools": TOOLS, "messages": [USER]}, {"system": "Be brief.", "tools": TOOLS, "messages": [MORE]}],
    ),
    "openai_responses": (
        {"instructions": "Be brief.", "input": [USER]},
        {"instructions": "Be brief.", "input": [USER, {"type": "function_call", "name": "look"}, ANSWER, MORE]},
        [{"instructions": "Be long.", "input": [USER]}, {"instructions": "Be brief.", "input": "Hi"}],
    ),
    "gemini": (
        {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": [{"parts": [{"text": "Hi"}]}]},
        {
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [
                {"parts": [{"text": "Hi"}]},
                {"role": "model", "parts": [{"text": "Hello"}]},
                {"parts": [{"text": "?"}]},
            ],
        },
        [{"contents": [{"parts": [{"text": "Hi"}]}]}, {"contents": [{"role": "user", "parts": [{"text": "Ho"}]}]}],
    ),
    "openai_completions": (
        {"prompt": "Once upon a time " * 20},
        {"prompt": "Once upon a time " * 20 + "there was a gateway."},
        [{"prompt": "In the beginning " * 20}, {"prompt": [1, 2, 3]}],
    ),
}


def test_every_format_is_tried() -> None:
    assert CONVERSATIONS.keys() == BEGINNINGS.keys()


@pytest.mark.parametrize("format", CONVERSATIONS)
def test_a_conversation_keeps_its_digest_and_others_have_another(format: str) -> None:
    first, later, others = CONVERSATIONS[format]
    digest = prompt_prefix(first, format)
    assert len(digest) == 32 and digest == prompt_prefix(later, format)
    assert len({digest, *(prompt_prefix(other, format) for other in others)}) == 1 + len(others)


@pytest.mark.parametrize("format", [*CONVERSATIONS, "anything"])
def test_the_callers_own_key_counts_alone(format: str) -> None:
    one, other = {"prompt_cache_key": "mine", "messages": [USER]}, {"prompt_cache_key": "mine", "messages": [MORE], "prompt": "x"}
    assert prompt_prefix(one, format) == prompt_prefix(other, format) != ""
    assert prompt_prefix(one | {"prompt_cache_key": "yours"}, format) != prompt_prefix(one, format)


def test_cache_marks_that_move_on_change_nothing() -> None:
    def turn(*marked: int) -> dict[str, Any]:
        mark = {"cache_control": {"type": "ephemeral"}}
        parts = [{"type": "text", "text": text} | (mark if at in marked else {}) for at, text in enumerate(("Hi", "there"))]
        return {"system": [{"type": "text", "text": "Be brief."} | mark], "messages": [{"role": "user", "content": parts}]}

    assert prompt_prefix(turn(1), "anthropic_messages") == prompt_prefix(turn(), "anthropic_messages")


def test_the_line_in_which_claude_code_names_itself_changes_nothing() -> None:
    def asked(hash: str) -> dict[str, Any]:
        line = {"type": "text", "text": f"x-anthropic-billing-header: cc_version=2.1.197.{hash}; cc_entrypoint=cli;"}
        return {"system": [line, {"type": "text", "text": "You are Claude Code."}], "messages": [USER]}

    assert prompt_prefix(asked("0a1"), "anthropic_messages") == prompt_prefix(asked("f3c"), "anthropic_messages")
    only = prompt_prefix({"system": "You are someone else.", "messages": [USER]}, "anthropic_messages")
    assert only != prompt_prefix(asked("0a1"), "anthropic_messages")


def test_the_order_of_members_changes_nothing() -> None:
    one, other = {"role": "user", "content": "Hi"}, {"content": "Hi", "role": "user"}
    assert prompt_prefix({"messages": [one]}, "openai_chat") == prompt_prefix({"messages": [other]}, "openai_chat")


@pytest.mark.parametrize(
    "document", [None, [], "text", {}, {"messages": []}, {"messages": "Hi"}, {"prompt": ""}, {"prompt": []}, {"contents": {}}]
)
def test_without_a_beginning_there_is_no_digest(document: Any) -> None:
    assert {prompt_prefix(document, format) for format in (*BEGINNINGS, "embeddings")} == {""}


def test_what_cannot_be_written_has_no_digest() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    assert prompt_prefix({"messages": [{"role": "user", "content": deep}]}, "openai_chat") == ""
    assert prompt_prefix({"messages": [{"role": "user", "content": object()}]}, "openai_chat") == ""
    assert prompt_prefix({"messages": [{"role": "user", "content": "\ud800"}]}, "openai_chat") == ""


NAMES = ("messages", "role", "content", "system", "tools", "input", "instructions", "contents", "parts", "prompt", "user", "text")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(NAMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(NAMES), values), st.sampled_from([*BEGINNINGS, "anything"]))
def test_odd_documents_never_raise(document: dict[str, Any], format: str) -> None:
    digest = prompt_prefix(document, format)
    assert digest == prompt_prefix(document, format) and len(digest) in (0, 32)
