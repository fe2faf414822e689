"""Responses answers as upstreams send them, written for these tests after the public references:

- https://platform.openai.com/docs/api-reference/responses-streaming, .../responses/object (events and their members)
- https://platform.openai.com/docs/guides/reasoning (encrypted reasoning, summaries), .../guides/function-calling (parallel
  calls, custom tools), .../guides/tools-web-search (annotations), .../guides/structured-outputs (refusals)
- the types of openai-python 3.54.0; raw reasoning of open models after https://docs.vllm.ai (gpt-oss)
- codex 0.169: `item.done` and `response.completed` are all it needs, and all that some upstreams send

All read 2026-11-27. Each sample says the same twice, as a stream and as a whole answer.
"""

from __future__ import annotations

import itertools
from typing import Any

import orjson

from tests.formats.sample import UNICODE, Sample

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJcOkw7zDtsOfCg=="
BLOB = "gAAAAABo+/8=" + "Zm9v" * 60
USAGE = {
    "input_tokens": 120,
    "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 0},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 8},
    "total_tokens": 150,
}


def response(output: list[dict[str, Any]], status: str = "completed", **more: Any) -> dict[str, Any]:
    frame = {"id": "resp_1", "object": "response", "created_at": 1700000000, "status": status, "model": "gpt-x"}
    return frame | {"error": None, "incomplete_details": None, "output": output, "usage": USAGE} | more


def event(kind: str, **members: Any) -> bytes:
    """An event without its number."""
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **members}) + b"\n\n"


def stream(whole: dict[str, Any], *events: bytes) -> bytes:
    """From response.created to the event that `whole` ends with."""
    begun = response([], "in_progress", usage=None)
    ending = event(f"response.{whole['status']}", response=whole)
    made = [event("response.created", response=begun), event("response.in_progress", response=begun), *events, ending]
    numbers = itertools.count()
    return b"".join(each.removesuffix(b"}\n\n") + b',"sequence_number":%d}\n\n' % next(numbers) for each in made)


def text(said: str, annotations: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": annotations or [], "logprobs": []}


def message(*content: dict[str, Any], item_id: str = "msg_1") -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": "assistant", "status": "completed", "content": list(content)}


def call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    item = {"id": f"fc_{call_id}", "type": "function_call", "status": "completed"}
    return item | {"call_id": call_id, "name": name, "arguments": arguments}


def reasoning(*summary: str, blob: str | None = BLOB, content: tuple[str, ...] = ()) -> dict[str, Any]:
    item: dict[str, Any] = {"id": "rs_1", "type": "reasoning"}
    item["summary"] = [{"type": "summary_text", "text": part} for part in summary]
    if content:
        item["content"] = [{"type": "reasoning_text", "text": part} for part in content]
    return item if blob is None else item | {"encrypted_content": blob}


def item_events(index: int, item: dict[str, Any], empty: dict[str, Any], *events: bytes) -> bytes:
    added = event("response.output_item.added", output_index=index, item=item | {"status": "in_progress"} | empty)
    return added + b"".join(events) + event("response.output_item.done", output_index=index, item=item)


def message_events(index: int, item: dict[str, Any], *pieces: str, **annotations: Any) -> bytes:
    """A message with one text or refusal, said in pieces."""
    part = item["content"][0]
    kind = "output_text" if part["type"] == "output_text" else "refusal"
    name = "text" if kind == "output_text" else "refusal"
    place = {"item_id": item["id"], "output_index": index, "content_index": 0}
    cited = [
        event("response.output_text.annotation.added", **place, annotation_index=number, annotation=each)
        for number, each in enumerate(part.get("annotations", ()))
    ]
    return item_events(
        index,
        item,
        {"content": []},
        event("response.content_part.added", **place, part=part | {name: ""} | ({"annotations": []} if cited else {})),
        *(event(f"response.{kind}.delta", **place, delta=piece) for piece in pieces),
        *cited,
        event(f"response.{kind}.done", **place, **{name: part[name]}),
        event("response.content_part.done", **place, part=part),
    )


def argument_delta(index: int, item: dict[str, Any], piece: str) -> bytes:
    return event("response.function_call_arguments.delta", item_id=item["id"], output_index=index, delta=piece)


def call_events(index: int, item: dict[str, Any], *pieces: str) -> bytes:
    done = event("response.function_call_arguments.done", item_id=item["id"], output_index=index, arguments=item["arguments"])
    return item_events(index, item, {"arguments": ""}, *(argument_delta(index, item, piece) for piece in pieces), done)


def summary_events(index: int, item: dict[str, Any], *parts: tuple[str, ...]) -> bytes:
    """Reasoning whose summary has these parts, each in pieces."""
    made = b""
    for number, pieces in enumerate(parts):
        place = {"item_id": item["id"], "output_index": index, "summary_index": number}
        whole = {"type": "summary_text", "text": "".join(pieces)}
        made += event("response.reasoning_summary_part.added", **place, part=whole | {"text": ""})
        for piece in pieces:
            made += event("response.reasoning_summary_text.delta", **place, delta=piece)
        made += event("response.reasoning_summary_text.done", **place, text=whole["text"])
        made += event("response.reasoning_summary_part.done", **place, part=whole)
    half = {"encrypted_content": BLOB[:20]} if "encrypted_content" in item else {}
    return item_events(index, item, {"summary": [], **half}, made)


def sample(name: str, whole: dict[str, Any], *events: bytes) -> Sample:
    return Sample(name, stream(whole, *events), whole)


_PARIS, _CET, _NOW = (
    call("call_a", "weather", '{"city":"Paris"}'),
    call("call_b", "time", '{"zone":"CET"}'),
    call("call_c", "now", "{}"),
)
_THOUGHT = reasoning("Let me see.", "It may rain.")
_SILENT = reasoning()
_RAW = reasoning(blob=None, content=("Let me see.",))
_CITATION = {"type": "url_citation", "start_index": 0, "end_index": 9, "url": "https://a.test", "title": "A"}
_SEARCH = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "weather"}}
_PATCH = {"id": "ctc_1", "type": "custom_tool_call", "status": "completed", "call_id": "call_p", "name": "apply_patch"}
_PATCH["input"] = '*** Begin Patch\n"quoted"\n*** End Patch'
_TWO_TEXTS = message(text("One."), text("Two."))
_REFUSAL = {"type": "refusal", "refusal": "I can't do that."}
_CUT = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
_FILTERED = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}

RESPONSES = (
    sample("text", response([message(text("Hello"))]), message_events(0, message(text("Hello")), "Hel", "lo")),
    sample(
        "unicode, cut by the limit",
        response([message(text(UNICODE))], **_CUT),
        message_events(0, message(text(UNICODE)), *(UNICODE[at : at + 41] for at in range(0, len(UNICODE), 41))),
    ),
    sample(
        "reasoning in two parts with a blob, text, a tool",
        response([_THOUGHT, message(text("I look.")), _PARIS]),
        summary_events(0, _THOUGHT, ("Let me ", "see."), ("It may rain.",)),
        message_events(1, message(text("I look.")), "I look."),
        call_events(2, _PARIS, '{"city":', '"Paris"}'),
    ),
    sample(
        "a blob alone, then a tool",
        response([_SILENT, _NOW]),
        summary_events(0, _SILENT),
        call_events(1, _NOW, "{}"),
    ),
    sample(
        "reasoning of an open model",
        response([_RAW, message(text("42"))]),
        item_events(
            0,
            _RAW,
            {"content": []},
            event("response.reasoning_text.delta", item_id="rs_1", output_index=0, content_index=0, delta="Let me "),
            event("response.reasoning_text.delta", item_id="rs_1", output_index=0, content_index=0, delta="see."),
            event("response.reasoning_text.done", item_id="rs_1", output_index=0, content_index=0, text="Let me see."),
        ),
        message_events(1, message(text("42")), "42"),
    ),
    sample(
        "parallel tools, interleaved",
        response([_PARIS, _CET, _NOW]),
        *(
            event("response.output_item.added", output_index=index, item=item | {"arguments": "", "status": "in_progress"})
            for index, item in enumerate((_PARIS, _CET))
        ),
        argument_delta(0, _PARIS, '{"city"'),
        argument_delta(1, _CET, '{"zone":'),
        event("response.output_item.added", output_index=2, item=_NOW | {"arguments": "", "status": "in_progress"}),
        argument_delta(0, _PARIS, ':"Paris"}'),
        argument_delta(1, _CET, '"CET"}'),
        *(
            event("response.output_item.done", output_index=index, item=item)
            for index, item in ((1, _CET), (0, _PARIS), (2, _NOW))
        ),
    ),
    sample(
        "a custom tool",
        response([_PATCH]),
        item_events(
            0,
            _PATCH,
            {"input": ""},
            *(
                event("response.custom_tool_call_input.delta", item_id="ctc_1", output_index=0, delta=piece)
                for piece in (_PATCH["input"][:9], _PATCH["input"][9:])
            ),
            event("response.custom_tool_call_input.done", item_id="ctc_1", output_index=0, input=_PATCH["input"]),
        ),
    ),
    sample("refusal", response([message(_REFUSAL)]), message_events(0, message(_REFUSAL), "I can't ", "do that.")),
    sample(
        "content filter, no usage",
        response([message(text("No"))], usage=None, **_FILTERED),
        message_events(0, message(text("No")), "No"),
    ),
    sample(
        "a server's own search, cited",
        response([_SEARCH, message(text("It rains.", [_CITATION]))]),
        item_events(0, _SEARCH, {}, event("response.web_search_call.searching", item_id="ws_1", output_index=0)),
        message_events(1, message(text("It rains.", [_CITATION])), "It ", "rains."),
    ),
    sample(
        "two texts in a message, said only when it is done",
        response([_TWO_TEXTS, _PARIS]),
        event("response.output_item.done", output_index=0, item=_TWO_TEXTS),
        event("response.output_item.done", output_index=1, item=_PARIS),
    ),
    sample("no deltas", response([_THOUGHT, message(text("Hello")), _PARIS])),
    sample("nothing to say", response([])),
)

FULL: dict[str, Any] = {
    "model": "gpt-x",
    "instructions": "Be brief.",
    "input": [
        {"type": "message", "role": "developer", "id": "msg_0", "content": [{"type": "input_text", "text": "Use tools."}]},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is on it?", "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "high"},
                {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
                {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Let me"}, {"type": "summary_text", "text": "see."}],
            "content": None,
            "encrypted_content": BLOB,
        },
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "status": "completed",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "I look.", "annotations": [_CITATION], "logprobs": []}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "call_a", "name": "weather", "arguments": '{"city": "Paris"}'},
        {"type": "function_call", "call_id": "call_b", "name": "spawn", "arguments": "{}", "namespace": "agents"},
        {"type": "custom_tool_call", "call_id": "call_c", "name": "apply_patch", "input": "*** Begin"},
        {
            "type": "function_call_output",
            "id": "fco_1",
            "call_id": "call_b",
            "status": "completed",
            "output": [
                {"type": "input_text", "text": "a chart"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "high"},
            ],
        },
        {"type": "function_call_output", "call_id": "call_a", "output": "rain"},
        {"type": "custom_tool_call_output", "call_id": "call_c", "output": "done"},
        {"role": "assistant", "content": "Fine.", "phase": "final_answer"},
        {"role": "user", "content": "And now?"},
    ],
    "tools": [
        {
            "type": "function",
            "name": "weather",
            "description": "The weather.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            "strict": True,
            "defer_loading": False,
        },
        {
            "type": "namespace",
            "name": "agents",
            "description": "Agents.",
            "tools": [{"type": "function", "name": "spawn", "description": "One more.", "parameters": {"type": "object"}}],
        },
        {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"}},
        {"type": "web_search", "external_web_access": True},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_logprobs": 2,
    "max_output_tokens": 4096,
    "text": {
        "format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": True},
        "verbosity": "low",
    },
    "reasoning": {"effort": "low", "summary": "auto", "context": "auto"},
    "include": ["reasoning.encrypted_content"],
    "metadata": {"team": "a"},
    "safety_identifier": "user-1",
    "service_tier": "auto",
    "prompt_cache_key": "key-1",
    "client_metadata": {"turn": "1"},
    "store": False,
    "truncation": "disabled",
    "stream": True,
    "stream_options": {"include_obfuscation": False},
}
