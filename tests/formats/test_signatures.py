"""Where each format keeps the signatures that Gemini puts on calls and texts, for clients that send back what they got.

Chat: `extra_content.google.thought_signature`, as Google's own endpoint has it (https://ai.google.dev/gemini-api/docs/
thought-signatures, read 2026-11-27). Messages: sealed in a thinking block, right before the call.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from omniroute.formats import FORMATS, ir, sse
from omniroute.formats.answer import gather, unfold
from omniroute.formats.reasoning import seal_call, unseal, unseal_call
from tests.formats import laws
from tests.formats.samples import chunk, completion
from tests.formats.samples_gemini import GEMINI, SIGNATURE

EXTRA = {"extra_content": {"google": {"thought_signature": SIGNATURE}}}
SIGNED_CALL = next(sample for sample in GEMINI if sample.name == "thoughts, a tool, a signature")
SIGNED_TEXT = next(sample for sample in GEMINI if "on an empty one" in sample.name)
CALL: dict[str, Any] = {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TEXT_SIGNATURE = ir.Reasoning("", signature=SIGNATURE, origin="gemini")


def chat_deltas(sample: Any) -> list[dict[str, Any]]:
    data = laws.write(FORMATS["openai_chat"].StreamWriter("mine", False), laws.read("gemini", sample.stream))
    documents = [orjson.loads(event.data) for event in sse.Decoder().feed(data)[:-1]]
    return [document["choices"][0]["delta"] for document in documents]


def test_a_chat_client_gets_a_calls_signature_on_the_call() -> None:
    (call,) = [call for delta in chat_deltas(SIGNED_CALL) for call in delta.get("tool_calls", []) if "id" in call]
    assert call["extra_content"] == EXTRA["extra_content"]
    whole = FORMATS["openai_chat"].render_response(laws.read("gemini", SIGNED_CALL.stream))
    assert whole["choices"][0]["message"]["tool_calls"][0]["extra_content"] == EXTRA["extra_content"]


def test_a_chat_client_gets_a_texts_signature_on_the_message_once() -> None:
    assert [delta for delta in chat_deltas(SIGNED_TEXT) if "extra_content" in delta] == [EXTRA]
    whole = FORMATS["openai_chat"].render_response(laws.read("gemini", SIGNED_TEXT.stream))
    assert whole["choices"][0]["message"]["extra_content"] == EXTRA["extra_content"]
    twice = [ir.Started(), *unfold(gather(laws.read("gemini", SIGNED_TEXT.stream)))[1:-2]]
    signed = [ir.PartStarted(9, "reasoning"), ir.SignatureSeen(9, "other", "gemini"), ir.PartStopped(9), ir.Finished("end_turn")]
    assert laws.write(FORMATS["openai_chat"].StreamWriter("mine", False), [*twice, *signed]).count(b"extra_content") == 1


def test_googles_chat_endpoint_is_read_as_gemini_is() -> None:
    """It sends a text's signature with the first piece of the text."""
    stream = chunk({"role": "assistant", "content": "I ", **EXTRA}) + chunk({"content": "look."})
    stream += chunk({"tool_calls": [{"index": 0, **CALL, **EXTRA}]}) + chunk({}, "tool_calls")
    parts = (ir.Text("I look."), TEXT_SIGNATURE, ir.ToolCall("call_a", "f", "{}", signature=SIGNATURE, origin="gemini"))
    assert gather(laws.read("openai_chat", stream + b"data: [DONE]\n\n")).parts == parts
    whole = completion({"content": "I look.", "tool_calls": [CALL | EXTRA], **EXTRA}, "tool_calls")
    assert gather(FORMATS["openai_chat"].parse_response(whole)).parts == parts


def chat_request(**more: Any) -> ir.Request:
    turn = {"role": "assistant", "content": "I look.", "tool_calls": [CALL | EXTRA], **EXTRA}
    messages = [{"role": "user", "content": "Hi"}, turn, {"role": "tool", "tool_call_id": "call_a", "content": "ok"}]
    return FORMATS["openai_chat"].parse_request({"model": "m", "messages": messages, **more})


def test_a_chat_client_sends_them_back() -> None:
    request = chat_request()
    assert request.messages[1].parts == (
        ir.Text("I look."),
        TEXT_SIGNATURE,
        ir.ToolCall("call_a", "f", "{}", signature=SIGNATURE, origin="gemini"),
    )
    assert request.unread == ()
    body, dropped = FORMATS["openai_chat"].render_request(request)
    assert body["messages"][1] == {"role": "assistant", "content": "I look.", "tool_calls": [CALL | EXTRA], **EXTRA}
    assert dropped == ()


def test_extra_content_of_somebody_else_is_left_over() -> None:
    other = {"extra_content": {"other": 1}}
    turn = {"role": "assistant", "content": "a", "tool_calls": [CALL | other], **other}
    request = FORMATS["openai_chat"].parse_request({"model": "m", "messages": [{"role": "user", "content": "Hi"}, turn]})
    assert set(request.unread) == {"messages.1.extra_content", "messages.1.tool_calls.0.extra_content"}


@pytest.mark.parametrize("replays", [True, False])
def test_another_clients_signatures_go_only_to_a_chat_upstream_that_takes_more_than_openai(replays: bool) -> None:
    shown = FORMATS["gemini"].render_response(laws.read("gemini", SIGNED_CALL.stream))
    contents = [{"parts": [{"text": "Hi"}]}, shown["candidates"][0]["content"]]
    request = FORMATS["gemini"].parse_request({"contents": contents})
    target = ir.Target(replays_reasoning=replays)
    body, dropped = FORMATS["openai_chat"].render_request(replace(request, target=target))
    assert ("extra_content" in body["messages"][1]["tool_calls"][0]) is replays
    assert ("contents.1.parts.1.extra_content" in dropped) is not replays


def test_a_messages_client_gets_it_sealed_right_before_the_call() -> None:
    events = laws.read("gemini", SIGNED_CALL.stream)
    content = FORMATS["anthropic_messages"].render_response(events)["content"]
    assert [block["type"] for block in content] == ["thinking", "thinking", "tool_use"]
    assert content[1] == {"type": "thinking", "thinking": "", "signature": seal_call(SIGNATURE, "gemini")}
    data = laws.write(FORMATS["anthropic_messages"].StreamWriter("mine", True), events)
    documents = [orjson.loads(event.data) for event in sse.Decoder().feed(data)]
    starts = [(each["index"], each["content_block"]["type"]) for each in documents if each["type"] == "content_block_start"]
    assert starts == [(0, "thinking"), (1, "thinking"), (2, "tool_use")]
    stops = [each["index"] for each in documents if each["type"] == "content_block_stop"]
    assert stops == [0, 1, 2]
    signatures = [each["delta"]["signature"] for each in documents if each.get("delta", {}).get("type") == "signature_delta"]
    assert signatures == [seal_call(SIGNATURE, "gemini")]


def test_a_messages_client_sends_it_back_and_no_messages_upstream_gets_it() -> None:
    content = FORMATS["anthropic_messages"].render_response(laws.read("gemini", SIGNED_CALL.stream))["content"]
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": content}]
    request = FORMATS["anthropic_messages"].parse_request({"model": "m", "max_tokens": 9, "messages": turns})
    call = ir.ToolCall("fc_a", "now", "{}", signature=SIGNATURE, origin="gemini")
    assert request.messages[1].parts == (ir.Reasoning("Let me see."), call)
    body, dropped = FORMATS["anthropic_messages"].render_request(request)
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use"]
    assert "messages.1.content.2.signature" in dropped


def test_a_sealed_calls_signature_is_known_from_others() -> None:
    assert unseal_call(seal_call("U0:lH", "gemini")) == ("U0:lH", "gemini")
    assert unseal_call(seal_call("U0lH", None)) == ("U0lH", None)
    assert unseal_call("EqQB") is None
    assert unseal("hm", "EqQB") is None
