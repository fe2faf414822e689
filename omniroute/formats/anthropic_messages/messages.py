"""ir.Message -> the `system` and `messages` of a Messages body.

What Anthropic asks of a conversation: turns alternate (it joins equal ones itself, other hosts of the format do not), a
user turn answers a tool_use with its tool_results first, tool_use ids are unique and of [A-Za-z0-9_-], texts are not blank.
Source: https://platform.claude.com/docs/en/api/messages (read 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from omniroute.errors import UnsupportedField
from omniroute.formats import ir, media
from omniroute.formats.anthropic_messages.usage import NAME
from omniroute.formats.arguments import is_object, object_of
from omniroute.formats.system import leading_system, reminder
from omniroute.formats.wording import Dropped, no_place, no_text


def write_messages(request: ir.Request, dropped: Dropped) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(system blocks, messages). Raises UnsupportedField for a part that Messages has no place for."""
    writer = _Messages(request, dropped)
    leading, rest = leading_system(request.messages)
    system = [block for message in leading for block in writer.system(message)]
    for message in rest:
        writer.add(message)
    if not writer.turns and system:  # a Chat request may be instructions and nothing else; Messages needs a turn
        dropped.add(f"{request.messages[0].path}.role", "as a user turn")
        return [], [{"role": "user", "content": system}]
    if not writer.turns:
        raise no_text(request)
    return system, writer.turns


def cache_control(cache: ir.CacheMark) -> dict[str, Any]:
    return {"type": "ephemeral"} | ({"ttl": cache.ttl} if cache.ttl else {})


class _Messages:
    """Writes ir messages one after another into `turns`."""

    def __init__(self, request: ir.Request, dropped: Dropped) -> None:
        self.turns: list[dict[str, Any]] = []
        self._dropped = dropped
        self._own = request.origin == NAME
        self._mid_system = request.target.mid_system or self._own
        self._system_path = ""  # where the latest system turn stood
        self._ids = _Ids()

    def system(self, message: ir.Message) -> list[dict[str, Any]]:
        self._unnamed(message)
        for part in message.parts:
            if not isinstance(part, ir.Text):
                raise no_place(part, "a Messages")
        return self._blocks(message.parts)

    def add(self, message: ir.Message) -> None:
        if message.role in ("system", "developer"):
            self._later_system(message)
            return
        self._unnamed(message)
        parts = message.parts if message.role == "user" else self._without_steps(message.parts)
        self._turn(message.role, self._blocks(parts))

    def _later_system(self, message: ir.Message) -> None:
        """System text in mid-conversation: as it is where the target takes it, right after a user turn and with nothing
        but an assistant's after it (https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages,
        read 2026-11-22), else in the user's turn, in the tag that Claude Code uses for its own reminders."""
        blocks = self.system(message)
        if not blocks:
            return
        if self._mid_system and self.turns and self.turns[-1]["role"] == "user":
            self.turns.append({"role": "system", "content": blocks})
            self._system_path = message.path
            return
        self._turn("user", self._reminders(blocks, message.path))

    def _reminders(self, blocks: list[dict[str, Any]], path: str) -> list[dict[str, Any]]:
        for block in blocks:
            block["text"] = reminder(block["text"])
        self._dropped.add(f"{path}.role", "as a reminder in the user's turn")
        return blocks

    def _turn(self, role: str, blocks: list[dict[str, Any]]) -> None:
        if not blocks:
            return
        if role == "user" and not self._own and self.turns and self.turns[-1]["role"] == "system":
            blocks = self._reminders(self.turns.pop()["content"], self._system_path) + blocks
        if self.turns and self.turns[-1]["role"] == role:
            blocks = [*self.turns[-1]["content"], *blocks]
            self.turns.pop()
        if role == "user":
            blocks = sorted(blocks, key=lambda block: block["type"] != "tool_result")  # stable
        self.turns.append({"role": role, "content": blocks})

    def _unnamed(self, message: ir.Message) -> None:
        if message.name is not None:
            self._dropped.add(f"{message.path}.name")

    # Parts

    def _without_steps(self, parts: Iterable[ir.AnyPart]) -> list[ir.AnyPart]:
        """Without what another upstream's own tools did in an earlier turn."""
        kept: list[ir.AnyPart] = []
        for part in parts:
            if isinstance(part, ir.Opaque) and part.origin != NAME:
                self._dropped.add(part.path)
            else:
                kept.append(part)
        return kept

    def _blocks(self, parts: Iterable[ir.AnyPart]) -> list[dict[str, Any]]:
        written = []
        for part in parts:
            block = self._block(part)
            if block is None:
                continue
            if part.cache is not None and block["type"] not in ("thinking", "redacted_thinking"):
                block["cache_control"] = cache_control(part.cache)
            if self._own:
                block |= part.unknown
            else:
                for name in part.unknown:
                    self._dropped.add(f"{part.path}.{name}")
            written.append(block)
        return written

    def _block(self, part: ir.AnyPart) -> dict[str, Any] | None:
        match part:
            case ir.Text():
                return self._text(part)
            case ir.Image() | ir.Document() if part.source.kind == "file" and not self._own:
                raise no_place(part, "a Messages")  # the id of a file that only another host has
            case ir.Image():
                return self._image(part)
            case ir.Document():
                return _document(part)
            case ir.Reasoning():
                return self._thinking(part)
            case ir.ToolCall():
                return self._tool_use(part)
            case ir.ToolResult():
                return self._tool_result(part)
            case ir.Refusal():
                self._dropped.add(part.path, "as text")
                return {"type": "text", "text": part.text} if part.text.strip() else None
            case ir.Opaque() if part.origin == NAME:
                return dict(part.document)
        raise no_place(part, "a Messages")

    def _text(self, part: ir.Text) -> dict[str, Any] | None:
        if not part.text.strip():
            return None  # "text content blocks must contain non-whitespace text": a 400
        block: dict[str, Any] = {"type": "text", "text": part.text}
        own = [dict(citation.document) for citation in part.citations if citation.origin == NAME]
        if own:
            block["citations"] = own
        if len(own) < len(part.citations):
            self._dropped.add(f"{part.path}.citations")
        return block

    def _image(self, part: ir.Image) -> dict[str, Any]:
        if part.detail not in (None, "auto"):
            self._dropped.add(f"{part.path}.image_url.detail")
        source = part.source
        if source.kind == "base64":
            written = {"type": "base64", "media_type": source.media_type or "image/png", "data": source.data}
        elif source.kind == "url":
            written = {"type": "url", "url": source.data}
        else:
            written = {"type": "file", "file_id": source.data}
        return {"type": "image", "source": written}

    def _thinking(self, part: ir.Reasoning) -> dict[str, Any] | None:
        """Whole or not at all: thinking without its own signature is a 400."""
        if part.origin == NAME and part.data is not None:
            return {"type": "redacted_thinking", "data": part.data}
        if part.origin == NAME and part.signature is not None:
            return {"type": "thinking", "thinking": part.text, "signature": part.signature}
        self._dropped.add(part.path)
        return None

    def _tool_use(self, part: ir.ToolCall) -> dict[str, Any]:
        if not is_object(part):
            self._dropped.add(part.path, "arguments are no JSON object")
        if part.custom:
            self._dropped.add(part.path, "its text in an object")
        if part.signature is not None:
            self._dropped.add(f"{part.path}.signature")
        return {"type": "tool_use", "id": self._ids.call(part.id), "name": part.name, "input": object_of(part)}

    def _tool_result(self, part: ir.ToolResult) -> dict[str, Any]:
        """A cache mark on a part of the result goes on the result: within, some hosts of the format refuse it."""
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": self._ids.result(part.call_id)}
        content = self._blocks(part.parts)
        if not self._own:
            marks = [inner.pop("cache_control") for inner in content if "cache_control" in inner]
            if marks:
                block["cache_control"] = marks[-1]
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            block["content"] = content[0]["text"]
        elif content:
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return block


class _Ids:
    """Tool call ids as Anthropic takes them, and unique: some upstreams count from 0 in each turn."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._used: set[str] = set()

    def call(self, call_id: str) -> str:
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", call_id) or "call"
        unique, number = plain, 2
        while unique in self._used:
            unique, number = f"{plain}_{number}", number + 1
        self._used.add(unique)
        self._given[call_id] = unique
        return unique

    def result(self, call_id: str) -> str:
        """The id of the latest call that had this one."""
        return self._given.get(call_id, call_id)


def _document(part: ir.Document) -> dict[str, Any]:
    source = part.source
    text = media.text_of(source)
    if source.kind == "text" or text is not None:
        written = {"type": "text", "media_type": "text/plain", "data": source.data if text is None else text}
    elif source.kind == "base64" and source.media_type in (None, "application/pdf"):
        written = {"type": "base64", "media_type": "application/pdf", "data": source.data}
    elif source.kind == "url":
        written = {"type": "url", "url": source.data}
    elif source.kind == "file":
        written = {"type": "file", "file_id": source.data}
    else:
        message = f"'{part.path}': a Messages upstream takes PDF and text, not {source.media_type}."
        raise UnsupportedField(message, param=part.path)
    block: dict[str, Any] = {"type": "document", "source": written}
    if part.title is not None:
        block["title"] = part.title
    if part.context is not None:
        block["context"] = part.context
    if part.citations is not None:
        block["citations"] = {"enabled": part.citations}
    return block
