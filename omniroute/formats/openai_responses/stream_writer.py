"""Responses streams: events of the ir -> events of the wire, and the whole answer that they add up to.

Source: https://platform.openai.com/docs/api-reference/responses-streaming and openai-python 3.54.0, whose stream helper needs
every `added` before its deltas, ascending indexes and one response id (read 2026-11-27). codex 0.169 reads nothing but
`output_item.done` and `response.completed`, and takes a failure from `response.failed` alone (measured 2026-11-22).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from omniroute.errors import Problem
from omniroute.formats import ir
from omniroute.formats.openai_error import render_error
from omniroute.formats.openai_responses.items import new_id, write_annotation, write_blob
from omniroute.formats.openai_responses.response import write_frame
from omniroute.formats.openai_responses.tools import spaces_of
from omniroute.formats.openai_responses.usage import NAME, write_incomplete, write_usage
from omniroute.formats.reasoning import seal_call


def render_response(
    events: Iterable[ir.Event], *, model: str | None = None, asked: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Events as a whole answer. `model` is the name to show, if not the upstream's; `asked` the client's own request."""
    writer = StreamWriter(model or "", True, asked)
    for event in events:
        writer.write(event)
    return writer.whole()


class StreamWriter:
    """Writes events for a client. `model` is the name to show, "" for the upstream's.

    Texts that follow each other become one, in one message: clients read the last message only. Usage is always in the
    last event. `final` is the finished response after `end`, None before and for an answer that never finished.
    """

    def __init__(self, model: str, include_usage: bool = True, asked: Mapping[str, Any] | None = None) -> None:
        self.final: dict[str, Any] | None = None
        self._model = model
        self._asked = asked
        self._spaces = spaces_of(asked or {})
        self._frame: dict[str, Any] = {}  # the response as it is shown at the start; empty until then
        self._number = 0
        self._closed = False
        self._output: list[dict[str, Any]] = []  # what is whole
        self._item: dict[str, Any] | None = None  # what is open
        self._kind = ""  # of the open content: text, refusal, summary, arguments, input
        self._texts: list[str] = []  # of the open content
        self._length = 0  # of them together
        self._text_start = 0
        self._head = b""  # of a delta of the open content, up to its text
        self._tail = b""
        self._signature: ir.SignatureSeen | None = None
        self._part: ir.PartStarted | None = None
        self._usage: ir.Usage | None = None
        self._finished: ir.Finished | None = None

    def write(self, event: ir.Event) -> bytes:
        """The bytes for one event; b"" for one that says nothing in Responses, or not yet."""
        if type(event) is ir.TextDelta:  # the bulk of a stream
            return self._delta(event.text)
        if self._closed:
            return b""
        match event:
            case ir.ReasoningDelta() | ir.RefusalDelta() | ir.ArgumentsDelta():
                return self._opening_delta(event)
            case ir.PartStarted():
                return self._part_started(event)
            case ir.PartStopped():
                return self._part_stopped()
            case ir.SignatureSeen():
                self._signature = event
            case ir.CitationSeen():
                return self._cite(event.citation)
            case ir.Started():
                return self._begin(event)
            case ir.UsageSeen():
                self._usage = event.usage
            case ir.Finished():
                self._finished = event
        return b""

    def end(self) -> bytes:
        """Closes what is open, then response.completed or response.incomplete. Nothing for an answer that never finished."""
        if self._closed or self._finished is None:
            return b""
        details = write_incomplete(self._finished.stop_reason)
        out = self._begin(None) + self._close_item("completed" if details is None else "incomplete")
        self._closed = True
        self.final = self._ended(details)
        return out + self._event(f"response.{self.final['status']}", response=self.final)

    def fail(self, problem: Problem) -> bytes:
        """response.failed, as the last thing in the stream."""
        if self._closed:
            return b""
        out = self._begin(None)
        self._closed = True
        told = render_error(problem)
        error = told["error"]
        error["code"] = str(error["code"] or ("server_error" if problem.status >= 500 else "invalid_prompt"))
        response = {**self._frame, "status": "failed", "error": error, "output": self._output}
        return out + self._event("response.failed", response=response, omniroute=told["omniroute"])

    def whole(self) -> dict[str, Any]:
        """The response that has been written, also if its end was never told."""
        self._finished = self._finished or ir.Finished("end_turn")
        self.end()
        assert self.final is not None
        return self.final

    def _ended(self, details: dict[str, str] | None) -> dict[str, Any]:
        done = {"status": "completed", "completed_at": int(time.time())} if details is None else {"status": "incomplete"}
        rest = {"incomplete_details": details, "output": self._output, "usage": write_usage(self._usage)}
        return {**self._frame, **done, **rest}

    def _begin(self, event: ir.Started | None) -> bytes:
        """response.created and response.in_progress, once. A client gets no id of another format's upstream: some repeat
        theirs, and what is kept is found by it."""
        if self._frame:
            return b""
        event = event or ir.Started()
        created = int(time.time()) if event.created is None else event.created
        own = event.id.startswith("resp_") or (event.id and self._asked is None)
        started = replace(event, id=event.id if own else new_id("resp"), created=created)
        self._frame = write_frame(started, self._model or event.model, self._asked)
        return self._event("response.created", response=self._frame) + self._event("response.in_progress", response=self._frame)

    # Parts

    def _part_started(self, event: ir.PartStarted) -> bytes:
        if event.opaque is not None and event.opaque.origin != NAME:
            return b""  # another format's own part has no place here, and comes between no two texts
        self._part, self._signature = event, None
        self._text_start = self._length if self._kind == "text" else 0
        if event.kind == "text":
            return self._open_content("text")
        if event.kind == "refusal":
            return self._open_content("refusal")
        out = self._begin(None) + self._close_item()
        if event.kind == "reasoning":
            return out + self._open_item(_reasoning(event))
        if event.kind == "tool_call":
            return out + self._open_call(event)
        return out if event.opaque is None else out + self._open_item(dict(event.opaque.document))

    def _part_stopped(self) -> bytes:
        """A text stays open: another one may follow."""
        part, self._part = self._part, None
        if part is None or part.kind in ("text", "refusal"):
            return b""
        return self._close_item()

    def _opening_delta(self, event: ir.ReasoningDelta | ir.RefusalDelta | ir.ArgumentsDelta) -> bytes:
        """The first fragment of a summary opens it: reasoning may come without any. An opaque part's input is in it already."""
        if self._part is None or self._part.kind == "opaque":
            return b""
        if type(event) is ir.ReasoningDelta and self._kind != "summary" and self._item is not None:
            place = self._place() | {"summary_index": 0}
            out = self._event("response.reasoning_summary_part.added", **place, part=_summary(""))
            self._open("summary", "response.reasoning_summary_text.delta", place)
            return out + self._delta(event.text)
        return self._delta(event.text)

    def _delta(self, text: str) -> bytes:
        """A fragment of the open content."""
        if not self._head or self._closed:
            return b""
        self._texts.append(text)
        self._length += len(text)
        number = self._number
        self._number = number + 1
        return self._head + orjson.dumps(text) + self._tail + b"%d}\n\n" % number

    def _cite(self, citation: ir.Citation) -> bytes:
        annotation = write_annotation(citation, self._text_start, self._length)
        if annotation is None or self._item is None or self._kind != "text":
            return b""
        content = self._item["content"]
        annotations = content[-1]["annotations"]
        annotations.append(annotation)
        place = self._place() | {"content_index": len(content) - 1, "annotation_index": len(annotations) - 1}
        return self._event("response.output_text.annotation.added", **place, annotation=annotation)

    # Contents of a message

    def _open_content(self, kind: str) -> bytes:
        out = self._begin(None)
        if self._item is None or self._item["type"] != "message":
            message = {"id": new_id("msg"), "type": "message", "role": "assistant", "status": "in_progress", "content": []}
            out += self._close_item() + self._open_item(message)
        elif self._kind == kind:
            return out
        else:
            out += self._close_content()
        assert self._item is not None
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        if kind == "refusal":
            part = {"type": "refusal", "refusal": ""}
        place = self._place() | {"content_index": len(self._item["content"])}
        out += self._event("response.content_part.added", **place, part=part)
        self._item["content"].append(part)
        more: dict[str, Any] = {"logprobs": []} if kind == "text" else {}
        self._open(kind, f"response.{'output_text' if kind == 'text' else 'refusal'}.delta", place, **more)
        return out

    def _open(self, kind: str, event: str, place: Mapping[str, Any], **more: Any) -> None:
        """Everything that the deltas of a content have in common is written once."""
        self._kind, self._texts, self._length, self._text_start = kind, [], 0, 0
        named = {"type": event, **place, **more}
        self._head = b"event: " + event.encode() + b"\ndata: " + orjson.dumps(named)[:-1] + b',"delta":'
        self._tail = b',"sequence_number":'

    def _close_content(self) -> bytes:
        """The `done` events of the open content."""
        item, kind, text = self._item, self._kind, "".join(self._texts)
        self._kind, self._head, self._texts = "", b"", []
        if item is None or not kind:
            return b""
        place = self._place()
        if kind in ("arguments", "input"):
            item[kind] = text
            event = "function_call_arguments" if kind == "arguments" else "custom_tool_call_input"
            named = {"name": item["name"]} if kind == "arguments" else {}
            return self._event(f"response.{event}.done", **place, **named, **{kind: text})
        if kind == "summary":
            item["summary"] = [_summary(text)]
            place["summary_index"] = 0
            done = self._event("response.reasoning_summary_text.done", **place, text=text)
            return done + self._event("response.reasoning_summary_part.done", **place, part=_summary(text))
        part = item["content"][-1]
        place["content_index"] = len(item["content"]) - 1
        if kind == "text":
            part["text"] = text
            done = self._event("response.output_text.done", **place, text=text, logprobs=[])
        else:
            part["refusal"] = text
            done = self._event("response.refusal.done", **place, refusal=text)
        return done + self._event("response.content_part.done", **place, part=part)

    # Items

    def _open_call(self, event: ir.PartStarted) -> bytes:
        """A call that another format had signed has its signature in an item before it, which clients send back."""
        out = b""
        if event.signature is not None:
            out = self._open_item(_reasoning(event) | {"encrypted_content": seal_call(event.signature, event.origin)})
            out += self._close_item()
        call: dict[str, Any] = {"type": "function_call", "status": "in_progress", "arguments": ""}
        if event.custom:
            call = {"type": "custom_tool_call", "status": "in_progress", "input": ""}
        elif event.name in self._spaces:
            call["namespace"] = self._spaces[event.name]
        item_id = new_id("ctc" if event.custom else "fc")
        out += self._open_item({"id": item_id, **call, "call_id": event.id, "name": event.name})
        kind, name = ("input", "custom_tool_call_input") if event.custom else ("arguments", "function_call_arguments")
        self._open(kind, f"response.{name}.delta", self._place())
        return out

    def _open_item(self, item: dict[str, Any]) -> bytes:
        self._item = item
        return self._event("response.output_item.added", output_index=len(self._output), item=item)

    def _close_item(self, status: str = "completed") -> bytes:
        """`status` is that of a text that the end of the answer closes."""
        out = self._close_content()
        item, self._item = self._item, None
        if item is None:
            return out
        if item["type"] == "reasoning" and self._signature is not None:
            signed = ir.Reasoning("", signature=self._signature.signature, origin=self._signature.origin)
            item["encrypted_content"] = write_blob(signed)
        elif item.get("status") == "in_progress":
            item["status"] = status
        index = len(self._output)
        self._output.append(item)
        return out + self._event("response.output_item.done", output_index=index, item=item)

    def _place(self) -> dict[str, Any]:
        assert self._item is not None
        return {"item_id": self._item["id"], "output_index": len(self._output)}

    def _event(self, event: str, **members: Any) -> bytes:
        number = self._number
        self._number = number + 1
        return (
            b"event: "
            + event.encode()
            + b"\ndata: "
            + orjson.dumps({"type": event, **members, "sequence_number": number})
            + b"\n\n"
        )


def _reasoning(event: ir.PartStarted) -> dict[str, Any]:
    item: dict[str, Any] = {"id": new_id("rs"), "type": "reasoning", "summary": []}
    if event.data is not None:
        item["encrypted_content"] = write_blob(ir.Reasoning("", data=event.data, origin=event.origin))
    return item


def _summary(text: str) -> dict[str, str]:
    return {"type": "summary_text", "text": text}
