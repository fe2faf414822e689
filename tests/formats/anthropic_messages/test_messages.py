from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import BadRequest, UnsupportedField
from omniroute.formats import ir
from omniroute.formats.anthropic_messages import render_request


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def said(role: ir.Role, *parts: ir.AnyPart | str, path: str = "messages.9") -> ir.Message:
    return ir.Message(role, tuple(ir.Text(part) if isinstance(part, str) else part for part in parts), path=path)


def render(*messages: ir.Message, **target: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    body, dropped = render_request(ir.Request("m", messages, origin="openai_chat", target=ir.Target(**target)))
    return {name: body[name] for name in ("system", "messages") if name in body}, dropped


CALL = said("assistant", ir.ToolCall("a", "f", '{"x": 1}'))
RESULT = said("user", ir.ToolResult("a", (ir.Text("ok"),)))
USED = {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}]}
GOT = {"type": "tool_result", "tool_use_id": "a", "content": "ok"}


def test_instructions_at_the_start_are_the_system_prompt_with_their_cache_marks() -> None:
    marked = ir.Text("b", cache=ir.CacheMark("1h"))
    written, dropped = render(said("system", "a"), said("developer", marked), said("user", "Hi"))
    assert written["system"] == [text("a"), text("b") | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    assert (written["messages"], dropped) == ([{"role": "user", "content": [text("Hi")]}], ())


def test_later_instructions_are_a_reminder_in_the_users_turn() -> None:
    written, dropped = render(said("user", "Hi"), said("system", "Hurry.", path="messages.1"), said("user", "Now."))
    assert written["messages"] == [
        {"role": "user", "content": [text("Hi"), text("<system-reminder>\nHurry.\n</system-reminder>"), text("Now.")]}
    ]
    assert dropped == ("messages.1.role (as a reminder in the user's turn)",)


def test_later_instructions_stay_as_they_are_where_the_target_takes_them() -> None:
    written, dropped = render(said("user", "Hi"), said("system", "Hurry."), mid_system=True)
    assert written["messages"][1] == {"role": "system", "content": [text("Hurry.")]}
    assert dropped == ()


@pytest.mark.parametrize(
    ("later", "roles", "named"),
    [
        ([said("assistant", "Yes?"), said("user", "Now.")], ["user", "system", "assistant", "user"], ()),
        ([said("user", "Now.")], ["user"], ("messages.1.role (as a reminder in the user's turn)",)),
        (
            [said("developer", "Now!", path="messages.2"), said("assistant", "Yes?")],
            ["user", "assistant"],
            ("messages.2.role (as a reminder in the user's turn)", "messages.1.role (as a reminder in the user's turn)"),
        ),
    ],
)
def test_nothing_but_an_assistant_follows_instructions_in_mid_conversation(
    later: list[ir.Message], roles: list[str], named: tuple[str, ...]
) -> None:
    written, dropped = render(said("user", "Hi"), said("system", "Hurry.", path="messages.1"), *later, mid_system=True)
    assert [turn["role"] for turn in written["messages"]] == roles
    assert dropped == named
    said_first = [block["text"] for turn in written["messages"][:2] if turn["role"] != "assistant" for block in turn["content"]]
    assert said_first[:2] in (["Hi", "Hurry."], ["Hi", "<system-reminder>\nHurry.\n</system-reminder>"])


def test_instructions_between_a_call_and_its_result_do_not_part_them() -> None:
    written, _ = render(said("user", "Hi"), CALL, said("system", "Hurry."), RESULT)
    assert written["messages"][1:] == [
        USED,
        {"role": "user", "content": [GOT, text("<system-reminder>\nHurry.\n</system-reminder>")]},
    ]


def test_instructions_alone_are_a_users_turn() -> None:
    written, dropped = render(said("system", "Say hi.", path="messages.0"))
    assert written == {"messages": [{"role": "user", "content": [text("Say hi.")]}]}
    assert dropped == ("messages.0.role (as a user turn)",)


def test_turns_of_one_side_are_joined_and_results_come_first() -> None:
    second = ir.ToolCall("b", "g", "")
    messages = [said("user", "Hi"), CALL, said("assistant", second), said("user", "Wait."), RESULT]
    messages.append(said("user", ir.ToolResult("b", (ir.Text("no"),), is_error=True)))
    written, _ = render(*messages)
    assert [turn["role"] for turn in written["messages"]] == ["user", "assistant", "user"]
    assert written["messages"][1]["content"][1] == {"type": "tool_use", "id": "b", "name": "g", "input": {}}
    assert written["messages"][2]["content"] == [
        GOT,
        {"type": "tool_result", "tool_use_id": "b", "content": "no", "is_error": True},
        text("Wait."),
    ]


def test_a_result_keeps_its_images() -> None:
    shown = ir.Image(ir.Source("base64", "AA==", "image/png"))
    written, dropped = render(said("user", "Hi"), CALL, said("user", ir.ToolResult("a", (ir.Text("see"), shown))))
    assert written["messages"][2]["content"][0]["content"] == [
        text("see"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
    ]
    assert dropped == ()


def test_a_cache_mark_within_a_result_goes_on_the_result() -> None:
    """ "cache_control may not be specified within `tool_result.content`" (GitHub Copilot's endpoint, seen 2026-05)."""
    marked = ir.ToolResult("a", (ir.Text("x"), ir.Text("y", cache=ir.CacheMark("1h"))))
    written, dropped = render(said("user", "Hi"), CALL, said("user", marked))
    mark = {"type": "ephemeral", "ttl": "1h"}
    assert written["messages"][2]["content"][0] == GOT | {"content": [text("x"), text("y")], "cache_control": mark}
    assert dropped == ()


def test_an_empty_result_has_no_content() -> None:
    written, _ = render(said("user", "Hi"), CALL, said("user", ir.ToolResult("a", (ir.Text(""),))))
    assert written["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "a"}]


def test_blank_texts_and_empty_turns_are_not_sent() -> None:
    written, dropped = render(said("user", "Hi", " \n"), said("assistant", ""), said("user", "There."))
    assert written["messages"] == [{"role": "user", "content": [text("Hi"), text("There.")]}]
    assert dropped == ()


def test_a_conversation_of_nothing_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        render(said("user", ""))
    assert caught.value.param == "messages"


def test_a_prefill_is_kept() -> None:
    written, _ = render(said("user", "Hi"), said("assistant", "The answer is"))
    assert written["messages"][-1] == {"role": "assistant", "content": [text("The answer is")]}


def test_signed_thinking_goes_first_and_unsigned_is_left_out_whole() -> None:
    signed = ir.Reasoning("Hm.", signature="U0lH", origin="anthropic_messages")
    sealed = ir.Reasoning("", data="UkVE", origin="anthropic_messages")
    foreign = ir.Reasoning("", data="RU5D", origin="openai_responses", path="messages.1.reasoning_details")
    plain = ir.Reasoning("So.", path="messages.1.reasoning_content")
    written, dropped = render(said("user", "Hi"), said("assistant", signed, sealed, foreign, plain, "Yes."))
    assert written["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "U0lH"},
        {"type": "redacted_thinking", "data": "UkVE"},
        text("Yes."),
    ]
    assert dropped == ("messages.1.reasoning_details", "messages.1.reasoning_content")


def test_ids_are_made_plain_and_unique_and_results_follow_them() -> None:
    """Kimi numbers its calls "functions.f:0", others count from 0 in every turn."""
    call = said("assistant", ir.ToolCall("functions.f:0", "f", "{}"))
    result = said("user", ir.ToolResult("functions.f:0", (ir.Text("ok"),)))
    written, _ = render(said("user", "Hi"), call, result, call, result)
    ids = [turn["content"][0].get("id") or turn["content"][0].get("tool_use_id") for turn in written["messages"][1:]]
    assert ids == ["functions_f_0", "functions_f_0", "functions_f_0_2", "functions_f_0_2"]


@pytest.mark.parametrize(
    ("arguments", "given"), [("", {}), ("  ", {}), ('{"x"', {"arguments": '{"x"'}), ("[1]", {"arguments": [1]})]
)
def test_broken_arguments_of_an_earlier_turn_do_not_end_the_conversation(arguments: str, given: dict[str, Any]) -> None:
    written, dropped = render(
        said("user", "Hi"), said("assistant", ir.ToolCall("a", "f", arguments, path="messages.1.tool_calls.0"))
    )
    assert written["messages"][1]["content"][0]["input"] == given
    assert dropped == (("messages.1.tool_calls.0 (arguments are no JSON object)",) if given else ())


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            ir.Image(ir.Source("url", "https://a.test/a.png")),
            {"type": "image", "source": {"type": "url", "url": "https://a.test/a.png"}},
        ),
        (
            ir.Document(ir.Source("base64", "JVBE", "application/pdf"), title="a.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                "title": "a.pdf",
            },
        ),
        (
            ir.Document(ir.Source("base64", "aMOp", "text/csv")),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hé"}},
        ),
        (
            ir.Document(ir.Source("url", "https://a.test/a.pdf")),
            {"type": "document", "source": {"type": "url", "url": "https://a.test/a.pdf"}},
        ),
    ],
)
def test_images_and_documents(part: ir.AnyPart, block: dict[str, Any]) -> None:
    assert render(said("user", part))[0]["messages"][0]["content"] == [block]


@pytest.mark.parametrize(
    "part",
    [
        ir.Audio("AA==", "wav", path="messages.0.content.0"),
        ir.Document(ir.Source("base64", "AA==", "application/zip"), path="messages.0.content.0"),
        ir.Opaque("openai_chat", {"type": "video_url"}, path="messages.0.content.0"),
    ],
)
def test_a_part_without_a_place_is_refused_by_its_path(part: ir.AnyPart) -> None:
    with pytest.raises(UnsupportedField) as caught:
        render(said("user", part))
    assert caught.value.param == "messages.0.content.0"


def test_an_image_in_the_system_prompt_is_refused() -> None:
    with pytest.raises(UnsupportedField):
        render(said("system", ir.Image(ir.Source("url", "https://a.test/a.png"))), said("user", "Hi"))


def test_names_and_details_that_messages_does_not_have_are_named() -> None:
    image = ir.Image(ir.Source("url", "https://a.test/a.png"), detail="low", path="messages.0.content.0")
    _, dropped = render(ir.Message("user", (image, ir.Refusal("No.", path="messages.0.refusal")), name="Al", path="messages.0"))
    assert dropped == ("messages.0.name", "messages.0.content.0.image_url.detail", "messages.0.refusal (as text)")
