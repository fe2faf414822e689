"""The answers of the fast upstream, one format after the other: a whole one, and the events of a stream."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

WORD = "word "
SENTENCE = "Hello! How can I help you today?"

# Opening events, one content event, closing events.
Stream = tuple[list[str], str, list[str]]


def chat_stream(model: str, chunks: int, with_usage: bool) -> Stream:
    base = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1760000000, "model": model}

    def event(choices: list[Any], **more: Any) -> str:
        return f"data: {json.dumps({**base, 'choices': choices, **more}, separators=(',', ':'))}\n\n"

    def choice(delta: dict[str, str], finish: str | None = None) -> str:
        return event([{"index": 0, "delta": delta, "finish_reason": finish}])

    usage = {"prompt_tokens": 9, "completion_tokens": chunks, "total_tokens": 9 + chunks}
    closing = [choice({}, "stop"), *([event([], usage=usage)] if with_usage else []), "data: [DONE]\n\n"]
    return [choice({"role": "assistant", "content": ""})], choice({"content": WORD}), closing


def messages_stream(model: str, chunks: int, with_usage: bool) -> Stream:
    def event(kind: str, **more: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **more}, separators=(',', ':'))}\n\n"

    message = {**messages_whole(model), "content": [], "stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1}}
    opening = [
        event("message_start", message=message),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        event("ping"),
    ]
    content = event("content_block_delta", index=0, delta={"type": "text_delta", "text": WORD})
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    closing = [event("content_block_stop", index=0), event("message_delta", delta=ended, usage={"output_tokens": chunks})]
    return opening, content, [*closing, event("message_stop")]


def chat_whole(model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": SENTENCE}
    return {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1760000000,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
    }


def messages_whole(model: str) -> dict[str, Any]:
    return {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": SENTENCE}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 9},
    }


def responses_whole(model: str, text: str = SENTENCE, status: str = "completed", output: int = 9) -> dict[str, Any]:
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 9 + output,
    }
    done = status == "completed"
    return {
        "id": "resp_bench",
        "object": "response",
        "created_at": 1760000000,
        "status": status,
        "model": model,
        "output": [responses_message(text)] if done else [],
        "usage": usage if done else None,
        "error": None,
        "incomplete_details": None,
    }


def responses_message(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"id": "msg_bench", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def responses_stream(model: str, chunks: int, with_usage: bool) -> Stream:
    def event(kind: str, **more: Any) -> str:
        document = {"type": f"response.{kind}", "sequence_number": 1, **more}
        return f"event: response.{kind}\ndata: {json.dumps(document, separators=(',', ':'))}\n\n"

    text = WORD * chunks
    place = {"item_id": "msg_bench", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"id": "msg_bench", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    started = responses_whole(model, status="in_progress")
    opening = [
        event("created", response=started),
        event("in_progress", response=started),
        event("output_item.added", output_index=0, item=item),
        event("content_part.added", **place, part=part | {"text": ""}),
    ]
    closing = [
        event("output_text.done", **place, text=text, logprobs=[]),
        event("content_part.done", **place, part=part),
        event("output_item.done", output_index=0, item=responses_message(text)),
        event("completed", response=responses_whole(model, text, output=chunks)),
    ]
    return opening, event("output_text.delta", **place, delta=WORD, logprobs=[]), closing


def gemini_whole(model: str, text: str = SENTENCE, finish: str | None = "STOP", output: int = 9) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage = {"promptTokenCount": 9, "candidatesTokenCount": output, "totalTokenCount": 9 + output}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "bench"}


def gemini_stream(model: str, chunks: int, with_usage: bool) -> Stream:
    def event(document: dict[str, Any]) -> str:
        return f"data: {json.dumps(document, separators=(',', ':'))}\n\n"

    return [], event(gemini_whole(model, WORD, None)), [event(gemini_whole(model, "", "STOP", chunks))]


APIS = {
    b"/chat/completions": "chat",
    b"/messages": "messages",
    b"/responses": "responses",
    b":generateContent": "gemini",
    b":streamGenerateContent": "gemini",
}
WHOLE: dict[str, Callable[[str], dict[str, Any]]] = {
    "chat": chat_whole,
    "messages": messages_whole,
    "responses": responses_whole,
    "gemini": gemini_whole,
}
STREAMED: dict[str, Callable[[str, int, bool], Stream]] = {
    "chat": chat_stream,
    "messages": messages_stream,
    "responses": responses_stream,
    "gemini": gemini_stream,
}
