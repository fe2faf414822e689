"""ir.Message -> the `messages` of a Chat Completions body."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from omniroute.formats import ir, media
from omniroute.formats.openai_chat.details import NAME, signs_text, write_details, write_signature
from omniroute.formats.openai_chat.response import write_tool_call
from omniroute.formats.wording import Dropped, no_place


def write_messages(request: ir.Request, dropped: Dropped) -> list[dict[str, Any]]:
    """Raises UnsupportedField for a part that Chat has no place for."""
    writer = _Messages(request, dropped)
    for message in request.messages:
        writer.add(message)
    return writer.written


def cache_control(cache: ir.CacheMark) -> dict[str, Any]:
    return {"type": "ephemeral"} | ({"ttl": cache.ttl} if cache.ttl else {})


class _Messages:
    """Writes ir messages one after another into `written`."""

    def __init__(self, request: ir.Request, dropped: Dropped) -> None:
        self.written: list[dict[str, Any]] = []
        self._dropped = dropped
        self._own = request.origin == NAME
        self._marks = request.target.cache_marks or self._own
        self._reasoning = request.target.replays_reasoning or self._own

    def add(self, message: ir.Message) -> None:
        if message.role == "assistant":
            self._assistant(message)
        elif message.role == "user":
            self._user(message)
        else:
            self._system(message)

    def _system(self, message: ir.Message) -> None:
        """Blocks of one system prompt become one text, since not every upstream takes a list there."""
        texts = [self._only_text(part) for part in message.parts]
        parts = [self._text(part) for part in texts if part.text]
        marked = any("cache_control" in part for part in parts)
        content: Any = parts if marked else "\n\n".join(part["text"] for part in parts)
        if parts or self._own:
            self._write(message, {"role": message.role, "content": content})

    def _user(self, message: ir.Message) -> None:
        """Tool results become messages of their own and come first: Chat wants them right after the calls."""
        results = [part for part in message.parts if isinstance(part, ir.ToolResult)]
        others = [self._part(part) for part in message.parts if not isinstance(part, ir.ToolResult)]
        moved: list[dict[str, Any]] = []
        for result in results:
            moved += self._tool_result(result)
            if message.name is not None and not others:
                self.written[-1]["name"] = message.name
        content = moved + others
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            self._write(message, {"role": "user", "content": content[0]["text"]})
        elif content or not results:
            self._write(message, {"role": "user", "content": content or ""})

    def _tool_result(self, result: ir.ToolResult) -> list[dict[str, Any]]:
        """Write the tool message. What it can't hold (images, files) is given back, for the user message after it."""
        texts = [self._text(part) for part in result.parts if isinstance(part, ir.Text)]
        moved: list[dict[str, Any]] = []
        for part in result.parts:
            if not isinstance(part, ir.Text):
                moved.append(self._part(part))
                self._dropped.add(part.path, "moved to a user message")
        if result.is_error and not (texts and texts[0]["text"].lower().startswith("error")):
            said = texts.pop(0) if texts else {"type": "text", "text": ""}
            texts.insert(0, said | {"text": f"Error: {said['text']}"})
            self._dropped.add(f"{result.path}.is_error", "said in the text")
        if moved:
            texts.append({"type": "text", "text": "(What this tool returned follows in the next user message.)"})
            moved.insert(0, {"type": "text", "text": f"Returned by the tool call {result.call_id}:"})
        if texts:
            texts[-1] = self._marked(texts[-1], result)
        plain = all(part.keys() == {"type", "text"} for part in texts)
        content: Any = "\n".join(part["text"] for part in texts) if plain else texts
        self.written.append({"role": "tool", "tool_call_id": result.call_id, "content": content})
        return moved

    def _assistant(self, message: ir.Message) -> None:
        texts: list[dict[str, Any]] = []
        reasoning: list[ir.Reasoning] = []
        calls: list[dict[str, Any]] = []
        refusals: list[str] = []
        signed: dict[str, Any] = {}
        for part in message.parts:
            match part:
                case ir.Text():
                    texts.append(self._text(part))
                case ir.Reasoning() if signs_text(part) and self._reasoning:
                    signed = signed or write_signature(part)
                case ir.Reasoning():
                    reasoning.append(part)
                case ir.ToolCall():
                    calls.append(self._tool_call(part))
                case ir.Refusal():
                    refusals.append(part.text)
                case ir.Opaque() if part.origin != NAME:
                    self._dropped.add(part.path)  # what another upstream's own tools did in an earlier turn
                case _:
                    texts.append(self._part(part))
        marked = any(part.keys() != {"type", "text"} for part in texts)
        content: Any = texts if marked else "".join(part["text"] for part in texts)
        written: dict[str, Any] = {"role": "assistant", "content": content or (None if calls or refusals else "")}
        if refusals:
            written["refusal"] = "".join(refusals)
        written |= self._replayed(reasoning)
        if calls:
            written["tool_calls"] = calls
        self._write(message, written | signed)

    def _tool_call(self, part: ir.ToolCall) -> dict[str, Any]:
        """With its signature only for an upstream that is known to take more than OpenAI does."""
        if part.signature is not None and not self._reasoning:
            self._dropped.add(f"{part.path}.extra_content")
            part = replace(part, signature=None)
        return write_tool_call(part)

    def _replayed(self, reasoning: list[ir.Reasoning]) -> dict[str, Any]:
        """Earlier reasoning, for upstreams that want it back; whole or not at all."""
        if not self._reasoning:
            for part in reasoning:
                self._dropped.add(part.path)
            return {}
        details: list[dict[str, Any]] = []
        for part in reasoning:
            details += write_details(part, len(details))
        text = "".join(part.text for part in reasoning)
        return ({"reasoning_content": text} if text else {}) | ({"reasoning_details": details} if details else {})

    def _write(self, message: ir.Message, written: dict[str, Any]) -> None:
        if message.name is not None:
            written["name"] = message.name
        self.written.append(written)

    # Parts

    def _part(self, part: ir.AnyPart) -> dict[str, Any]:
        match part:
            case ir.Text():
                return self._text(part)
            case ir.Image():
                image = {"url": self._image_url(part)} | ({"detail": part.detail} if part.detail else {})
                return self._marked({"type": "image_url", "image_url": image}, part)
            case ir.Audio():
                audio = {"data": part.data, "format": part.format}
                return self._marked({"type": "input_audio", "input_audio": audio}, part)
            case ir.Document():
                return self._document(part)
            case ir.Refusal():
                return {"type": "refusal", "refusal": part.text}
            case ir.Opaque() if part.origin == NAME:
                return dict(part.document)
        raise no_place(part, "a Chat Completions")

    def _text(self, part: ir.Text) -> dict[str, Any]:
        if part.citations:
            self._dropped.add(f"{part.path}.citations")
        return self._marked({"type": "text", "text": part.text}, part)

    def _only_text(self, part: ir.AnyPart) -> ir.Text:
        if not isinstance(part, ir.Text):
            raise no_place(part, "a Chat Completions")
        return part

    def _image_url(self, part: ir.Image) -> str:
        if part.source.kind == "file":
            raise no_place(part, "a Chat Completions")
        return part.source.data if part.source.kind == "url" else media.data_url(part.source, "image/png")

    def _document(self, part: ir.Document) -> dict[str, Any]:
        """Base64 goes as a file, plain text as text with its title; a URL and a foreign file id have no place."""
        source = part.source
        if part.citations is not None:
            self._dropped.add(f"{part.path}.citations")
        if source.kind == "text":
            text = "\n\n".join(piece for piece in (part.title, part.context, source.data) if piece)
            self._dropped.add(part.path, "as text")
            return self._marked({"type": "text", "text": text}, part)
        if part.context is not None:
            self._dropped.add(f"{part.path}.context")
        if source.kind == "base64":
            file = {"filename": part.title or media.file_name(source), "file_data": media.data_url(source, "application/pdf")}
        elif source.kind == "file" and self._own:
            file = {"file_id": source.data} | ({"filename": part.title} if part.title else {})
        else:
            raise no_place(part, "a Chat Completions")
        return self._marked({"type": "file", "file": file}, part)

    def _marked(self, written: dict[str, Any], part: ir.Part) -> dict[str, Any]:
        if self._own:
            written |= part.unknown
        else:
            for name in part.unknown:
                self._dropped.add(f"{part.path}.{name}")
        if part.cache is not None:
            if self._marks:
                written["cache_control"] = cache_control(part.cache)
            else:
                self._dropped.add(f"{part.path}.cache_control")
        return written
