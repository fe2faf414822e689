"""Conversations as Gemini takes them."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import BadRequest, UnsupportedField
from omniroute.formats import ir
from omniroute.formats.gemini.contents import NO_SIGNATURE
from omniroute.formats.gemini.render import render_request
from tests.formats.samples_gemini import PDF, PNG

USER = ir.Message("user", (ir.Text("Hi"),))


def contents(*messages: ir.Message, **more: Any) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    body, dropped = render_request(ir.Request("gemini-3.8-flash", messages, **{"origin": "openai_chat", **more}))
    return body["contents"], dropped


def model(*parts: ir.AnyPart, **more: Any) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The parts of a model's turn."""
    turns, dropped = contents(USER, ir.Message("assistant", parts, path="messages.1"), **more)
    return (turns[1]["parts"] if len(turns) > 1 else []), dropped


def call(call_id: str, name: str = "f", **more: Any) -> ir.ToolCall:
    return ir.ToolCall(call_id, name, "{}", path=f"calls.{call_id}", **more)


def test_system_texts_stand_apart_and_later_ones_in_the_users_turn() -> None:
    messages = (
        ir.Message("system", (ir.Text("Be brief."), ir.Text(""))),
        ir.Message("developer", (ir.Text("Use tools."),)),
        USER,
        ir.Message("system", (ir.Text("Hurry."),), path="messages.3"),
    )
    body, dropped = render_request(ir.Request("m", messages, origin="openai_chat"))
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "Use tools."}]}
    reminder = {"text": "<system-reminder>\nHurry.\n</system-reminder>"}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hi"}, reminder]}]
    assert dropped == ("messages.3.role (as a reminder in the user's turn)",)


def test_instructions_alone_are_a_users_turn_and_nothing_is_refused() -> None:
    body, _ = render_request(ir.Request("m", (ir.Message("system", (ir.Text("Go."),)),), origin="openai_chat"))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "Go."}]}]}
    with pytest.raises(BadRequest, match="holds no text"):
        contents(ir.Message("user", (ir.Text(""),)))


def test_turns_of_one_side_are_one_and_results_come_first() -> None:
    """Parallel calls of one name are answered in one turn, each with its name and id."""
    turns, _ = contents(
        USER,
        ir.Message("assistant", (call("a"), call("b"))),
        ir.Message("user", (ir.ToolResult("b", (ir.Text("2"),)),)),
        ir.Message("user", (ir.Text("Well?"), ir.ToolResult("a", (ir.Text("1"),), is_error=True))),
    )
    assert [turn["role"] for turn in turns] == ["user", "model", "user"]
    assert turns[2]["parts"] == [
        {"functionResponse": {"id": "b", "name": "f", "response": {"output": "2"}}},
        {"functionResponse": {"id": "a", "name": "f", "response": {"error": "1"}}},
        {"text": "Well?"},
    ]


# Signatures -----------------------------------------------------------------------------


def test_a_call_of_another_models_has_googles_stand_in_at_the_first_of_each_turn() -> None:
    turns, _ = contents(
        USER,
        ir.Message("assistant", (ir.Text("I look."), call("a"), call("b"))),
        ir.Message("user", (ir.ToolResult("a", ()), ir.ToolResult("b", ()))),
        ir.Message("assistant", (call("c"),)),
        ir.Message("user", (ir.ToolResult("c", ()),)),
    )
    signatures = [part.get("thoughtSignature") for turn in turns for part in turn["parts"] if "functionCall" in part]
    assert signatures == [NO_SIGNATURE, None, NO_SIGNATURE]


def test_a_call_of_geminis_own_keeps_its_signature_and_needs_no_stand_in() -> None:
    parts, dropped = model(call("a", signature="U0lH+/=", origin="gemini"), call("b"))
    assert [part.get("thoughtSignature") for part in parts] == ["U0lH+/=", None]
    assert dropped == ()


def test_a_signature_of_another_format_is_left_out_and_named() -> None:
    parts, dropped = model(call("a", signature="X", origin="other"))
    assert (parts[0]["thoughtSignature"], dropped) == (NO_SIGNATURE, ("calls.a.signature",))


@pytest.mark.parametrize("more", [{"origin": "gemini"}, {"target": ir.Target(thinking="budget")}])
def test_no_stand_in_where_nobody_asks_for_one(more: dict[str, Any]) -> None:
    assert "thoughtSignature" not in model(call("a"), **more)[0][0]


SIGNED = ir.Reasoning("", signature="U0lH", origin="gemini", path="messages.1")


@pytest.mark.parametrize(
    ("parts", "written"),
    [
        ((ir.Text("a"), SIGNED), [{"text": "a", "thoughtSignature": "U0lH"}]),
        ((SIGNED, ir.Text("a"), ir.Text("b")), [{"text": "a", "thoughtSignature": "U0lH"}, {"text": "b"}]),
        ((SIGNED,), [{"text": "", "thoughtSignature": "U0lH"}]),
        ((ir.Text("a"), SIGNED, SIGNED), [{"text": "a", "thoughtSignature": "U0lH"}, {"text": "", "thoughtSignature": "U0lH"}]),
        (
            (ir.Reasoning("Hm.", signature="VEg=", origin="gemini"), SIGNED, ir.Text("a")),
            [{"text": "Hm.", "thought": True, "thoughtSignature": "VEg="}, {"text": "a", "thoughtSignature": "U0lH"}],
        ),
    ],
)
def test_a_texts_signature_finds_its_text(parts: tuple[ir.AnyPart, ...], written: list[dict[str, Any]]) -> None:
    assert model(*parts) == (written, ())


@pytest.mark.parametrize(
    "part",
    [
        ir.Reasoning("Hm.", path="p"),
        ir.Reasoning("Hm.", signature="EqQB", origin="anthropic_messages", path="p"),
        ir.Reasoning("", data="UkVE", origin="anthropic_messages", path="p"),
        ir.Opaque("anthropic_messages", {"type": "server_tool_use"}, path="p"),
    ],
)
def test_another_models_reasoning_and_work_is_left_out_and_named(part: ir.AnyPart) -> None:
    assert model(ir.Text("a"), part) == ([{"text": "a"}], ("p",))


def test_a_gemini_clients_own_thoughts_go_back_without_a_signature_too() -> None:
    assert model(ir.Reasoning("Hm."), origin="gemini") == ([{"text": "Hm.", "thought": True}], ())
    foreign = ir.Reasoning("Hm.", signature="EqQB", origin="anthropic_messages", path="p")
    assert model(foreign, origin="gemini") == ([], ("p",))


def test_a_model_that_wrote_broken_json_does_not_end_the_conversation() -> None:
    parts, dropped = model(ir.ToolCall("a", "f", '{"x"', path="p"), ir.ToolCall("b", "f", "free", custom=True, path="q"))
    assert [part["functionCall"]["args"] for part in parts] == [{"arguments": '{"x"'}, {"input": "free"}]
    assert dropped == ("p (arguments are no JSON object)", "q (its text in an object)")


def test_refusals_and_citations() -> None:
    cited = ir.Text("a", citations=(ir.Citation("x", {}),), path="t")
    assert model(ir.Refusal("No.", path="r"), cited) == (
        [{"text": "No."}, {"text": "a"}],
        ("r (as text)", "t.citations"),
    )


# What a user sends ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (ir.Image(ir.Source("base64", PNG)), {"inlineData": {"mimeType": "image/png", "data": PNG}}),
        (ir.Image(ir.Source("base64", "AA", "image/webp")), {"inlineData": {"mimeType": "image/webp", "data": "AA"}}),
        (
            ir.Image(ir.Source("url", "https://e.test/a.webp")),
            {"fileData": {"fileUri": "https://e.test/a.webp", "mimeType": "image/webp"}},
        ),
        (ir.Image(ir.Source("url", "https://e.test/a")), {"fileData": {"fileUri": "https://e.test/a", "mimeType": "image/jpeg"}}),
        (ir.Document(ir.Source("base64", PDF)), {"inlineData": {"mimeType": "application/pdf", "data": PDF}}),
        (ir.Document(ir.Source("text", "notes")), {"inlineData": {"mimeType": "text/plain", "data": "bm90ZXM="}}),
        (
            ir.Document(ir.Source("url", "https://e.test/a")),
            {"fileData": {"fileUri": "https://e.test/a", "mimeType": "application/pdf"}},
        ),
        (ir.Audio("AA", "mp3"), {"inlineData": {"mimeType": "audio/mp3", "data": "AA"}}),
    ],
)
def test_media(part: ir.AnyPart, written: dict[str, Any]) -> None:
    assert contents(ir.Message("user", (part,))) == ([{"role": "user", "parts": [written]}], ())


def test_what_media_says_besides_is_named() -> None:
    source, path = ir.Source("base64", PDF, "application/pdf"), "p"
    document = ir.Document(source, title="t", context="c", citations=True, cache=ir.CacheMark(), path=path)
    image = ir.Image(ir.Source("base64", PNG), detail="high", unknown={"odd": 1}, path="q")
    _, dropped = contents(ir.Message("user", (document, image), name="me", path="m"))
    assert dropped == (
        "m.name",
        "p.context",
        "p.citations",
        "p.title (not told to the model)",
        "p.cache_control",
        "q.detail",
        "q.odd",
    )


RESULT = ir.Message("user", (ir.ToolResult("a", (ir.Text("a chart"), ir.Image(ir.Source("base64", PNG))), path="r"),))
CALLED = ir.Message("assistant", (call("a", "chart"),))
IMAGE = {"inlineData": {"mimeType": "image/png", "data": PNG}}


def test_images_of_a_result_stand_in_it() -> None:
    turns, dropped = contents(USER, CALLED, RESULT)
    response = {"id": "a", "name": "chart", "response": {"output": "a chart"}, "parts": [IMAGE]}
    assert (turns[2]["parts"], dropped) == ([{"functionResponse": response}], ())


def test_for_older_models_they_stand_after_it() -> None:
    turns, dropped = contents(USER, CALLED, RESULT, target=ir.Target(thinking="budget"))
    response = {"id": "a", "name": "chart", "response": {"output": "a chart"}}
    assert turns[2]["parts"] == [{"functionResponse": response}, {"text": "Returned by the function call a:"}, IMAGE]
    assert dropped == ("r (images after the result)",)


def test_an_object_that_a_gemini_client_returned_is_an_object_again_and_another_clients_text_is_a_text() -> None:
    """A tool's own output may look like anything, a schema with references among them (BerriAI/litellm#38223)."""
    result = ir.Message("user", (ir.ToolResult("a", (ir.Text('{"$ref":"#/x"}'),)),))
    for origin, response in (("gemini", {"$ref": "#/x"}), ("openai_chat", {"output": '{"$ref":"#/x"}'})):
        turns, _ = contents(USER, CALLED, result, origin=origin)
        assert turns[2]["parts"][0]["functionResponse"]["response"] == response
    broken = ir.Message("user", (ir.ToolResult("a", (ir.Text('{"half'),)),))
    turns, _ = contents(USER, CALLED, broken, origin="gemini")
    assert turns[2]["parts"][0]["functionResponse"]["response"] == {"output": '{"half'}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (ir.Message("user", (ir.Image(ir.Source("file", "file-1"), path="p"),)), "image"),
        (ir.Message("user", (ir.Document(ir.Source("file", "file-1"), path="p"),)), "document"),
        (ir.Message("user", (ir.Opaque("other", {"type": "odd"}, path="p"),)), "odd"),
        (ir.Message("user", (ir.Refusal("No.", path="p"),)), "refusal"),
        (ir.Message("system", (ir.Image(ir.Source("base64", PNG), path="p"),)), "image"),
        (ir.Message("assistant", (ir.Image(ir.Source("base64", PNG), path="p"),)), "image"),
    ],
)
def test_what_has_no_place_is_refused_by_name(message: ir.Message, kind: str) -> None:
    with pytest.raises(UnsupportedField, match=f"'p': a Gemini upstream has no place for this {kind} part"):
        contents(USER, message) if message.role != "system" else contents(message, USER)
