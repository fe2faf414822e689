"""ir.Message -> the `systemInstruction` and `contents` of a Gemini body.

What Gemini asks of a conversation: turns of one side stand together, a turn with calls is followed by one that answers all of
them and nothing else comes first, and from Gemini 3 on the first call of each such turn carries its signature, else the body is
refused. For calls that another model made Google documents a stand-in, which switches the check off
(https://ai.google.dev/gemini-api/docs/thought-signatures, "FAQs", read 2026-11-27).
"""

from __future__ import annotations

import base64
from typing import Any

import orjson

from omniroute.formats import ir
from omniroute.formats.arguments import is_object
from omniroute.formats.gemini.parts import write_call, write_part
from omniroute.formats.gemini.thinking import takes_budget
from omniroute.formats.gemini.usage import NAME
from omniroute.formats.media import type_of_url
from omniroute.formats.system import leading_system, reminder
from omniroute.formats.wording import Dropped, no_place, no_text

NO_SIGNATURE = "skip_thought_signature_validator"  # of the two that Google documents, the one that Vertex AI takes too


def write_contents(request: ir.Request, dropped: Dropped) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(parts of the system instruction, contents). Raises UnsupportedField for a part that Gemini has no place for."""
    writer = _Contents(request, dropped)
    leading, rest = leading_system(request.messages)
    system = [part for message in leading for part in writer.system(message)]
    for message in rest:
        writer.add(message)
    if not writer.turns and system:  # a Chat request may be instructions and nothing else; Gemini needs a turn
        dropped.add(f"{request.messages[0].path}.role", "as a user turn")
        return [], [{"role": "user", "parts": system}]
    if not writer.turns:
        raise no_text(request)
    return system, writer.turns


class _Contents:
    """Writes ir messages one after another into `turns`."""

    def __init__(self, request: ir.Request, dropped: Dropped) -> None:
        self.turns: list[dict[str, Any]] = []
        self._dropped = dropped
        self._own = request.origin == NAME
        self._old = not self._own and takes_budget(request)  # of before Gemini 3
        self._names: dict[str, str] = {}  # call id -> the function's name, which a result has to repeat

    def system(self, message: ir.Message) -> list[dict[str, Any]]:
        self._unnamed(message)
        for part in message.parts:
            if not isinstance(part, ir.Text):
                raise no_place(part, "a Gemini")
        return [self._noted(part, {"text": part.text}) for part in message.parts if isinstance(part, ir.Text) and part.text]

    def add(self, message: ir.Message) -> None:
        if message.role == "assistant":
            self._unnamed(message)
            self._turn("model", self._model(message))
        elif message.role == "user":
            self._unnamed(message)
            self._turn("user", [written for part in message.parts for written in self._user(part)])
        else:
            self._later_system(message)

    def _later_system(self, message: ir.Message) -> None:
        """System text in mid-conversation has no place of its own."""
        parts = self.system(message)
        for part in parts:
            part["text"] = reminder(part["text"])
        if parts:
            self._dropped.add(f"{message.path}.role", "as a reminder in the user's turn")
            self._turn("user", parts)

    def _turn(self, role: str, parts: list[dict[str, Any]]) -> None:
        if not parts:
            return
        if self.turns and self.turns[-1]["role"] == role:
            parts = [*self.turns.pop()["parts"], *parts]
        if role == "user":
            parts = sorted(parts, key=lambda part: "functionResponse" not in part)  # stable
        self.turns.append({"role": role, "parts": parts})

    def _unnamed(self, message: ir.Message) -> None:
        if message.name is not None:
            self._dropped.add(f"{message.path}.name")

    # A model's turn

    def _model(self, message: ir.Message) -> list[dict[str, Any]]:
        written: list[dict[str, Any]] = []
        held: dict[str, Any] | None = None  # a text's signature that stands before it, as Chat keeps them
        first_call = True
        for part in message.parts:
            if isinstance(part, ir.Reasoning) and not part.text and part.origin == NAME and part.signature is not None:
                held = _sign_last(written, part.signature)
                continue
            if isinstance(part, ir.ToolCall):
                each: dict[str, Any] | None = self._call(part, first_call)
                first_call = False
            else:
                each = self._said(part)
            if each is None:
                continue
            if held is not None and isinstance(part, ir.Text):
                each, held = each | held, None
            written.append(each)
        return written if held is None else [*written, {"text": "", **held}]

    def _call(self, part: ir.ToolCall, first: bool) -> dict[str, Any]:
        self._names[part.id] = part.name
        if not is_object(part):
            self._dropped.add(part.path, "arguments are no JSON object")
        if part.custom:
            self._dropped.add(part.path, "its text in an object")
        written = write_call(part)
        if part.signature is not None and part.origin != NAME:
            self._dropped.add(f"{part.path}.signature")
        if first and "thoughtSignature" not in written and not self._own and not self._old:
            written["thoughtSignature"] = NO_SIGNATURE
        return self._noted(part, written)

    def _said(self, part: ir.AnyPart) -> dict[str, Any] | None:
        """Reasoning goes back whole or not at all: another model's is left out, and so is what nothing proves."""
        match part:
            case ir.Reasoning() if part.origin != NAME and not (self._own and part.origin is None):
                self._dropped.add(part.path)
                return None
            case ir.Opaque() if part.origin != NAME:
                self._dropped.add(part.path)  # what another upstream's own tools did in an earlier turn
                return None
            case ir.Refusal():
                self._dropped.add(part.path, "as text")
            case ir.Text() if part.citations:
                self._dropped.add(f"{part.path}.citations")
        written = write_part(part)
        if written is None and not isinstance(part, ir.Text | ir.Refusal | ir.Reasoning):
            raise no_place(part, "a Gemini")
        return None if written is None else self._noted(part, written)

    # A user's turn

    def _user(self, part: ir.AnyPart) -> list[dict[str, Any]]:
        if isinstance(part, ir.ToolResult):
            return self._result(part)
        if isinstance(part, ir.Text | ir.Opaque):
            written = write_part(part)
            if written is None and isinstance(part, ir.Opaque):
                raise no_place(part, "a Gemini")
            return [] if written is None else [self._noted(part, written)]
        return [self._media(part)]

    def _result(self, part: ir.ToolResult) -> list[dict[str, Any]]:
        """A text goes as "output" or "error", the keys that the API names; media in `parts`, or after it for older models."""
        texts = [inner for inner in part.parts if isinstance(inner, ir.Text)]
        media = [self._media(inner) for inner in part.parts if not isinstance(inner, ir.Text)]
        for inner in texts:
            self._noted(inner, {})
        result: dict[str, Any] = {"id": part.call_id, "name": self._names.get(part.call_id, part.call_id)}
        result["response"] = self._response(part, "\n".join(inner.text for inner in texts), bool(texts))
        if media and not self._old:
            result["parts"] = media
            media = []
        elif media:
            self._dropped.add(part.path, "images after the result")
            media.insert(0, {"text": f"Returned by the function call {part.call_id}:"})
        return [self._noted(part, {"functionResponse": result}), *media]

    def _response(self, part: ir.ToolResult, text: str, told: bool) -> dict[str, Any]:
        if part.is_error:
            return {"error": text}
        if self._own and text.startswith("{"):  # it was read from an object
            try:
                given = orjson.loads(text)
            except orjson.JSONDecodeError:
                given = None
            if isinstance(given, dict):
                return given
        return {"output": text} if told else {}

    def _media(self, part: ir.AnyPart) -> dict[str, Any]:
        match part:
            case ir.Image():
                if part.detail not in (None, "auto"):
                    self._dropped.add(f"{part.path}.detail")
                written = self._source(part, part.source, "image/png", "image/jpeg")
            case ir.Document():
                for name, value in (("context", part.context), ("citations", part.citations)):
                    if value is not None:
                        self._dropped.add(f"{part.path}.{name}")
                written = self._source(part, part.source, "application/pdf", "application/pdf")
                if part.title is not None and self._own:
                    next(iter(written.values()))["displayName"] = part.title
                elif part.title is not None:
                    self._dropped.add(f"{part.path}.title", "not told to the model")
            case ir.Audio():
                written = {"inlineData": {"mimeType": f"audio/{part.format}", "data": part.data}}
            case _:
                raise no_place(part, "a Gemini")
        return self._noted(part, written)

    def _source(self, part: ir.Part, source: ir.Source, inline_type: str, linked_type: str) -> dict[str, Any]:
        """A file id of another host's is refused; a URL needs a type, which its ending tells or its kind suggests."""
        if source.kind == "base64":
            return {"inlineData": {"mimeType": source.media_type or inline_type, "data": source.data}}
        if source.kind == "text":
            data = base64.b64encode(source.data.encode()).decode()
            return {"inlineData": {"mimeType": source.media_type or "text/plain", "data": data}}
        if source.kind == "file" and not self._own:
            raise no_place(part, "a Gemini")
        media_type = source.media_type or type_of_url(source.data) or (None if source.kind == "file" else linked_type)
        return {"fileData": {"fileUri": source.data} | ({} if media_type is None else {"mimeType": media_type})}

    def _noted(self, part: ir.Part, written: dict[str, Any]) -> dict[str, Any]:
        """What only its own format knows of a part goes back to it, and is named to others. Gemini has no cache marks."""
        if part.cache is not None:
            self._dropped.add(f"{part.path}.cache_control")
        if self._own:
            return written | dict(part.unknown)
        for name in part.unknown:
            self._dropped.add(f"{part.path}.{name}")
        return written


def _sign_last(written: list[dict[str, Any]], signature: str) -> dict[str, Any] | None:
    """Put a signature on the text that it follows; if there is none, it is to be held for the next."""
    last = written[-1] if written else {}
    if "text" in last and "thought" not in last and "thoughtSignature" not in last:
        written[-1] = last | {"thoughtSignature": signature}
        return None
    return {"thoughtSignature": signature}
