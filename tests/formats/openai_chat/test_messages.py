from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import UnsupportedField
from omniroute.formats import ir
from omniroute.formats.openai_chat import render_request

CALL = ir.Message("assistant", (ir.ToolCall("call_a", "f", "{}"),))
PICTURE = ir.Image(ir.Source("base64", "AA==", "image/png"), path="messages.2.content.0.content.1")
SHOWN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


def render(*messages: ir.Message, **target: Any) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    body, dropped = render_request(ir.Request("m", messages, origin="anthropic_messages", target=ir.Target(**target)))
    return body["messages"], dropped


def test_one_text_is_a_string_and_several_parts_are_a_list() -> None:
    assert render(ir.Message("user", (ir.Text("a"),)))[0] == [{"role": "user", "content": "a"}]
    written, _ = render(ir.Message("user", (ir.Text("a"), PICTURE)))
    assert written == [{"role": "user", "content": [{"type": "text", "text": "a"}, SHOWN]}]


def test_the_blocks_of_a_system_prompt_are_one_text() -> None:
    written, _ = render(ir.Message("system", (ir.Text("a"), ir.Text("b"))), ir.Message("user", (ir.Text("c"),)))
    assert written[0] == {"role": "system", "content": "a\n\nb"}


def test_a_system_message_stays_where_it_stood() -> None:
    written, dropped = render(ir.Message("user", (ir.Text("a"),)), ir.Message("system", (ir.Text("b"),)))
    assert ([turn["role"] for turn in written], dropped) == (["user", "system"], ())


def test_tool_results_are_messages_of_their_own_before_what_the_user_says() -> None:
    said = ir.Message("user", (ir.Text("And?"), ir.ToolResult("call_a", (ir.Text("x"), ir.Text("y")))))
    assert render(CALL, said)[0][1:] == [
        {"role": "tool", "tool_call_id": "call_a", "content": "x\ny"},
        {"role": "user", "content": "And?"},
    ]


def test_a_tool_message_keeps_its_marks_and_its_name() -> None:
    result = ir.ToolResult("call_a", (ir.Text("x"), ir.Text("y", cache=ir.CacheMark())))
    (_, written), dropped = render(CALL, ir.Message("user", (result,), name="f"), cache_marks=True)
    assert written["content"] == [
        {"type": "text", "text": "x"},
        {"type": "text", "text": "y", "cache_control": {"type": "ephemeral"}},
    ]
    assert (written["name"], dropped) == ("f", ())


def test_an_image_that_a_tool_returned_follows_in_a_user_message() -> None:
    """Chat's tool messages hold text only."""
    written, dropped = render(CALL, ir.Message("user", (ir.ToolResult("call_a", (ir.Text("see"), PICTURE)),)))
    assert [turn["role"] for turn in written] == ["assistant", "tool", "user"]
    assert written[1]["content"].startswith("see\n")
    assert written[2]["content"] == [{"type": "text", "text": "Returned by the tool call call_a:"}, SHOWN]
    assert dropped == ("messages.2.content.0.content.1 (moved to a user message)",)


def test_a_tools_error_is_said_in_its_text() -> None:
    failed = ir.ToolResult("call_a", (ir.Text("no such city"),), is_error=True, path="messages.1.content.0")
    written, dropped = render(CALL, ir.Message("user", (failed,)))
    assert written[1]["content"] == "Error: no such city"
    assert dropped == ("messages.1.content.0.is_error (said in the text)",)


def test_earlier_reasoning_is_left_out_whole_unless_the_target_wants_it() -> None:
    thought = ir.Reasoning("Hm.", signature="U0lH", origin="anthropic_messages", path="messages.0.content.0")
    turn = ir.Message("assistant", (thought, ir.Text("a")))
    assert render(turn) == ([{"role": "assistant", "content": "a"}], ("messages.0.content.0",))
    (written,), dropped = render(turn, replays_reasoning=True)
    assert (written["reasoning_content"], dropped) == ("Hm.", ())
    assert written["reasoning_details"] == [
        {"type": "reasoning.text", "text": "Hm.", "signature": "U0lH", "format": "anthropic-claude-v1", "index": 0}
    ]


def test_cache_marks_go_where_the_target_takes_them() -> None:
    said = ir.Message("user", (ir.Text("a", cache=ir.CacheMark("1h"), path="messages.0.content.0"),))
    assert render(said) == ([{"role": "user", "content": "a"}], ("messages.0.content.0.cache_control",))
    written, dropped = render(said, cache_marks=True)
    assert written[0]["content"] == [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    assert dropped == ()


@pytest.mark.parametrize(
    ("source", "written"),
    [
        (
            ir.Source("base64", "JVBE", "application/pdf"),
            {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
        ),
        (ir.Source("text", "notes"), {"type": "text", "text": "notes"}),
    ],
)
def test_documents(source: ir.Source, written: dict[str, Any]) -> None:
    messages, _ = render(ir.Message("user", (ir.Text("a"), ir.Document(source))))
    assert messages[0]["content"][1] == written


@pytest.mark.parametrize(
    "part",
    [
        ir.Document(ir.Source("url", "https://example.com/a.pdf"), path="messages.0.content.0"),
        ir.Document(ir.Source("file", "file_1"), path="messages.0.content.0"),
        ir.Image(ir.Source("file", "file_1"), path="messages.0.content.0"),
        ir.Opaque("anthropic_messages", {"type": "search_result"}, path="messages.0.content.0"),
    ],
)
def test_a_part_without_a_place_is_refused_by_its_path(part: ir.AnyPart) -> None:
    with pytest.raises(UnsupportedField) as caught:
        render(ir.Message("user", (part,)))
    assert caught.value.param == "messages.0.content.0"


def test_what_another_upstreams_own_tools_did_is_left_out_of_the_history() -> None:
    search = ir.Opaque("anthropic_messages", {"type": "server_tool_use"}, path="messages.0.content.0")
    assert render(ir.Message("assistant", (search, ir.Text("a")))) == (
        [{"role": "assistant", "content": "a"}],
        ("messages.0.content.0",),
    )
